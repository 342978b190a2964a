"""DICOM objects that came by themselves, and what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.orm import Session

from radraft.store.sql import chunks, insert_all_new, storable
from radraft.store.tables import ArrivalRow, ArrivalThumbnailRow, ImageVerdictRow


class ArrivalState(StrEnum):
    """waiting -> taken, or refused; what was refused may be sent again."""

    WAITING = "waiting"
    """Its bytes are in the inbox."""
    TAKEN = "taken"
    """Its bytes are with the originals of its case."""
    REFUSED = "refused"
    """Its bytes are in quarantine; `code` says why."""


class Move(StrEnum):
    """What can happen to an arrival."""

    TAKE = "take"
    REFUSE = "refuse"
    SEND_AGAIN = "send_again"


TRANSITIONS: dict[tuple[ArrivalState, Move], ArrivalState] = {
    (ArrivalState.WAITING, Move.TAKE): ArrivalState.TAKEN,
    (ArrivalState.WAITING, Move.REFUSE): ArrivalState.REFUSED,
    (ArrivalState.REFUSED, Move.SEND_AGAIN): ArrivalState.WAITING,
}


@dataclass(frozen=True)
class Arrival:
    """One object."""

    arrival_id: int
    sop_uid: str = field(repr=False)
    study_uid: str = field(repr=False)
    sha256: str
    file: str
    source: str = field(repr=False)
    site: str
    received_at: datetime
    state: ArrivalState
    code: str | None
    inbox: str = ""
    """Which inbox its file lies in; empty where an older version received it."""


@dataclass(frozen=True)
class NewArrival:
    """An object whose bytes are durable in the inbox under `file`."""

    sop_uid: str = field(repr=False)
    study_uid: str = field(repr=False)
    sha256: str
    file: str
    source: str = field(repr=False)
    site: str
    received_at: datetime
    inbox: str = ""


@dataclass(frozen=True)
class WaitingStudy:
    """A study of which objects wait, and when the last of them came."""

    study_uid: str = field(repr=False)
    site: str
    last_at: datetime


def add(session: Session, new: Sequence[NewArrival]) -> frozenset[str]:
    """Record what is not there yet; the `file`s of those that were recorded.

    An object is there when one with its SOP Instance UID and its bytes ever came.
    """
    if not new:
        return frozenset()
    added = insert_all_new(session, ArrivalRow, [_values(arrival) for arrival in new])
    return frozenset(row.file for row in added)


def send_again(session: Session, new: Sequence[NewArrival], code: str) -> dict[str, str]:
    """Have objects that were refused with `code` wait anew, as they were sent now.

    Returns the file of each as it was sent now -> the file in quarantine that nothing names any
    more.
    """
    replaced = {}
    for arrival in new:
        row = session.scalar(
            select(ArrivalRow)
            .where(
                ArrivalRow.sop_uid == storable(arrival.sop_uid),
                ArrivalRow.sha256 == arrival.sha256,
                ArrivalRow.state == ArrivalState.REFUSED.value,
                ArrivalRow.code == code,
            )
            .with_for_update()
        )
        if row is not None:
            replaced[arrival.file] = row.file
            row.state = TRANSITIONS[ArrivalState.REFUSED, Move.SEND_AGAIN].value
            row.file, row.code, row.inbox = arrival.file, None, arrival.inbox
            row.source, row.site = storable(arrival.source), arrival.site
            row.received_at = arrival.received_at
    session.flush()
    return replaced


def move_here(session: Session, repeated: Sequence[NewArrival]) -> frozenset[str]:
    """Have objects that wait in another inbox wait in the one that they were sent to now: that
    other one may be gone. Returns the `file`s of those that were moved."""
    moved: set[str] = set()
    # In one order, so that two servers that are sent the same do not wait for each other.
    for arrival in sorted(repeated, key=lambda arrival: (arrival.sop_uid, arrival.sha256)):
        found = session.execute(
            update(ArrivalRow)
            .where(
                ArrivalRow.sop_uid == storable(arrival.sop_uid),
                ArrivalRow.sha256 == arrival.sha256,
                ArrivalRow.state == ArrivalState.WAITING.value,
                ArrivalRow.inbox != arrival.inbox,
            )
            .values(inbox=arrival.inbox, file=arrival.file)
            .returning(ArrivalRow.file)
            .execution_options(synchronize_session=False)
        )
        moved.update(found.scalars())
    return frozenset(moved)


def adopt(session: Session, inbox: str, names: Iterable[str]) -> None:
    """Note that the files `names`, which an older version received, lie in `inbox`."""
    for some in chunks(sorted(names)):
        session.execute(
            update(ArrivalRow)
            .where(ArrivalRow.inbox == "", ArrivalRow.file.in_(some))
            .values(inbox=inbox)
            .execution_options(synchronize_session=False)
        )


def note_repeats(session: Session, repeated: Sequence[NewArrival]) -> None:
    """Count that objects came again with the same bytes."""
    # In one order, so that two servers that are sent the same do not wait for each other.
    for arrival in sorted(repeated, key=lambda arrival: (arrival.sop_uid, arrival.sha256)):
        session.execute(
            update(ArrivalRow)
            .where(
                ArrivalRow.sop_uid == storable(arrival.sop_uid),
                ArrivalRow.sha256 == arrival.sha256,
            )
            .values(repeats=ArrivalRow.repeats + 1, repeated_at=arrival.received_at)
            .execution_options(synchronize_session=False)
        )


def has_refused(session: Session, study_uid: str, code: str) -> bool:
    """Return whether objects of a study are in quarantine for `code`."""
    query = select(ArrivalRow.arrival_id).where(
        ArrivalRow.state == ArrivalState.REFUSED.value,
        ArrivalRow.study_uid == study_uid,
        ArrivalRow.code == code,
    )
    return session.scalar(query.limit(1)) is not None


def _values(new: NewArrival) -> dict[str, object]:
    return {
        "sop_uid": storable(new.sop_uid),
        "study_uid": storable(new.study_uid),
        "sha256": new.sha256,
        "file": new.file,
        "source": storable(new.source),
        "site": new.site,
        "received_at": new.received_at,
        "state": ArrivalState.WAITING.value,
        "inbox": new.inbox,
    }


def waiting_studies(session: Session, inbox: str | None = None) -> tuple[WaitingStudy, ...]:
    """Return the studies of which objects wait, the one that is waiting longest first.

    `inbox`: those alone of which objects wait in it; `last_at` is of all that wait anywhere, for a
    study that still comes in elsewhere is not complete here either.
    """
    last = func.max(ArrivalRow.received_at)
    query = (
        select(ArrivalRow.study_uid, ArrivalRow.site, last)
        .where(ArrivalRow.state == ArrivalState.WAITING.value)
        .group_by(ArrivalRow.study_uid, ArrivalRow.site)
        .order_by(last, ArrivalRow.study_uid)
    )
    if inbox is not None:
        query = query.having(func.max(case((ArrivalRow.inbox == inbox, 1), else_=0)) == 1)
    return tuple(WaitingStudy(*row) for row in session.execute(query))


def waiting(session: Session, study: WaitingStudy, inbox: str | None = None) -> tuple[Arrival, ...]:
    """Return the waiting objects of `study`, of `inbox` alone where one is named, in the order in
    which they came."""
    query = (
        select(ArrivalRow)
        .where(
            ArrivalRow.state == ArrivalState.WAITING.value,
            ArrivalRow.study_uid == study.study_uid,
            ArrivalRow.site == study.site,
        )
        .order_by(ArrivalRow.arrival_id)
    )
    if inbox is not None:
        query = query.where(ArrivalRow.inbox == inbox)
    return tuple(_arrival(row) for row in session.scalars(query))


def files(session: Session, state: ArrivalState) -> frozenset[str]:
    """The file names of all objects in `state`."""
    return frozenset(
        session.scalars(select(ArrivalRow.file).where(ArrivalRow.state == state.value))
    )


def take(session: Session, arrival_ids: Iterable[int], inbox: str = "") -> None:
    """Note that the objects' bytes are with the originals of a case now; of those that wait in
    `inbox` still."""
    _move(session, arrival_ids, Move.TAKE, inbox, file="")


def refuse(session: Session, arrival_ids: Iterable[int], code: str, inbox: str = "") -> None:
    """Note that the objects' bytes are in quarantine now, under the names they had; of those that
    wait in `inbox` still."""
    _move(session, arrival_ids, Move.REFUSE, inbox, code=code)


def forget(session: Session, arrival_ids: Iterable[int], inbox: str = "") -> None:
    """Remove the rows of objects that wait in `inbox` still, as if they had never come."""
    gone = select(ArrivalRow.arrival_id).where(
        ArrivalRow.arrival_id.in_(list(arrival_ids)),
        ArrivalRow.state == ArrivalState.WAITING.value,
        ArrivalRow.inbox == inbox,
    )
    known = list(session.scalars(gone.with_for_update()))
    for table in (ArrivalThumbnailRow, ImageVerdictRow, ArrivalRow):
        session.execute(delete(table).where(table.arrival_id.in_(known)))


def listing(session: Session, *, limit: int) -> tuple[Arrival, ...]:
    """The newest `limit` refused objects, newest first."""
    rows = session.scalars(
        select(ArrivalRow)
        .where(ArrivalRow.state == ArrivalState.REFUSED.value)
        .order_by(ArrivalRow.arrival_id.desc())
        .limit(limit)
    )
    return tuple(_arrival(row) for row in rows)


def counts(
    session: Session, states: Iterable[ArrivalState] = ArrivalState
) -> dict[ArrivalState, int]:
    """Return how many objects are in each of these states."""
    wanted = tuple(states)
    query = (
        select(ArrivalRow.state, func.count())
        .where(ArrivalRow.state.in_([state.value for state in wanted]))
        .group_by(ArrivalRow.state)
    )
    found = {ArrivalState(state): number for state, number in session.execute(query).all()}
    return {state: found.get(state, 0) for state in wanted}


def _move(
    session: Session, arrival_ids: Iterable[int], move: Move, inbox: str, **values: str
) -> None:
    """Objects that are no longer in a state from which `move` is allowed, or that were sent again
    to another inbox meanwhile, stay as they are."""
    for (before, allowed), after in TRANSITIONS.items():
        if allowed is move:
            session.execute(
                update(ArrivalRow)
                .where(
                    ArrivalRow.arrival_id.in_(list(arrival_ids)),
                    ArrivalRow.state == before.value,
                    ArrivalRow.inbox == inbox,
                )
                .values(state=after.value, **values)
            )


def _arrival(row: ArrivalRow) -> Arrival:
    return Arrival(
        arrival_id=row.arrival_id,
        sop_uid=row.sop_uid,
        study_uid=row.study_uid,
        sha256=row.sha256,
        file=row.file,
        source=row.source,
        site=row.site,
        received_at=row.received_at,
        state=ArrivalState(row.state),
        code=row.code,
        inbox=row.inbox,
    )
