"""HL7 messages that came: which were applied, and those that a person has to look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.orm import Session

from radraft.core.errors import NotFound
from radraft.store import faults
from radraft.store.sql import insert_all_new, storable
from radraft.store.tables import OrderMessageRow


class MessageState(StrEnum):
    """What became of a message."""

    APPLIED = "applied"
    KEPT = "kept"
    """Its sender was told no; it waits for a person, or for a version that can read it."""
    DROPPED = "dropped"
    """A person said that it is not wanted."""


@dataclass(frozen=True)
class MessageKey:
    """By what a message to one site is known again: two sites' systems may number alike."""

    sender: str
    """MSH-3 and MSH-4."""
    control_id: str
    """MSH-10."""
    sha256: str
    """Of all its segments but MSH."""


@dataclass(frozen=True)
class StoredMessage:
    """A message that came."""

    message_id: int
    site: str
    key: MessageKey
    kind: str
    state: MessageState
    code: str | None
    content: bytes | None = field(repr=False)
    received_at: datetime
    repeats: int


def add(
    session: Session,
    key: MessageKey,
    *,
    site: str,
    kind: str,
    mended: bool,
    content: bytes,
    now: datetime,
) -> StoredMessage | None:
    """Note that a message came, kept until it is settled; None where it is new, else what became
    of it when it came first."""
    values = {
        "site": site,
        "sender": storable(key.sender),
        "control_id": storable(key.control_id),
        "sha256": key.sha256,
        "kind": storable(kind)[:16],
        "state": MessageState.KEPT.value,
        "content": content,
        "mended": mended,
        "received_at": now,
        "repeats": 0,
    }
    added = insert_all_new(session, OrderMessageRow, [values])
    if added:
        return None
    row = session.scalars(select(OrderMessageRow).where(_is(key, site)).with_for_update()).one()
    row.repeats += 1
    row.repeated_at = now
    session.flush()
    return _stored(row)


def settle(
    session: Session, key: MessageKey, state: MessageState, code: str | None = None, *, site: str
) -> None:
    """Say what became of a message; what it said is kept only where a person has to look."""
    values: dict[str, object] = {"state": state.value, "code": code}
    if state is not MessageState.KEPT:
        values["content"] = None
    session.execute(update(OrderMessageRow).where(_is(key, site)).values(**values))


def drop(session: Session, message_id: int) -> None:
    """A person says that a message is not wanted. NotFound `order_message_not_found` where none of
    that number is kept."""
    dropped = session.execute(
        update(OrderMessageRow)
        .where(
            OrderMessageRow.message_id == message_id,
            OrderMessageRow.state == MessageState.KEPT.value,
        )
        .values(state=MessageState.DROPPED.value, content=None)
    )
    if not dropped.rowcount:  # type: ignore[attr-defined]
        raise NotFound("order_message_not_found", number=message_id)


def forget(session: Session, kind: str, before: datetime) -> None:
    """Forget that messages of a type (MSH-9.1) came before then and were taken: a hospital sends
    thousands of some types a day."""
    session.execute(
        delete(OrderMessageRow).where(
            OrderMessageRow.state == MessageState.APPLIED.value,
            OrderMessageRow.received_at < before,
            OrderMessageRow.kind.startswith(f"{kind}^", autoescape=True),
        )
    )


def get(session: Session, message_id: int) -> StoredMessage:
    """Return a message. NotFound `order_message_not_found`."""
    row = session.get(OrderMessageRow, message_id)
    if row is None:
        raise NotFound("order_message_not_found", number=message_id)
    return _stored(row)


def listing(
    session: Session, state: MessageState, *, limit: int = 200
) -> tuple[StoredMessage, ...]:
    """Return the newest messages in a state."""
    wanted = (
        select(OrderMessageRow)
        .where(OrderMessageRow.state == state.value)
        .order_by(OrderMessageRow.message_id.desc())
        .limit(limit)
    )
    return tuple(map(_stored, session.scalars(wanted)))


def kept(session: Session) -> int:
    """Return how many messages wait for a person."""
    waits = OrderMessageRow.state == MessageState.KEPT.value
    return session.scalar(select(func.count()).where(waits)) or 0


def _is(key: MessageKey, site: str) -> ColumnElement[bool]:
    return and_(
        OrderMessageRow.site == site,
        OrderMessageRow.sender == storable(key.sender),
        OrderMessageRow.control_id == storable(key.control_id),
        OrderMessageRow.sha256 == key.sha256,
    )


def _stored(row: OrderMessageRow) -> StoredMessage:
    with faults.decoding("order_messages", row.message_id):
        return StoredMessage(
            message_id=row.message_id,
            site=row.site,
            key=MessageKey(row.sender, row.control_id, row.sha256),
            kind=row.kind,
            state=MessageState(row.state),
            code=row.code,
            content=row.content,
            received_at=row.received_at,
            repeats=row.repeats,
        )
