"""Bytes of a backup, each once under its hash, and what a disk says that they are written to."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from radraft.core.errors import BackupError, StorageDamaged, StorageUnavailable
from radraft.core.file_hash import file_sha256
from radraft.store import faults

_CHUNK = 1 << 20
_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
_PART = "part-"


@contextmanager
def target_errors() -> Iterator[None]:
    """Raise what writing to a backup's disk reports as BackupError `backup_disk_full` or
    `backup_not_writable`; of the database that is read, StorageError."""
    try:
        yield
    except OSError as error:
        if faults.of_disk(error) == faults.FULL:
            raise BackupError("backup_disk_full") from None
        reason = error.strerror or type(error).__name__
        raise BackupError("backup_not_writable", reason=reason) from None
    except sqlite3.Error as error:
        raise _of_sqlite(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) from None


def _of_sqlite(number: int) -> BackupError | StorageDamaged | StorageUnavailable:
    kind = number & 0xFF
    if number in _FULL or kind == sqlite3.SQLITE_FULL:
        return BackupError("backup_disk_full")
    if kind in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return StorageDamaged(faults.DAMAGED)
    if kind in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StorageUnavailable(faults.BUSY)
    return BackupError("backup_not_writable", reason=f"SQLite {number}")


class Pool:
    """The folder with the bytes. A file in it is whole and never changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        """Make the folder, and clear what a killed backup was writing. OSError."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for left in self._folder.glob(f"{_PART}*"):
            left.unlink()

    def path(self, sha256: str) -> Path:
        """Where the bytes of hash `sha256` lie."""
        return self._folder / sha256[:2] / sha256

    def holds(self, sha256: str, size: int) -> bool:
        """Whether bytes of that hash are there, by their name and size."""
        try:
            return self.path(sha256).stat().st_size == size
        except FileNotFoundError:
            return False

    def add(self, chunks: Iterable[bytes]) -> tuple[str, int, bool]:
        """Write bytes; return their hash, their size, and whether they are new here. Durable on
        return. BackupError as `target_errors`; what reading `chunks` raises."""
        part = self._folder / f"{_PART}{secrets.token_hex(8)}"
        digest, size = hashlib.sha256(), 0
        with target_errors():
            stream = os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        try:
            with stream:
                for chunk in chunks:
                    digest.update(chunk)
                    size += len(chunk)
                    with target_errors():
                        stream.write(chunk)
                with target_errors():
                    stream.flush()
                    os.fsync(stream.fileno())
            sha256 = digest.hexdigest()
            if self.holds(sha256, size):
                return sha256, size, False
            with target_errors():
                place = self.path(sha256)
                place.parent.mkdir(mode=0o700, exist_ok=True)
                part.rename(place)
                sync_folder(place.parent)
            return sha256, size, True
        finally:
            part.unlink(missing_ok=True)


def require_same(path: Path, sha256: str, name: str) -> None:
    """Require that the file `path` is there and has that hash. BackupError `backup_file_missing`,
    `backup_file_changed`, with `name` for who looks for it."""
    try:
        found = file_sha256(path)
    except FileNotFoundError:
        raise BackupError("backup_file_missing", name=name) from None
    except OSError:
        # A disk that cannot read it any more.
        raise BackupError("backup_file_changed", name=name) from None
    if found != sha256:
        raise BackupError("backup_file_changed", name=name)


def read_chunks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file piece by piece. OSError."""
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def copy_file(source: Path, place: Path) -> None:
    """Copy to the new file `place`, mode 0600; durable on return. OSError."""
    place.unlink(missing_ok=True)
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream, source.open("rb") as read:
        shutil.copyfileobj(read, stream, _CHUNK)
        stream.flush()
        os.fsync(stream.fileno())


def write_file(place: Path, data: bytes) -> None:
    """Write the new file `place`, mode 0600; durable on return. OSError."""
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def sync_file(path: Path) -> None:
    """Have a file survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


sync_folder = sync_file
"""Have the names in a folder survive a power cut."""
