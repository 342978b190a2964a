"""Keeps what was decoded, on this machine's disk, up to a number of bytes.

Files bear the keyed hash of what they are of, are written beside their place and moved there, and
are read only where their checksum holds: any number of processes share the folder, and a power cut
costs a frame that is decoded once more. Those asked for longest ago go first.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import shutil
import threading
import zlib
from contextlib import suppress
from pathlib import Path

from radraft.core.locks import alone

_LOG = logging.getLogger("radraft.pipeline.frames")
_CHECKSUM = 4
_SHARE_KEPT = 0.9
"""What is left after making room."""
_SHARE_WRITTEN = 32
"""One process looks whether room is needed after it wrote this part of the whole."""


class FrameCache:
    """Bytes by case and name. Thread-safe, and safe between processes; it never fails a caller."""

    def __init__(self, folder: Path, secret: bytes, *, most: int, spare: int) -> None:
        """`most`: bytes that may lie there; 0: none. `spare`: bytes that stay free on the disk."""
        self._folder = folder
        self._secret = secret
        self._most = most
        self._spare = spare
        self._lock = threading.Lock()
        self._written = most

    def get(self, case_id: str, name: str) -> bytes | None:
        """Return what was put there; None where nothing is, or something else than was written."""
        path = self._path(case_id, name)
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        content = data[_CHECKSUM:]
        if data[:_CHECKSUM] == _checksum(content):
            return content
        _LOG.warning("a kept frame was damaged and is decoded again")
        with suppress(OSError):
            path.unlink()
        return None

    def put(self, case_id: str, name: str, content: bytes) -> None:
        """Keep `content`, where there is room for it."""
        if len(content) > self._most:
            return
        path = self._path(case_id, name)
        staged = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if shutil.disk_usage(path.parent).free < self._spare + len(content):
                return
            descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(_checksum(content))
                stream.write(content)
            staged.rename(path)
        except OSError as error:
            # A full disk costs speed, not the image.
            _LOG.warning("a frame was not kept (%s)", type(error).__name__)
            with suppress(OSError):
                staged.unlink()
            return
        self._count(len(content))

    def forget(self, case_id: str) -> None:
        """Remove all that is kept of a case."""
        shutil.rmtree(self._folder / self._hash(case_id), ignore_errors=True)

    def _count(self, size: int) -> None:
        with self._lock:
            self._written += size
            due = self._written * _SHARE_WRITTEN >= self._most
            if due:
                self._written = 0
        if due:
            self._make_room()

    def _make_room(self) -> None:
        with suppress(OSError), alone(self._folder / "room.lock") as first:
            if not first:
                return
            kept = sorted(self._kept(), key=lambda file: file[0])
            total = sum(size for _, size, _ in kept)
            if total <= self._most:
                return
            for _, size, path in kept:
                if total <= _SHARE_KEPT * self._most:
                    break
                with suppress(FileNotFoundError):
                    path.unlink()
                total -= size
            self._remove_empty()

    def _kept(self) -> list[tuple[float, int, Path]]:
        """Return when each file was last asked for, its bytes and its place."""
        found = []
        for folder in self._folder.iterdir():
            if not folder.is_dir():
                continue
            with suppress(FileNotFoundError), os.scandir(folder) as files:
                for file in files:
                    with suppress(FileNotFoundError):
                        status = file.stat()
                        found.append((status.st_mtime, status.st_size, Path(file.path)))
        return found

    def _remove_empty(self) -> None:
        for folder in self._folder.iterdir():
            if folder.is_dir():
                # One that another is just writing into is not empty, or is made again by him.
                with suppress(OSError):
                    folder.rmdir()

    def _path(self, case_id: str, name: str) -> Path:
        return self._folder / self._hash(case_id) / self._hash(f"{case_id} {name}")

    def _hash(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()[:40]


def _checksum(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(_CHECKSUM, "big")
