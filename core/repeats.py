"""Bounds what the log says of one thing over and over, so that nobody can fill it.

What may come in floods (refused requests, what other libraries complain of, errors with a place) is
told line by line at the beginning of each minute, and then counted; a line at the minute's end says
how many more there were. Of what people did each line is kept, up to more than people can do.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

OURS = "radraft"
"""The logger above all of ours."""
MINUTE_S = 60.0
SHOWN_OF_CLIENT, SHOWN = 5, 30
"""Lines of one kind in a minute of what may come in floods: from one address, and in all."""
DONE_OF_CLIENT, DONE = 120, 1200
"""The same of everything else."""
MOST_KINDS = 300
"""Kinds that are told apart in one minute; what is of others is counted together."""
MOST_CLIENTS = 1000
"""Addresses of one kind that are told apart in one minute."""


@dataclass
class _Kind:
    """Lines of one kind in this minute."""

    logger: str
    level: int
    fields: dict[str, Any]
    """What the summary says of the kind."""
    shown: int = 0
    more: int = 0
    of_client: dict[str, int] = field(default_factory=dict)
    """Lines shown of each address."""
    clients: set[str] = field(default_factory=set)
    """Addresses whose lines were counted and not shown."""


class RepeatLimit(logging.Filter):
    """A handler's filter. Threads may share one; `close` says what was counted last."""

    def __init__(
        self, handler: logging.Handler, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`handler` gets the summaries; `clock` counts seconds."""
        super().__init__()
        self._handler = handler
        self._clock = clock
        self._lock = threading.Lock()
        self._began = clock()
        self._kinds: dict[Hashable, _Kind] = {}
        self._timer: threading.Timer | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is written; else it is counted."""
        if getattr(record, "repeats", False):
            return True
        if record.levelno < logging.WARNING and not is_ours(record):
            return False
        with self._lock:
            over = self._ended(self._clock())
            shown = self._shown(record)
        self._tell(over)
        return shown

    def tell(self) -> None:
        """Write how many lines there were that were not shown."""
        with self._lock:
            self._timer = None
            over = self._ended(None)
        self._tell(over)

    def close(self) -> None:
        """Write what was counted last."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
        self.tell()

    def _ended(self, now: float | None) -> list[_Kind]:
        """The kinds of a minute that has ended; None: it ends now."""
        if now is not None and now - self._began < MINUTE_S:
            return []
        over = [kind for kind in self._kinds.values() if kind.more]
        self._began = self._clock()
        self._kinds = {}
        return over

    def _shown(self, record: logging.LogRecord) -> bool:
        key, in_floods, told = _kind_of(record)
        known = self._kinds.get(key)
        if known is None:
            if len(self._kinds) >= MOST_KINDS:
                key, in_floods, told = "others", True, {"of": "others"}
            known = self._kinds.setdefault(key, _Kind(record.name, record.levelno, told))
        client = str(getattr(record, "fields", {}).get("client", ""))
        most_of_client, most = (SHOWN_OF_CLIENT, SHOWN) if in_floods else (DONE_OF_CLIENT, DONE)
        mine = known.of_client.get(client, 0)
        if known.shown < most and mine < (most_of_client if client else most):
            known.shown += 1
            known.of_client[client] = mine + 1
            return True
        known.more += 1
        if client and len(known.clients) < MOST_CLIENTS:
            known.clients.add(client)
        if self._timer is None:
            # The flood may end, and nothing else be logged for hours.
            left = max(0.0, self._began + MINUTE_S - self._clock())
            self._timer = threading.Timer(left, self.tell)
            self._timer.daemon = True
            self._timer.start()
        return False

    def _tell(self, over: list[_Kind]) -> None:
        for kind in over:
            fields = {"from": kind.logger, **kind.fields, "more": kind.more}
            if kind.clients:
                fields["clients"] = len(kind.clients)
            said = {"name": __name__, "levelno": kind.level, "msg": "repeated", "fields": fields}
            said |= {"levelname": logging.getLevelName(kind.level), "repeats": True}
            record = logging.makeLogRecord(said)
            self._handler.handle(record)


def is_ours(record: logging.LogRecord) -> bool:
    """Return whether radraft itself wrote a line."""
    return record.name == OURS or record.name.startswith(f"{OURS}.")


def place(record: logging.LogRecord) -> str:
    """Return which line of which file logged it."""
    return f"{record.pathname}:{record.lineno}"


def _kind_of(record: logging.LogRecord) -> tuple[Hashable, bool, dict[str, Any]]:
    """What a line is counted under, whether such lines come in floods, and what a summary says.

    Names of loggers, texts of the source, codes, routes, places: nothing that a request brings.
    """
    fields = getattr(record, "fields", {})
    code, status = fields.get("code"), fields.get("status", 0)
    refused = code is not None or status >= 400
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    told: dict[str, Any] = {"of": record.msg if is_ours(record) else place(record)}
    if code is not None:
        told["code"] = code
    elif refused:
        told["status"] = status
    elif "route" in fields:
        # Of refusals the route is not told apart: there are many, and one asker.
        told["route"] = fields["route"]
    if error is not None:
        told["error"] = type(error).__name__
        told["error_at"] = _innermost(error)
    if "warning" in fields:
        told |= {"warning": fields["warning"], "warned_at": fields["at"]}
    in_floods = refused or "warning" in fields or error is not None or not is_ours(record)
    return (record.name, record.levelno, *told.values()), in_floods, told


def _innermost(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
