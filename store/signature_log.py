"""Heads of the chain of signatures, sent to where the database's administrator cannot reach.

A line says the chain's name, a number, the head and the time, and nothing of a case or a person::

    radraft-signatures 1 chain=0123456789abcdef sequence=12 head=HEX at=2026-01-02T03:04:05+00:00

`Settings.signature_log` says where: `file:/path` (appended, on the disk when `send` returns),
`syslog` (the socket /dev/log) or `syslog:/path` of another socket. Signing never waits for it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import socket
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, aliased

from radraft.core.errors import RadraftError
from radraft.store.signature_chain import Link, chain_name, link_of
from radraft.store.tables import SignatureHeadRow, SignatureLinkRow

if TYPE_CHECKING:
    from radraft.store.database import Store

log = logging.getLogger("radraft.store.signature_log")

SENT_AT_ONCE = 500
RETRY_S = 30.0
CLOSE_S = 5.0
"""Longest that closing the store waits for a last attempt."""
SYSLOG = Path("/dev/log")
# RFC 5424, 6.2.1: facility 13 (log audit), severity 5 (notice).
_PRIORITY = 13 * 8 + 5
_LINE = re.compile(
    r"radraft-signatures 1 chain=(?P<chain>[0-9a-f]{16}) sequence=(?P<sequence>[0-9]{1,15})"
    r" head=(?P<head>[0-9a-f]{64}) at=\S+"
)


class Destination(Protocol):
    """Where lines go."""

    def send(self, lines: Iterable[str]) -> None:
        """Hand the lines over. OSError where that cannot be done now; some may have gone."""


@dataclass(frozen=True)
class LogFile:
    """A file that lines are appended to."""

    path: Path

    def send(self, lines: Iterable[str]) -> None:
        """Append; on the disk on return."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            # What a full disk cut off half way is not continued by the next line.
            torn = bool(size) and os.pread(descriptor, 1, size - 1) != b"\n"
            text = "\n" * torn + "".join(f"{line}\n" for line in lines)
            left = memoryview(text.encode())
            while left:
                left = left[stream.write(left) or 0 :]
            os.fsync(descriptor)


@dataclass(frozen=True)
class Syslog:
    """The system's log, by its socket; where it keeps or forwards lines is its own affair."""

    path: Path = SYSLOG

    def send(self, lines: Iterable[str]) -> None:
        """Send each line as a message of RFC 3164's form, as log daemons take it locally."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.settimeout(5.0)
            connection.connect(str(self.path))
            for line in lines:
                connection.send(f"<{_PRIORITY}>radraft: {line}".encode())


@dataclass(frozen=True)
class SentHead:
    """A head as a log has it."""

    sequence: int
    head: str


def destination(setting: str) -> Destination | None:
    """Return where `Settings.signature_log` sends to; None where it is empty."""
    kind, _, path = setting.partition(":")
    if not setting:
        return None
    return LogFile(Path(path)) if kind == "file" else Syslog(Path(path) if path else SYSLOG)


def sent_heads(path: Path, key: bytes) -> Iterator[SentHead]:
    """Yield this chain's heads in a log, whatever else its lines say. OSError."""
    name = chain_name(key)
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            found = _LINE.search(line)
            if found is not None and found["chain"] == name:
                yield SentHead(int(found["sequence"]), found["head"])


def unsent(session: Session) -> int:
    """Return how many heads were not sent yet; the block that began the chain has one."""
    return session.scalar(select(func.count()).where(_is_unsent())) or 0


class HeadSender:
    """Sends what is unsent whenever it is woken, and again while that fails. Threads may share one.

    Each process of a store has its own; a head that two send is there twice, which does no harm.
    """

    def __init__(self, store: Store, to: Destination) -> None:
        self._store = store
        self._to = to
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None
        self.failing = False
        """Whether the last attempt failed."""

    def wake(self) -> None:
        """Send soon, without waiting for it."""
        with self._lock:
            self._wake.set()
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(
                    target=self._run, name="radraft-signature-log", daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """Try once more where something is left, for up to `CLOSE_S`, and end."""
        with self._lock:
            self._closing = True
            self._wake.set()
        if self._thread is not None:
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while True:
            self._wake.wait(RETRY_S if self.failing else None)
            self._wake.clear()
            closing = self._closing
            self._attempt()
            if closing:
                return

    def _attempt(self) -> None:
        try:
            while self._send_some():
                pass
        except (OSError, SQLAlchemyError, RadraftError) as error:
            if not self.failing:
                # The type only: a driver's message may quote values.
                log.error("signature_log_failed: %s", type(error).__name__)
            self.failing = True
        else:
            self.failing = False

    def _send_some(self) -> bool:
        with self._store.read() as session:
            links = _unsent(session)
        name = chain_name(self._store.signature_key)
        if not links:
            return False
        self._to.send([_line(link, name) for link in links])
        with self._store.begin() as session:
            session.execute(
                update(SignatureHeadRow)
                .where(SignatureHeadRow.sent < links[-1].sequence)
                .values(sent=links[-1].sequence)
                .execution_options(synchronize_session=False)
            )
        return True


def _unsent(session: Session) -> list[Link]:
    """The next links to send, oldest first."""
    rows = session.scalars(
        select(SignatureLinkRow)
        .where(_is_unsent())
        .order_by(SignatureLinkRow.sequence)
        .limit(SENT_AT_ONCE)
    )
    return [link_of(row) for row in rows]


def _is_unsent() -> ColumnElement[bool]:
    """Behind the last that was sent; of the inherited ones, which were made at once, the last."""
    after = aliased(SignatureLinkRow)
    more_inherited = exists().where(
        after.sequence == SignatureLinkRow.sequence + 1, after.inherited
    )
    sent = select(SignatureHeadRow.sent).scalar_subquery()
    return (SignatureLinkRow.sequence > sent) & (~SignatureLinkRow.inherited | ~more_inherited)


def _line(link: Link, name: str) -> str:
    at = link.linked_at.astimezone(UTC).isoformat()
    return f"radraft-signatures 1 chain={name} sequence={link.sequence} head={link.head} at={at}"
