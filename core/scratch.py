"""Folders for files that must not outlive the work on them, also where its process is killed.

A folder is locked by whoever works in it; the kernel drops the lock when that process dies. So a
folder that can be locked by another is a dead one's.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from radraft.core.locks import alone

_LOG = logging.getLogger("radraft.scratch")
_SWEEP_LOCK = "sweep.lock"


class ScratchFolder:
    """A new folder below a scratch folder, mode 0700, removed by `close`. A context manager."""

    _descriptor = -1

    def __init__(self, scratch: Path, prefix: str) -> None:
        """OSError where nothing can be written."""
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path, self._descriptor = _locked_folder(scratch, prefix)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the folder and all that is in it."""
        if self._descriptor < 0:
            return
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._descriptor)
        self._descriptor = -1

    def __del__(self) -> None:
        self.close()


def sweep(scratch: Path) -> int:
    """Remove what killed processes left below `scratch`, and return how many folders that were.

    Of several processes that sweep at once one does it; nobody's work is touched.
    """
    removed = 0
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    with alone(scratch / _SWEEP_LOCK) as first:
        if not first:
            return 0
        for folder in sorted(scratch.iterdir()):
            if folder.is_dir() and not folder.is_symlink():
                removed += _remove_if_dead(folder)
    if removed:
        _LOG.warning("removed %d folders that killed processes had left", removed)
    return removed


def _locked_folder(scratch: Path, prefix: str) -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(dir=scratch, prefix=prefix))
        descriptor = _open(path)
        if descriptor is None:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_at(path, descriptor):
            return path, descriptor
        # Swept between its making and its locking.
        os.close(descriptor)


def _remove_if_dead(folder: Path) -> bool:
    descriptor = _open(folder)
    if descriptor is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _open(folder: Path) -> int | None:
    """Return a descriptor of the folder; None where it is gone."""
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    held = os.fstat(descriptor)
    return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)
