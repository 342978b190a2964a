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
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from sqlalchemy import ColumnElement, insert, select, true, update
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.core.errors import StorageDamaged
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind, AuditQuery, Outcome
from radraft.store.sql import storable
from radraft.store.tables_audit import AuditHeadRow, AuditRow

FIRST = "0" * 64
"""What stands for the head before the first event."""
PAGE = 100
"""Events of one page of a search."""
_KEY_LABEL = b"radraft audit, key 1"
_INFO = "radraft_audit_key"
_GREW = "radraft_audit_grew"


@dataclass(frozen=True)
class Entry:
    """An event as the audit keeps it."""

    sequence: int
    """1 for the first."""
    event: AuditEvent
    head: str


@dataclass(frozen=True)
class Found:
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


def grew(session: Session) -> bool:
    """Return whether this session has added an event."""
    return bool(session.info.get(_GREW))


def append(session: Session, event: AuditEvent) -> int:
    """Add an event in the transaction of what it tells of, last of all: other events wait until it
    ends. Return its number.

    StorageDamaged `audit_broken` where the store does not say where the audit ends: then what the
    event tells of does not happen either.
    """
    session.flush()
    key = key_of(session)
    where = session.execute(
        select(AuditHeadRow.sequence, AuditHeadRow.head, AuditHeadRow.seal)
        .where(AuditHeadRow.id == 1)
        .with_for_update()
    ).one_or_none()
    if where is None or not end_holds(where.sequence, where.head, where.seal, key):
        raise StorageDamaged("audit_broken")
    sequence: int = where.sequence + 1
    said = _row(sequence, event)
    head = head_of(where.head or FIRST, said, key)
    session.execute(insert(AuditRow).values(**said, head=head))
    session.execute(
        update(AuditHeadRow)
        .values(sequence=sequence, head=head, seal=seal_of(sequence, head, key))
        .execution_options(synchronize_session=False)
    )
    session.info[_GREW] = True
    return sequence


def search(session: Session, query: AuditQuery, limit: int = PAGE) -> Found:
    """Return the newest `limit` events that `query` chooses."""
    rows = session.scalars(
        select(AuditRow).where(*_chosen(query)).order_by(AuditRow.sequence.desc()).limit(limit + 1)
    ).all()
    return Found(tuple(entry_of(row) for row in rows[:limit]), more=len(rows) > limit)


def after(session: Session, sequence: int, limit: int) -> tuple[Entry, ...]:
    """Return the next events behind a number, oldest first."""
    rows = session.scalars(
        select(AuditRow)
        .where(AuditRow.sequence > sequence)
        .order_by(AuditRow.sequence)
        .limit(limit)
    )
    return tuple(entry_of(row) for row in rows)


def sent(session: Session) -> int:
    """Return the number up to which events were handed to the log server."""
    return session.scalar(select(AuditHeadRow.sent).where(AuditHeadRow.id == 1)) or 0


def unsent(session: Session) -> int:
    """Return how many events were not handed to the log server yet."""
    where = session.execute(select(AuditHeadRow.sequence, AuditHeadRow.sent)).one_or_none()
    return 0 if where is None else where.sequence - where.sent


def mark_sent(session: Session, sequence: int) -> None:
    """Note that events up to `sequence` were handed over."""
    session.execute(
        update(AuditHeadRow)
        .where(AuditHeadRow.sent < sequence)
        .values(sent=sequence)
        .execution_options(synchronize_session=False)
    )


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


def head_of(previous: str, said: dict[str, Any], key: bytes) -> str:
    """Return the head of a row that says `said` behind one whose head is `previous`."""
    told = {**said, "at": said["at"].astimezone(UTC)}
    # A head has one length, so that no two of it and what follows read the same.
    message = f"{previous:>64.64}{canonical.dumps(told)}".encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def seal_of(sequence: int, head: str, key: bytes) -> str:
    """Return the seal of where the audit ends."""
    return hmac.new(key, f"end {sequence} {head}".encode(), hashlib.sha256).hexdigest()


def end_holds(sequence: int, head: str, seal: str, key: bytes) -> bool:
    """Return whether the site's key made this end; before the first event there is none to make."""
    if not sequence:
        return not head and not seal
    return hmac.compare_digest(seal_of(sequence, head, key), seal)


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
        "details": canonical.dumps({name: storable(of) for name, of in event.details.items()}),
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
        wanted.append(AuditRow.name.contains(query.name, autoescape=True))
    if query.case_id is not None:
        wanted.append(AuditRow.case_id == query.case_id)
    if query.address:
        wanted.append(AuditRow.address == query.address)
    if query.sites is not None:
        wanted.append(AuditRow.site.in_(sorted(query.sites)))
    if query.before is not None:
        wanted.append(AuditRow.sequence < query.before)
    return wanted
