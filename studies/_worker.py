"""A worker process: opens untrusted files under limits and answers with plain data.

Started by `_child.Worker` as `python -I -m radraft.studies._worker`. It reads requests from its
standard input and ends with it. Whatever a library prints goes to nowhere.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from radraft.studies import _limits, _protocol

Answer = tuple[dict[str, Any], bytes]


def serve(answer: Callable[[dict[str, Any]], Answer], load: Callable[[], None]) -> None:
    """Answer requests until the parent closes the pipe. `load` imports what they need, before the
    limit on memory is set."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    load()
    _limit_memory()
    while (request := _next(requests)) is not None:
        message, blob = answer(request)
        answers.write(_protocol.pack(message, blob))
        answers.flush()


def import_all() -> None:
    """Everything that a request may need: no file pays for it, in time or in memory."""
    # pydicom would import it to fetch example files: a quarter of the start, for a process that
    # opens untrusted files and is to reach nobody.
    sys.modules["requests"] = None  # type: ignore[assignment]
    import pydicom.charset
    import pydicom.pixels.processing  # noqa: F401

    from radraft.studies import _codecs, _full, _header, _render, _unzip  # noqa: F401

    _codecs.load()


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + _limits.WORKER_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    # A core file would hold patient data.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_request(op: str, seconds: float) -> None:
    """Bound what the next request may take and write."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    spent = usage.ru_utime + usage.ru_stime
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(spent + seconds) + 1, hard))
    writable = _limits.ZIP_MAX_TOTAL if op == "unzip" else 0
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (writable, hard))


def _next(requests: BinaryIO) -> dict[str, Any] | None:
    prefix = requests.read(_protocol.PREFIX.size)
    if len(prefix) < _protocol.PREFIX.size:
        return None
    text, _ = _protocol.lengths(prefix)
    return _protocol.unpack(requests.read(text))


def answer(request: dict[str, Any]) -> Answer:
    """Return the answer to a request about one file; never an exception of the file's making."""
    op = request["op"]
    limit_request(op, request["seconds"])
    if op == "ready":
        return {}, b""
    path = Path(request["path"])
    try:
        if op == "header":
            from radraft.studies._header import header

            return header(path), b""
        if op == "directory":
            from radraft.studies._header import directory

            return directory(path), b""
        if op == "unzip":
            from radraft.studies._unzip import unzip

            return unzip(path, Path(request["into"])), b""
        if op == "full":
            from radraft.studies._full import full

            return full(path, request["frame"])
        from radraft.studies._render import render

        return render(path, request["frame"])
    except MemoryError:
        return {"code": "needs_too_much_memory"}, b""
    except RecursionError:
        return {"code": "nested_too_deep"}, b""
    except PermissionError:
        return {"code": "unreadable_file"}, b""


if __name__ == "__main__":
    serve(answer, import_all)
