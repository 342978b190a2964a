"""The log of a running radraft: a line of text or of JSON for each event, none with an identity.

What is logged is named by codes, case ids and templates of addresses. Of an error's text nothing is
written, since it may quote what it choked on: its type is, and where it was raised. What other
libraries log is written without the values that they put into it. `core.repeats` bounds floods.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Any, TextIO

from radraft.core.repeats import OURS, RepeatLimit, is_ours, place
from radraft.core.settings import LogFormat, LogTarget

if TYPE_CHECKING:
    from types import TracebackType

    from radraft.core.settings import Settings

MAX_BYTES = 5_000_000
KEPT_FILES = 3

_request_id: ContextVar[str] = ContextVar("radraft_request_id", default="")


def write_log(settings: Settings) -> None:
    """Write from now on what is logged to `settings.log_to`: of radraft all from INFO on, of others
    warnings and errors. A second call changes nothing."""
    root = logging.getLogger()
    if any(isinstance(handler.formatter, _Lines) for handler in root.handlers):
        return
    handler = _handler(settings)
    handler.setFormatter(JsonLines() if settings.log_format is LogFormat.JSON else TextLines())
    handler.addFilter(RepeatLimit(handler))
    root.addHandler(handler)
    logging.getLogger(OURS).setLevel(logging.INFO)


def end_log() -> None:
    """Write what was counted and not shown since the last minute ended."""
    for handler in logging.getLogger().handlers:
        for limit in handler.filters:
            if isinstance(limit, RepeatLimit):
                limit.close()


def catch_strays() -> None:
    """Log, without values, what Python would print with them: errors that nothing caught, in any
    thread or while something is thrown away, and warnings."""
    sys.excepthook = _broke
    threading.excepthook = _thread_broke
    sys.unraisablehook = _unraisable
    # Of its optional parameters none is passed by name.
    warnings.showwarning = _warned


@contextmanager
def of_request(request_id: str) -> Iterator[None]:
    """Name a request in every line that is logged while it is answered."""
    token = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(token)


class _Lines(logging.Formatter):
    """A form of our own lines."""


class TextLines(_Lines):
    """Time, level, logger, message; then the request, the event's fields and an error's place."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        told = _event(record)
        shown = " ".join(told.pop(name) for name in ("time", "level", "logger", "message"))
        return " ".join([shown, *(f"{name}={value}" for name, value in told.items())])


class JsonLines(_Lines):
    """One JSON object a line: time (UTC, ISO 8601), level, logger, message, and what else there
    is: request, the event's fields, error and where it was raised."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        return json.dumps(_event(record), ensure_ascii=False)


class _Quiet(logging.Handler):
    """A handler whose own failure (a full disk) is told by its kind: Python's way prints the line's
    arguments at standard error, and does so each time."""

    _failing = False

    def handleError(self, record: logging.LogRecord) -> None:
        """Say once that lines are not written."""
        if self._failing:
            return
        self._failing = True
        error = sys.exc_info()[0]
        print(f"log_not_written: {error.__name__ if error else '?'}", file=sys.__stderr__)


class _Stderr(_Quiet, logging.StreamHandler[Any]):
    pass


class _File(_Quiet, RotatingFileHandler):
    pass


def _handler(settings: Settings) -> logging.Handler:
    if settings.log_to is LogTarget.STDERR:
        return _Stderr(sys.stderr)
    folder = settings.data_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return _File(
        folder / "radraft.log", maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8"
    )


def _event(record: logging.LogRecord) -> dict[str, Any]:
    told: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname,
        "logger": record.name,
        "message": _message(record),
    }
    request_id = _request_id.get()
    if request_id and not getattr(record, "repeats", False):
        told["request"] = request_id
    told.update(getattr(record, "fields", {}))
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if error is not None:
        told["error"] = type(error).__name__
        told["at"] = _frames(error.__traceback__)
    return told


def _message(record: logging.LogRecord) -> str:
    if not is_ours(record):
        # Its text may hold anything; with arguments, the text before they are put in is its
        # source's.
        shown = record.msg if record.args and isinstance(record.msg, str) else "logged"
        return f"{shown.splitlines()[0] if shown else ''} ({place(record)})"
    return record.getMessage().splitlines()[0] if record.getMessage() else ""


def _frames(trace: TracebackType | None) -> list[str]:
    """Where an error was raised, outermost first: file, line and function."""
    return [
        f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)
    ]


_strays = logging.getLogger("radraft.core.logs")


def _broke(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    _strays.critical("the program broke", exc_info=(kind, error, trace))
    if not any(isinstance(handler, _Stderr) for handler in logging.getLogger().handlers):
        sys.stderr.write(f"radraft broke: {kind.__name__}. The log says where.\n")


def _thread_broke(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is None:
        return
    fields = {"thread": args.thread.name if args.thread is not None else ""}
    caught = (args.exc_type, args.exc_value, args.exc_traceback)
    _strays.error("a thread broke", exc_info=caught, extra={"fields": fields})


def _unraisable(args: sys.UnraisableHookArgs) -> None:
    if args.exc_value is None:
        return
    caught = (args.exc_type, args.exc_value, args.exc_traceback)
    _strays.error("an error could not be raised", exc_info=caught)


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    fields = {"warning": category.__name__, "at": f"{filename}:{lineno}"}
    _strays.warning("Python warned", extra={"fields": fields})
