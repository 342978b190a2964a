"""The process that opens untrusted files for de-identification: `_worker` with other work.

Started as `python -I -m radraft.studies.deid._process`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from radraft.studies import _protocol, _worker
from radraft.studies._child import Worker


class DeidWorker(Worker):
    """A killable subprocess with the work of `_work`. Use as a context manager."""

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            # No secret of the service's environment goes to a process that opens untrusted files.
            kept = {k: v for k, v in os.environ.items() if k in {"PATH", "LANG", "LD_LIBRARY_PATH"}}
            one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-W", "ignore", "-m", "radraft.studies.deid._process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=kept | one_thread,
                start_new_session=True,
            )
        return self._process


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    _worker._import_all()
    import radraft.studies.deid._work  # noqa: F401

    _worker._limit_memory()
    while (request := _worker._next(requests)) is not None:
        message, blob = _answer(request)
        answers.write(_protocol.pack(message, blob))
        answers.flush()


def _answer(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    from radraft.studies.deid import _work

    if request["op"] not in _work.OPS:
        return _worker._answer(request)
    _worker._limit_request(request["op"], request["seconds"])
    try:
        return _work.answer(request)
    except MemoryError:
        return {"code": "needs_too_much_memory"}, b""
    except PermissionError:
        return {"code": "unreadable_file"}, b""


if __name__ == "__main__":
    main()
