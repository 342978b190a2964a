"""Processes that open untrusted files, passed on from one reader of this process to the next.

Each takes half a second of processor to start, and the product starts one for every study that it
reads and one for its pixels. Tests of other things than these processes need no new ones.
"""

from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from radraft.studies._child import Worker
from radraft.studies.decode import Decoder

MOST = 2
"""Of a kind that wait for the next reader."""
USES = 40
"""After so many readers a process is ended: what it has leaked ends with it."""

Key = tuple[str | None, ...]

_waiting: defaultdict[Key, list[subprocess.Popen[bytes]]] = defaultdict(list)
_uses: defaultdict[int, int] = defaultdict(int)
_running = Worker._running
_leave = Worker.__exit__, Decoder.__exit__


@contextmanager
def passing() -> Iterator[None]:
    """Pass them on for as long as this lasts."""
    Worker._running = running
    Worker.__exit__ = Decoder.__exit__ = leave
    try:
        yield
    finally:
        Worker._running = _running
        Worker.__exit__, Decoder.__exit__ = _leave


def _key(worker: Worker) -> Key:
    """What a process takes with it from where it is started."""
    kept = (os.environ.get(name) for name in ("PATH", "LANG", "LD_LIBRARY_PATH"))
    return (worker._module, str(Path.cwd()), *kept)


def running(worker: Worker) -> subprocess.Popen[bytes]:
    """Give `worker` its process: one that waits, where there is one."""
    if worker._process is None:
        with suppress(IndexError):
            worker._process = _waiting[_key(worker)].pop()
    return _running(worker)


def leave(
    worker: Worker | Decoder,
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
) -> None:
    """Leave `worker`; its process waits for the next, unless something went wrong."""
    if isinstance(worker, Decoder):
        worker = worker._worker
    process, waiting = worker._process, _waiting[_key(worker)]
    well = kind is None and process is not None and process.poll() is None
    if process is None or not well or len(waiting) >= MOST:
        worker.close()
        return
    _uses[process.pid] += 1
    if _uses[process.pid] >= USES:
        del _uses[process.pid]
        worker.close()
        return
    worker._process = None
    waiting.append(process)


def end() -> None:
    """End those that wait."""
    for waiting in _waiting.values():
        while waiting:
            worker = Worker()
            worker._process = waiting.pop()
            worker.close()
