"""The log of a running radraft: a line of text or of JSON for each event, none with an identity.

What is logged is named by codes, case ids and templates of addresses. Of an error's text nothing is
written, since it may quote what it choked on: its type is, and where it was raised.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Any

from radraft.core.settings import LogFormat, LogTarget

if TYPE_CHECKING:
    from types import TracebackType

    from radraft.core.settings import Settings

OURS = "radraft"
"""The logger above all of ours."""
MAX_BYTES = 5_000_000
KEPT_FILES = 3

_request_id: ContextVar[str] = ContextVar("radraft_request_id", default="")


def write_log(settings: Settings) -> None:
    """Write from now on what radraft logs to `settings.log_to`; a second call changes nothing."""
    logger = logging.getLogger(OURS)
    if logger.handlers:
        return
    handler = _handler(settings)
    lines = JsonLines() if settings.log_format is LogFormat.JSON else TextLines()
    handler.setFormatter(lines)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def write_too(name: str) -> None:
    """Write what another logger logs where radraft's lines go, in the same form."""
    for handler in logging.getLogger(OURS).handlers:
        logging.getLogger(name).addHandler(handler)


@contextmanager
def of_request(request_id: str) -> Iterator[None]:
    """Name a request in every line that is logged while it is answered."""
    token = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(token)


class TextLines(logging.Formatter):
    """Time, level, logger, message; then the request, the event's fields and an error's place."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        told = _event(record)
        shown = " ".join(told.pop(name) for name in ("time", "level", "logger", "message"))
        return " ".join([shown, *(f"{name}={value}" for name, value in told.items())])


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC, ISO 8601), level, logger, message, and what else there
    is: request, the event's fields, error and where it was raised."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        return json.dumps(_event(record), ensure_ascii=False)


def _handler(settings: Settings) -> logging.Handler:
    if settings.log_to is LogTarget.STDERR:
        return logging.StreamHandler(sys.stderr)
    folder = settings.data_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return RotatingFileHandler(
        folder / "radraft.log", maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8"
    )


def _event(record: logging.LogRecord) -> dict[str, Any]:
    told: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname,
        "logger": record.name,
        "message": _message(record),
    }
    if request_id := _request_id.get():
        told["request"] = request_id
    told.update(getattr(record, "fields", {}))
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if error is not None:
        told["error"] = type(error).__name__
        told["at"] = _frames(error.__traceback__)
    return told


def _message(record: logging.LogRecord) -> str:
    # uvicorn and asyncio put the traceback, which ends in the error's text, into the message.
    return record.getMessage().splitlines()[0] if record.getMessage() else ""


def _frames(trace: TracebackType | None) -> list[str]:
    """Where an error was raised, outermost first: file, line and function."""
    return [
        f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)
    ]
