"""The parent's side of a worker process: one request at a time, killed when it takes too long."""

from __future__ import annotations

import math
import os
import select
import signal
import subprocess
import sys
import time
from types import TracebackType
from typing import Any, Literal, Self

from radraft.studies import _protocol
from radraft.studies._limits import START_SECONDS

_CHUNK = 1 << 20
_READY = "ready"
"""The request that is answered as soon as a worker can answer any."""


class WorkerLost(Exception):
    """The worker took too long or died; the next call starts a new one."""

    def __init__(self, reason: Literal["timeout", "crashed"]) -> None:
        self.reason = reason
        super().__init__(reason)


class Worker:
    """A reusable subprocess that opens untrusted files. Use as a context manager."""

    def __init__(self, module: str = "radraft.studies._worker") -> None:
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def call(self, op: str, *, seconds: float, **arguments: Any) -> tuple[dict[str, Any], bytes]:
        """Answer of the worker to one request. WorkerLost after `seconds` or when it died.

        The time that a new worker takes to start is not the request's: on a busy machine it is
        longer than a file may take.
        """
        if op != _READY:
            self.start()
        process = self._running()
        deadline = time.monotonic() + seconds
        request = _protocol.pack({"op": op, "seconds": seconds, **arguments})
        try:
            assert process.stdin is not None
            process.stdin.write(request)
            process.stdin.flush()
            text_length, blob_length = _protocol.lengths(
                self._receive(process, _protocol.PREFIX.size, deadline)
            )
            message = _protocol.unpack(self._receive(process, text_length, deadline))
            return message, self._receive(process, blob_length, deadline)
        except (BrokenPipeError, EOFError, ValueError) as error:
            raise WorkerLost(self._bury()) from error
        except TimeoutError as error:
            self.close()
            raise WorkerLost("timeout") from error

    def start(self) -> None:
        """Start the process if none runs and wait for it. WorkerLost where it does not start."""
        if self._process is None or self._process.poll() is not None:
            self.call(_READY, seconds=START_SECONDS, path="")

    @property
    def pid(self) -> int | None:
        """Process id of the worker, if there is one."""
        return None if self._process is None else self._process.pid

    def close(self) -> None:
        """Kill the worker, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    # What was still buffered for a dead worker is of no use to anyone.
                    continue

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            # No secret of the service's environment goes to a process that opens untrusted files.
            kept = {k: v for k, v in os.environ.items() if k in {"PATH", "LANG", "LD_LIBRARY_PATH"}}
            one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-W", "ignore", "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=kept | one_thread,
                start_new_session=True,
            )
        return self._process

    def _bury(self) -> Literal["timeout", "crashed"]:
        process = self._process
        if process is None:
            return "crashed"
        try:
            status = process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            status = 0
        self.close()
        return "timeout" if status == -signal.SIGXCPU else "crashed"

    @staticmethod
    def _receive(process: subprocess.Popen[bytes], length: int, deadline: float) -> bytes:
        assert process.stdout is not None
        descriptor = process.stdout.fileno()
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        received = bytearray()
        while len(received) < length:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(math.ceil(left * 1000)):
                raise TimeoutError
            chunk = os.read(descriptor, min(_CHUNK, length - len(received)))
            if not chunk:
                raise EOFError
            received += chunk
        return bytes(received)
