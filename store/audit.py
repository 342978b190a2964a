"""The audit: every event is added once, sealed with all before it, and never changed.

Row n carries HMAC-SHA256(key, head of n-1 || what row n says); the key is made of the site secret,
which lies in the data folder and not in the database. Where the audit ends is sealed too, so that
its end cannot be set back to a head that a row shows. Against the restoring of an older database,
and against whoever has the secret, stand the events that were sent to a log server or exported
before (docs/audit.md).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, true, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.core.errors import StorageDamaged
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind, AuditQuery, Outcome
from radraft.store.sql import storable
from radraft.store.tables import SignatureLinkRow
from radraft.store.tables_audit import AuditHeadRow, AuditRow

FIRST = "0" * 64
"""What stands for the head before the first event."""
PAGE = 100
"""Events of one page of a search."""
_KEY_LABEL = b"radraft audit, key 1"
_INFO = "radraft_audit_key"


@dataclass(frozen=True)
class Entry:
    """An event as the audit keeps it."""

    sequence: int
    """1 for the first."""
    event: AuditEvent
    head: str

    def plain(self) -> dict[str, Any]:
        """Return it as JSON takes it, for pages and exports."""
        event = self.event
        return {
            "sequence": self.sequence,
            "at": canonical.plain(event.at),
            "kind": event.kind.value,
            "outcome": event.outcome.value,
            "code": event.code,
            "name": event.actor.name,
            "account_id": event.actor.account_id,
            "address": event.actor.address,
            "site": event.site,
            "case_id": event.case_id,
            "details": dict(event.details),
            "head": self.head,
        }


@dataclass(frozen=True)
class AuditPage:
    """One page of a search, newest first."""

    entries: tuple[Entry, ...]
    more: bool
    """Whether older ones fit too."""


def audit_key(secret: bytes) -> bytes:
    """Return the audit's key, made of the site secret."""
    return hmac.new(secret, _KEY_LABEL, hashlib.sha256).digest()


def session_info(key: bytes) -> dict[str, object]:
    """Return what a session has to carry to add events and to examine them."""
    return {_INFO: key}


def key_of(session: Session) -> bytes:
    """Return the audit's key. ValueError for a session that `Store` did not open."""
    key = session.info.get(_INFO)
    if not isinstance(key, bytes):
        raise ValueError("a session of Store.begin or Store.read is needed")
    return key


def begin(connection: Connection, key: bytes) -> None:
    """Write the first event, in the transaction that makes the tables: from then on an audit
    without a sealed end is not radraft's own. It says how many signatures there were before."""
    signatures = connection.scalar(select(func.count()).select_from(SignatureLinkRow)) or 0
    with Session(connection, info=session_info(key)) as session:
        details = {"signatures": str(signatures)}
        actor = AuditActor("radraft")
        event = AuditEvent(AuditKind.BEGAN, datetime.now(UTC), actor, details=details)
        _add(session, _End(0, FIRST, 0), event)
        session.flush()


def append(session: Session, event: AuditEvent) -> int:
    """Add an event in the transaction of what it tells of, last of all: other events wait until it
    ends. Return its number.

    StorageDamaged `audit_broken` where the store does not say where the audit ends: then what the
    event tells of does not happen either.
    """
    return append_all(session, [event])


def append_all(session: Session, events: Sequence[AuditEvent]) -> int:
    """Add one event or more in their order, as `append`. Return the last one's number."""
    session.flush()
    end = _end(session, held=True)
    if end is None:
        raise StorageDamaged("audit_broken")
    return _add(session, end, *events)


def reseal(session: Session, event: AuditEvent) -> int:
    """Go on behind the newest event that is there, with `event` to tell of it; what was changed or
    cut off stays so. Return its number."""
    session.flush()
    held = session.execute(select(AuditHeadRow.id).where(AuditHeadRow.id == 1).with_for_update())
    if held.one_or_none() is None:
        session.execute(insert(AuditHeadRow).values(id=1, sequence=0, head="", seal="", sent=0))
    newest = session.execute(
        select(AuditRow.sequence, AuditRow.head).order_by(AuditRow.sequence.desc()).limit(1)
    ).one_or_none()
    sequence, head = (0, FIRST) if newest is None else (newest.sequence, newest.head)
    # What was sent before is not known any more: a server that gets an event twice sees its number.
    return _add(session, _End(sequence, head, 0), event)


def search(session: Session, query: AuditQuery, limit: int = PAGE) -> AuditPage:
    """Return the newest `limit` events that `query` chooses."""
    numbers = session.scalars(
        select(AuditRow.sequence)
        .where(*_chosen(query))
        .order_by(AuditRow.sequence.desc())
        .limit(limit + 1)
    ).all()
    return AuditPage(_read(session, numbers[:limit]), more=len(numbers) > limit)


def after(session: Session, sequence: int, limit: int) -> tuple[Entry, ...]:
    """Return the next events behind a number, oldest first."""
    numbers = session.scalars(
        select(AuditRow.sequence)
        .where(AuditRow.sequence > sequence)
        .order_by(AuditRow.sequence)
        .limit(limit)
    ).all()
    return _read(session, numbers)


def sent(session: Session) -> int:
    """Return the number up to which events were handed to the log server; 0 where that is not
    known."""
    end = _end(session)
    return 0 if end is None else end.sent


def unsent(session: Session) -> int:
    """Return how many events were not handed to the log server yet."""
    newest = session.scalar(select(func.max(AuditRow.sequence))) or 0
    return max(0, newest - sent(session))


def mark_sent(session: Session, sequence: int) -> None:
    """Note that events up to `sequence` were handed over; nothing where the end does not hold."""
    end = _end(session, held=True)
    if end is not None and end.sent < sequence <= end.sequence:
        _keep_end(session, replace(end, sent=sequence))


def entry_of(row: AuditRow) -> Entry:
    """Return the event that `row` keeps. StorageDamaged `value_damaged`."""
    try:
        event = AuditEvent(
            kind=AuditKind(row.kind),
            at=row.at,
            actor=AuditActor(row.name, row.account_id, row.address),
            outcome=Outcome(row.outcome),
            site=row.site,
            case_id=row.case_id,
            code=row.code,
            details=json.loads(row.details),
        )
    except (ValueError, AttributeError, TypeError):
        raise StorageDamaged("value_damaged") from None
    return Entry(row.sequence, event, row.head)


def head_of(previous: str, said: Mapping[str, Any], key: bytes) -> str:
    """Return the head of a row that says `said` behind one whose head is `previous`."""
    told = {**said, "at": said["at"].astimezone(UTC)}
    # A head has one length, so that no two of it and what follows read the same.
    message = f"{previous:>64.64}{canonical.dumps(told)}".encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def end_holds(sequence: int, head: str, sent: int, seal: str, key: bytes) -> bool:
    """Return whether the site's key made this end of the audit."""
    return hmac.compare_digest(_seal(_End(sequence, head, sent), key), seal)


@dataclass(frozen=True)
class _End:
    """Where the audit ends, and up to where it was sent."""

    sequence: int
    head: str
    sent: int


def _add(session: Session, end: _End, *events: AuditEvent) -> int:
    sequence, head, rows = end.sequence, end.head, []
    for sequence, event in enumerate(events, end.sequence + 1):
        columns = _row(sequence, event)
        head = head_of(head, columns, key_of(session))
        rows.append({**columns, "head": head})
    session.execute(insert(AuditRow), rows)
    _keep_end(session, replace(end, sequence=sequence, head=head))
    return sequence


def _end(session: Session, *, held: bool = False) -> _End | None:
    """The end, `held` until the transaction ends; None where it is not radraft's own."""
    wanted = select(
        AuditHeadRow.sequence, AuditHeadRow.head, AuditHeadRow.sent, AuditHeadRow.seal
    ).where(AuditHeadRow.id == 1)
    row = session.execute(wanted.with_for_update() if held else wanted).one_or_none()
    if row is None or not end_holds(row.sequence, row.head, row.sent, row.seal, key_of(session)):
        return None
    return _End(row.sequence, row.head, row.sent)


def _keep_end(session: Session, end: _End) -> None:
    session.execute(
        update(AuditHeadRow)
        .where(AuditHeadRow.id == 1)
        .values(
            sequence=end.sequence, head=end.head, sent=end.sent, seal=_seal(end, key_of(session))
        )
        .execution_options(synchronize_session=False)
    )


def _seal(end: _End, key: bytes) -> str:
    return hmac.new(key, f"end {end.sequence} {end.sent} {end.head}".encode(), "sha256").hexdigest()


def _read(session: Session, numbers: Sequence[int]) -> tuple[Entry, ...]:
    """The events of these numbers, in their order; what cannot be read is said to be damaged."""
    if not numbers:
        return ()
    try:
        rows = session.scalars(select(AuditRow).where(AuditRow.sequence.in_(numbers)))
        known = {row.sequence: entry_of(row) for row in rows}
        return tuple(known[number] for number in numbers)
    except StorageDamaged:
        if len(numbers) == 1:
            return (_damaged(session, numbers[0]),)
        half = len(numbers) // 2
        return (*_read(session, numbers[:half]), *_read(session, numbers[half:]))


def _damaged(session: Session, number: int) -> Entry:
    head = session.scalar(select(AuditRow.head).where(AuditRow.sequence == number)) or ""
    actor = AuditActor("radraft")
    event = AuditEvent(AuditKind.DAMAGED, datetime.now(UTC), actor, outcome=Outcome.FAILED)
    return Entry(number, event, head)


def _row(sequence: int, event: AuditEvent) -> dict[str, Any]:
    return {
        "sequence": sequence,
        "kind": event.kind.value,
        "outcome": event.outcome.value,
        "at": event.at,
        "account_id": event.actor.account_id,
        "name": storable(event.actor.name),
        "address": storable(event.actor.address),
        "site": storable(event.site),
        "case_id": None if event.case_id is None else storable(event.case_id)[:64],
        "code": event.code,
        "details": canonical.dumps(
            {name: storable(detail) for name, detail in event.details.items()}
        ),
    }


def _chosen(query: AuditQuery) -> Sequence[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = [true()]
    if query.first is not None:
        wanted.append(AuditRow.at >= query.first)
    if query.last is not None:
        wanted.append(AuditRow.at < query.last)
    if query.kinds:
        wanted.append(AuditRow.kind.in_(sorted(query.kinds)))
    if query.outcome is not None:
        wanted.append(AuditRow.outcome == query.outcome.value)
    if query.account_id is not None:
        wanted.append(AuditRow.account_id == query.account_id)
    if query.name:
        wanted.append(AuditRow.name.icontains(storable(query.name), autoescape=True))
    if query.case_id is not None:
        wanted.append(AuditRow.case_id == storable(query.case_id))
    if query.address:
        wanted.append(AuditRow.address == storable(query.address))
    if query.sites is not None:
        wanted.append(AuditRow.site.in_(sorted(query.sites)))
    if query.before is not None:
        wanted.append(AuditRow.sequence < query.before)
    return wanted
