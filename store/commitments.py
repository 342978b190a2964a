"""Objects that PACSs were asked to keep (PS3.4 J): what is to be asked for, in which requests it
was, and what was reported.

A request is written down before it is made, so that a report finds it whichever process it comes
to. Who asked may be gone since: what nobody reported on in its time is asked for again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, or_, select
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.core.errors import RadraftError
from radraft.reports.commitment import (
    LONGEST_WAIT,
    MOST_INSTANCES,
    AfterReport,
    CommitmentReport,
    after_report,
)
from radraft.reports.outgoing_entry import EntryMove, EntryState, SopInstance, moved, pause_after
from radraft.store.presence import clock
from radraft.store.sql import insert_new
from radraft.store.tables import (
    CommitmentOfferRow,
    CommitmentRequestRow,
    OutboxRow,
    SentInstanceRow,
)

KEPT_REQUESTS = 4
"""Of each entry, the newest: a report of one of them counts, however late it comes."""
_STORED = EntryState.STORED.value


@dataclass(frozen=True)
class Asked:
    """A request that is to be made."""

    instances: tuple[SopInstance, ...]
    unanswered: int
    """How many of them were asked for before and not reported on in time."""


@dataclass(frozen=True)
class Changed:
    """An entry whose commitment was reported on, or is done without."""

    entry_id: int
    target: str
    code: str
    """Why it is not committed; empty where it is."""


def note_stored(session: Session, entry_id: int, instance: SopInstance) -> None:
    """Have the commitment to an object asked for, in the caller's transaction. What was asked for
    before it was sent says nothing about it."""
    _forget_requests(session, entry_id)
    row = session.get(SentInstanceRow, entry_id)
    if row is None:
        row = SentInstanceRow(entry_id=entry_id)
        session.add(row)
    row.sop_class, row.sop_instance = instance.sop_class, instance.uid
    row.asked, row.transaction_uid = 0, None


def is_any_due(session: Session, target: str) -> bool:
    """Return whether a receiver is to be asked for anything now."""
    wanted = select(OutboxRow.entry_id).where(_is_due(session, target)).limit(1)
    return session.scalar(wanted) is not None


def ask(
    session: Session,
    target: str,
    aet: str,
    transaction_uid: str,
    *,
    within: timedelta,
    most: int = MOST_INSTANCES,
) -> Asked:
    """Write down a request for what a receiver is to be asked for now, up to so many objects, the
    oldest first. No two callers get the same.

    Without a report `within` that time they are due again.
    """
    rows = _locked(session, _is_due(session, target), limit=most)
    now = clock(session)
    unanswered = 0
    for row, sent in rows:
        if sent.transaction_uid is not None:
            unanswered += 1
            row.code = "commitment_no_report"
            minutes = max(1, round(within / timedelta(minutes=1)))
            row.details = canonical.dumps({"asked": sent.asked, "minutes": minutes})
        sent.asked += 1
        sent.transaction_uid = transaction_uid
        row.due_at = now + within
        _forget_requests(session, row.entry_id, up_to=sent.asked - KEPT_REQUESTS)
        session.add(
            CommitmentRequestRow(
                transaction_uid=transaction_uid, entry_id=row.entry_id, number=sent.asked, aet=aet
            )
        )
    session.flush()
    found = tuple(SopInstance(sent.sop_class, sent.sop_instance) for _, sent in rows)
    return Asked(found, unanswered)


def not_asked(session: Session, transaction_uid: str, error: RadraftError) -> None:
    """Have what stands in a request asked for again at once: it did not reach the receiver."""
    now = clock(session)
    for row, sent in _of_newest(session, transaction_uid):
        sent.asked -= 1
        _ask_again(row, sent, now, error)
    _forget(session, transaction_uid)


def not_understood(session: Session, transaction_uid: str, error: RadraftError) -> None:
    """Have what stands in a request asked for again some time later: the receiver refused it."""
    now = clock(session)
    for row, sent in _of_newest(session, transaction_uid):
        _ask_again(row, sent, now + pause_after(sent.asked, random.random()), error)
    _forget(session, transaction_uid)


def not_answered(session: Session, transaction_uid: str, error: RadraftError) -> None:
    """Say of what stands in a request that the receiver may not have understood it. It is waited
    for all the same."""
    for row, _ in _of_newest(session, transaction_uid):
        _note(row, error)


def do_without(session: Session, transaction_uid: str) -> tuple[Changed, ...]:
    """End as delivered what stands in a request to a receiver that does not offer the service."""
    now = clock(session)
    found = _of_newest(session, transaction_uid)
    for row, _ in found:
        _end(row, EntryMove.DELIVER, now)
    _forget(session, transaction_uid)
    return tuple(Changed(row.entry_id, row.target, "") for row, _ in found)


def is_any_stored(session: Session, target: str) -> bool:
    """Return whether anything of a receiver's waits for its commitment."""
    wanted = select(OutboxRow.entry_id).where(
        OutboxRow.state == _STORED, OutboxRow.target == target
    )
    return session.scalar(wanted.limit(1)) is not None


def end_stored(session: Session, target: str) -> tuple[Changed, ...]:
    """End as delivered all that a receiver has said that it has: nobody asks for more."""
    now = clock(session)
    found = _locked(session, OutboxRow.target == target)
    for row, _ in found:
        _end(row, EntryMove.DELIVER, now)
    return tuple(Changed(row.entry_id, row.target, "") for row, _ in found)


def note_offer(session: Session, target: str, *, offered: bool) -> bool:
    """Write down whether a receiver offers the service; return whether that is new. That it does
    is expected of one that is asked."""
    now = clock(session)
    if insert_new(session, CommitmentOfferRow, target=target, offered=offered, since=now):
        return not offered
    row = session.get(CommitmentOfferRow, target, with_for_update=True, populate_existing=True)
    if row is None or row.offered == offered:
        return False
    row.offered, row.since = offered, now
    return True


def not_offering(session: Session, targets: Collection[str]) -> frozenset[str]:
    """Return those of `targets` that said that they do not offer the service."""
    wanted = select(CommitmentOfferRow.target).where(
        CommitmentOfferRow.target.in_(targets), CommitmentOfferRow.offered.is_(False)
    )
    return frozenset(session.scalars(wanted))


def take(
    session: Session,
    report: CommitmentReport,
    aet: str,
    *,
    jitter: Callable[[], float] = random.random,
) -> tuple[Changed, ...] | None:
    """Write down what `aet` reports; return the entries about which that says something new, or
    None where it was not asked that.

    That an object is kept counts of any request since it was sent; that it is not, of the newest
    alone. An entry that ended or is sent again meanwhile stays as it is.
    """
    asked = select(CommitmentRequestRow.entry_id).where(
        CommitmentRequestRow.transaction_uid == report.transaction_uid,
        CommitmentRequestRow.aet == aet,
    )
    if session.scalar(asked.limit(1)) is None:
        return None
    now = clock(session)
    changed: list[Changed] = []
    for row, sent in _locked(session, OutboxRow.entry_id.in_(asked)):
        instance = SopInstance(sent.sop_class, sent.sop_instance)
        newest = sent.transaction_uid == report.transaction_uid
        if not newest and not report.is_committed(instance):
            continue
        after = after_report(
            report, instance, asked=sent.asked, refusals=row.refusals, jitter=jitter()
        )
        _settle(row, sent, after, now)
        changed.append(Changed(row.entry_id, row.target, after.code))
    session.flush()
    return tuple(changed)


def _settle(row: OutboxRow, sent: SentInstanceRow, after: AfterReport, now: datetime) -> None:
    if after.move in (EntryMove.DELIVER, EntryMove.BURY):
        _end(row, after.move, now)
    elif after.move is not None:
        row.state = moved(EntryState(row.state), after.move).value
    # Said of this request once: it says no more.
    sent.transaction_uid = None
    row.refusals = after.refusals
    row.due_at = now + after.pause
    row.code, row.details = after.code, canonical.dumps(dict(after.details))


def _end(row: OutboxRow, move: EntryMove, now: datetime) -> None:
    row.state = moved(EntryState(row.state), move).value
    row.code, row.details = "", "{}"
    row.due_at = row.ended_at = now


def _ask_again(
    row: OutboxRow, sent: SentInstanceRow, due_at: datetime, error: RadraftError
) -> None:
    sent.transaction_uid = None
    row.due_at = due_at
    _note(row, error)


def _note(row: OutboxRow, error: RadraftError) -> None:
    row.code, row.details = error.code, canonical.dumps(dict(error.details))


def _of_newest(session: Session, transaction_uid: str) -> list[tuple[OutboxRow, SentInstanceRow]]:
    """What waits for a report of this request."""
    return _locked(session, SentInstanceRow.transaction_uid == transaction_uid)


def _locked(
    session: Session, wanted: ColumnElement[bool], *, limit: int | None = None
) -> list[tuple[OutboxRow, SentInstanceRow]]:
    """Return what is stored and wanted, held until the transaction's end, in one order for all. Of
    a limited number what others hold is left out; else it is waited for."""
    rows = session.execute(
        select(OutboxRow, SentInstanceRow)
        .join(SentInstanceRow, SentInstanceRow.entry_id == OutboxRow.entry_id)
        .where(OutboxRow.state == _STORED, wanted)
        .order_by(OutboxRow.entry_id)
        .limit(limit)
        .with_for_update(of=OutboxRow, skip_locked=limit is not None)
        .execution_options(populate_existing=True)
    )
    return [(row[0], row[1]) for row in rows]


def _forget(session: Session, transaction_uid: str) -> None:
    session.execute(
        delete(CommitmentRequestRow)
        .where(CommitmentRequestRow.transaction_uid == transaction_uid)
        .execution_options(synchronize_session=False)
    )


def _forget_requests(session: Session, entry_id: int, *, up_to: int | None = None) -> None:
    found = delete(CommitmentRequestRow).where(CommitmentRequestRow.entry_id == entry_id)
    if up_to is not None:
        found = found.where(CommitmentRequestRow.number <= up_to)
    session.execute(found.execution_options(synchronize_session=False))


def _is_due(session: Session, target: str) -> ColumnElement[bool]:
    """Whether a receiver is to be asked: due, or due later than can be, as `outgoing_entry.is_due`
    says."""
    now = clock(session)
    time = or_(OutboxRow.due_at <= now, OutboxRow.due_at > now + LONGEST_WAIT)
    return and_(OutboxRow.state == _STORED, OutboxRow.target == target, time)
