"""The end of a service: within seconds of SIGTERM or SIGINT, whatever it is doing."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType, TracebackType
from typing import NoReturn, Self

log = logging.getLogger("radraft.cli.shutdown")

AGAIN_S = 0.1
"""How often the main thread is asked again, until it unwinds."""
LIMIT_S = 8.0
"""How long the orderly end may take. Supervisors kill after ten seconds or more."""


class Shutdown:
    """Within `with`, the first SIGTERM or SIGINT unwinds the main thread, at start-up too, so that
    everything opened is closed; with that the process ends. What has not closed in time is cut off:
    drafts then wait for their leases to expire, and the next start ends the vLLM left behind.
    """

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._requested = False

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._requested:
            # Here and now: a sum that still runs on some thread is worth nothing, and Python takes
            # seconds to put its own memory away.
            _exit(0 if kind is SystemExit else 1)

    def allow(self, drain_s: float) -> None:
        """Let the end take longer by what a drain of so many seconds may (`cli.http_server`)."""
        self._limit_s = LIMIT_S + 2 * drain_s

    def wait(self, seconds: float) -> None:
        """Wait so long; the end, when it is asked for, unwinds from here."""
        time.sleep(seconds)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if _unwinding():
            return
        if not self._requested:
            self._requested = True
            threading.Thread(target=self._cut_off, name="radraft-shutdown", daemon=True).start()
        if frame is not None and "importlib._bootstrap" in frame.f_code.co_filename:
            # Broken off in the import system itself, the interpreter's import lock would stay held,
            # and every thread that imports would wait for ever. The next asking finds it elsewhere.
            return
        raise SystemExit(0)

    def _cut_off(self) -> None:
        end = time.monotonic() + self._limit_s
        main = threading.main_thread().ident
        while time.monotonic() < end:
            time.sleep(AGAIN_S)
            if main is not None:
                # An exception can also be swallowed where it was raised, in a library's import.
                signal.pthread_kill(main, signal.SIGTERM)
        names = ", ".join(sorted(thread.name for thread in threading.enumerate()))
        log.warning("cut off after %.0f s; still running: %s", self._limit_s, names)
        _exit(1)


def _unwinding() -> bool:
    """Return whether the thread is on its way out: a SystemExit is being handled."""
    error = sys.exception()
    while error is not None:
        if isinstance(error, SystemExit):
            return True
        error = error.__context__
    return False


def _exit(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        # Nobody may be reading any more, and the end must come all the same.
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
