"""Reports on their way to other systems: what waits, who sends it, what became of it.

An entry that is being sent is its owner's for as long as he counts its beat up (`store.leases` says
how that is judged); times are the database's.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select, true, update
from sqlalchemy.orm import Session, aliased

from radraft.core import canonical
from radraft.core.errors import NotFound, ReportError, StorageDamaged
from radraft.reports.export.values import OutgoingStatus
from radraft.reports.outgoing_entry import (
    LONGEST_PAUSE,
    OPEN_STATES,
    REFUSED_TRIES,
    UNCLEAR_TRIES,
    AfterTry,
    Entry,
    EntryMove,
    EntryState,
    Failed,
    FailureKind,
    ListedEntry,
    NewEntry,
    OutgoingForm,
    SopInstance,
    moved,
)
from radraft.store import commitments, faults
from radraft.store.leases import Owner
from radraft.store.presence import clock
from radraft.store.sql import insert_all_new
from radraft.store.tables import CaseRow, OutboxRow, SignedRow

_OPEN = [state.value for state in OPEN_STATES]
_WAITING, _SENDING = EntryState.WAITING.value, EntryState.SENDING.value
_DEAD, _STORED = EntryState.DEAD.value, EntryState.STORED.value
_UNSETTLED = [*_OPEN, _STORED, _DEAD]
"""States of what people look at."""
_TURNS = 0x0B0C
"""Of the advisory locks of targets that one process at a time sends to."""
_GONE_OUT = (EntryState.DELIVERED.value, _STORED, _SENDING)
"""States of what its receiver has or may have."""


@dataclass(frozen=True)
class EntryLease:
    """An entry that a process sends."""

    key: int
    """`Entry.entry_id`."""
    owner_id: str
    beat: int
    term_s: float


@dataclass(frozen=True)
class Tried:
    """A try that ended."""

    entry: Entry
    after: AfterTry
    failed: Failed | None
    """None where it did not fail."""
    instance: SopInstance | None = None
    """What the receiver has and is asked to commit itself to; None: it is not."""


@dataclass(frozen=True)
class TargetFigures:
    """How much there is for one receiver."""

    target: str
    waiting: int
    """What is being sent is among it."""
    stored: int
    """What it has, and has not committed itself to yet."""
    dead: int
    oldest_at: datetime | None
    """When the oldest entry was queued that waits; None where none does."""
    last: ListedEntry | None
    """The entry that failed last, of those that wait or are dead."""
    delivered_at: datetime | None
    """When something was delivered last, of any site."""


def enqueue(session: Session, entries: Sequence[NewEntry]) -> int:
    """Put entries at the end of their queues, in the caller's transaction; those that were there
    once are left as they are. Return how many are new."""
    if not entries:
        return 0
    now = clock(session)
    rows = [
        {
            "target": entry.target,
            "case_id": entry.case_id,
            "version": entry.version,
            "step": entry.step,
            "status": entry.status.value,
            "form": entry.form.value,
            "state": _WAITING,
            "queued_at": now,
            "due_at": now,
            "tries": 0,
            "refusals": 0,
            "unclear": 0,
            "code": "",
            "details": "{}",
            "ended_at": None,
            "owner": None,
            "beat": 0,
            "term_s": 0.0,
        }
        for entry in entries
    ]
    return len(insert_all_new(session, OutboxRow, rows))


def due(
    session: Session, owner: Owner, targets: Collection[str], *, single: Collection[str] = ()
) -> frozenset[str]:
    """Return those of `targets` for which `claim` would take something now."""
    taken = _sent_by_others(session, owner, single) if single else frozenset()
    names = sorted(set(targets) - taken)
    if not names:
        return frozenset()
    is_due = _is_due(session)
    # The first that is found is enough, of thousands that wait.
    found = [
        select(OutboxRow.entry_id).where(is_due, OutboxRow.target == name).exists()
        for name in names
    ]
    answers = session.execute(select(*found)).one()
    return frozenset(name for name, there in zip(names, answers, strict=True) if there)


def claim(
    session: Session, owner: Owner, rooms: Mapping[str, int], *, single: Collection[str] = ()
) -> tuple[Entry, ...]:
    """Take for each target up to so many entries that can be sent now, oldest first. No two callers
    get the same, and nobody a report of which something earlier is not settled.

    `single`: targets that one process at a time sends to: nothing is taken for one of them while
    another owner has something of it. What a later version has overtaken is void from here on; what
    cannot be decoded is dead, and holds nothing up.
    """
    wanted_of = {target: room for target, room in sorted(rooms.items()) if room}
    if not wanted_of:
        return ()
    _void_overtaken(session, list(wanted_of))
    claimed: list[OutboxRow] = []
    for target, room in wanted_of.items():
        if target in single:
            _hold_turn(session, target)
            if _sent_by_others(session, owner, [target]):
                continue
        wanted = (
            select(OutboxRow)
            .where(_is_due(session), OutboxRow.target == target)
            .order_by(OutboxRow.entry_id)
            .limit(room)
            .with_for_update(skip_locked=True)
        )
        claimed += session.scalars(wanted).all()
    taken: list[Entry] = []
    for row in claimed:
        row.state = moved(EntryState(row.state), EntryMove.CLAIM).value
        try:
            taken.append(_entry(row))
        except StorageDamaged as error:
            row.state = moved(EntryState(row.state), EntryMove.BURY).value
            row.code, row.details = error.code, canonical.dumps(dict(error.details))
            row.ended_at = clock(session)
            continue
        row.owner, row.beat, row.term_s = owner.owner_id, 0, owner.term_s
    session.flush()
    return tuple(taken)


def settle(session: Session, owner: Owner, tried: Iterable[Tried]) -> tuple[ListedEntry, ...]:
    """Write down what became of entries that the owner sent, and return those that were tried and
    still his: whoever took one over meanwhile sends it again, which its receiver knows."""
    settled: list[ListedEntry] = []
    attempts = {attempt.entry.entry_id: attempt for attempt in tried}
    if not attempts:
        return ()
    now = clock(session)
    rows = session.scalars(
        select(OutboxRow)
        .where(OutboxRow.entry_id.in_(attempts))
        .order_by(OutboxRow.entry_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    held = {row.entry_id: row for row in rows}
    for entry_id, attempt in attempts.items():
        row = held.get(entry_id)
        if row is None or (row.state, row.owner) != (_SENDING, owner.owner_id):
            continue
        after = attempt.after
        row.state = moved(EntryState(row.state), after.move).value
        row.owner = None
        if after.move is EntryMove.GIVE_BACK:
            continue
        row.tries += 1
        row.refusals = after.refusals
        row.due_at = now + after.pause
        row.ended_at = None if row.state in (_WAITING, _STORED) else now
        if attempt.instance is not None:
            commitments.note_stored(session, row.entry_id, attempt.instance)
        failed = attempt.failed
        row.unclear += failed is not None and failed.kind is FailureKind.UNCLEAR
        row.code = "" if failed is None else failed.code
        row.details = "{}" if failed is None else canonical.dumps(dict(failed.details))
        settled.append(_listed(row))
    session.flush()
    return tuple(settled)


def release(session: Session, target: str) -> None:
    """Have all that waits for a receiver tried at once: it is there again."""
    now = clock(session)
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.target == target, OutboxRow.state == _WAITING, OutboxRow.refusals == 0)
        .values(due_at=now)
        .execution_options(synchronize_session=False)
    )


def beat(session: Session, owner: Owner) -> None:
    """Say that the owner of these entries lives."""
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.owner == owner.owner_id)
        .values(beat=OutboxRow.beat + 1)
        .execution_options(synchronize_session=False)
    )


def leases(session: Session, *, but: Owner) -> tuple[EntryLease, ...]:
    """Return what others than `but` are sending."""
    wanted = select(OutboxRow.entry_id, OutboxRow.owner, OutboxRow.beat, OutboxRow.term_s)
    rows = session.execute(
        wanted.where(OutboxRow.state == _SENDING, OutboxRow.owner != but.owner_id)
    )
    return tuple(EntryLease(row[0], row[1] or "", row[2], row[3]) for row in rows)


def take_back(session: Session, lease: EntryLease) -> bool:
    """Let an entry wait again whose owner is gone; False where he has moved meanwhile."""
    return _let_wait(
        session,
        OutboxRow.entry_id == lease.key,
        OutboxRow.owner == lease.owner_id,
        OutboxRow.beat == lease.beat,
    )


def give_back(session: Session, owner: Owner) -> None:
    """Let all wait again that an owner who ends did not settle."""
    _let_wait(session, OutboxRow.owner == owner.owner_id)


def entries(
    session: Session,
    *,
    target: str | None = None,
    states: Collection[EntryState] = tuple(EntryState),
    sites: frozenset[str] | None = None,
    limit: int = 200,
) -> tuple[ListedEntry, ...]:
    """Return entries, the newest first; `sites`: of whose studies, None for all."""
    wanted = select(OutboxRow).where(OutboxRow.state.in_([state.value for state in states]))
    if target is not None:
        wanted = wanted.where(OutboxRow.target == target)
    wanted = wanted.where(_of_sites(sites)).order_by(OutboxRow.entry_id.desc()).limit(limit)
    return tuple(map(_listed, session.scalars(wanted)))


def get(session: Session, entry_id: int) -> ListedEntry:
    """Return one entry. NotFound `outbox_entry_unknown`."""
    row = session.get(OutboxRow, entry_id)
    if row is None:
        raise NotFound("outbox_entry_unknown", entry_id=entry_id)
    return _listed(row)


def site_of(session: Session, entry_id: int) -> str:
    """Return of which site an entry's study is. NotFound `outbox_entry_unknown`."""
    wanted = select(CaseRow.site).join(OutboxRow, OutboxRow.case_id == CaseRow.case_id)
    site = session.scalar(wanted.where(OutboxRow.entry_id == entry_id))
    if site is None:
        raise NotFound("outbox_entry_unknown", entry_id=entry_id)
    return site


def hold_all(session: Session) -> int:
    """Have all that was to be sent wait for a person's word: its receivers may have it already.
    Return how much that is. What they have said that they have is asked about as before, but is
    not sent again by itself."""
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.state == _STORED)
        .values(refusals=REFUSED_TRIES - 1)
        .execution_options(synchronize_session=False)
    )
    held = session.execute(
        update(OutboxRow)
        .where(OutboxRow.state.in_((_WAITING, _SENDING)))
        .values(state=EntryState.HELD.value, owner=None)
        .returning(OutboxRow.entry_id)
        .execution_options(synchronize_session=False)
    )
    return len(held.all())


def resend(session: Session, entry_id: int) -> ListedEntry:
    """Have an entry that is dead, held, stored or waits tried at once.

    NotFound `outbox_entry_unknown`; ReportError `outbox_move_denied`, `outbox_overtaken` where the
    receiver has a later version of the report: an older one must not come after it.
    """
    row = _locked(session, entry_id)
    after = moved(EntryState(row.state), EntryMove.RESEND)
    later = select(OutboxRow.entry_id).where(
        OutboxRow.target == row.target,
        OutboxRow.case_id == row.case_id,
        OutboxRow.version > row.version,
        OutboxRow.state.in_(_GONE_OUT),
    )
    if session.scalar(later.limit(1)) is not None:
        raise ReportError("outbox_overtaken", entry_id=entry_id)
    row.state, row.refusals, row.unclear, row.ended_at = after.value, 0, 0, None
    row.due_at = clock(session)
    session.flush()
    return _listed(row)


def drop(session: Session, entry_id: int) -> ListedEntry:
    """Take an entry that waits, is held, stored or dead out of its queue for good.

    NotFound `outbox_entry_unknown`; ReportError `outbox_move_denied`.
    """
    row = _locked(session, entry_id)
    row.state = moved(EntryState(row.state), EntryMove.DROP).value
    row.ended_at = clock(session)
    session.flush()
    return _listed(row)


def figures(
    session: Session, names: Collection[str], sites: frozenset[str] | None = None
) -> tuple[TargetFigures, ...]:
    """Return how much there is for each receiver of `names`, and for each other that anything waits
    for or is dead of, by name; `sites`: of whose studies, None for all."""
    counted = session.execute(
        select(OutboxRow.target, OutboxRow.state, func.count(), func.min(OutboxRow.queued_at))
        .where(OutboxRow.state.in_(_UNSETTLED), _of_sites(sites))
        .group_by(OutboxRow.target, OutboxRow.state)
    ).all()
    made = []
    for target in sorted({*names, *(row[0] for row in counted)}):
        rows = [row for row in counted if row[0] == target]
        made.append(
            TargetFigures(
                target,
                waiting=sum(row[2] for row in rows if row[1] in _OPEN),
                stored=sum(row[2] for row in rows if row[1] == _STORED),
                dead=sum(row[2] for row in rows if row[1] == _DEAD),
                oldest_at=min((row[3] for row in rows if row[1] in _OPEN), default=None),
                last=_last_failed(session, target, sites),
                delivered_at=_delivered_at(session, target),
            )
        )
    return tuple(made)


def open_counts(session: Session) -> dict[tuple[str, EntryState], int]:
    """Return how many entries wait, are being sent, are stored and not committed to, or are dead,
    by receiver: for figures."""
    counted = session.execute(
        select(OutboxRow.target, OutboxRow.state, func.count())
        .where(OutboxRow.state.in_(_UNSETTLED))
        .group_by(OutboxRow.target, OutboxRow.state)
    )
    return {(row[0], EntryState(row[1])): row[2] for row in counted}


def is_late(session: Session, after: timedelta) -> bool:
    """Return whether a report is dead, waits for longer than `after`, or is older than that and was
    asked about in vain."""
    dead = OutboxRow.state == _DEAD
    is_old = OutboxRow.queued_at < clock(session) - after
    waits = OutboxRow.state.in_(_OPEN) & is_old
    uncommitted = (OutboxRow.state == _STORED) & (OutboxRow.code != "") & is_old
    late = or_(dead, waits, uncommitted)
    return session.scalar(select(OutboxRow.entry_id).where(late).limit(1)) is not None


def oldest_waits_s(session: Session) -> dict[str, float]:
    """Return for how many seconds the oldest entry waits that is not delivered, by receiver."""
    now = clock(session)
    counted = session.execute(
        select(OutboxRow.target, func.min(OutboxRow.queued_at))
        .where(OutboxRow.state.in_(_OPEN))
        .group_by(OutboxRow.target)
    )
    return {row[0]: max(0.0, (now - row[1]).total_seconds()) for row in counted}


def newest_versions(session: Session, target: str, cases: Collection[str]) -> dict[str, int]:
    """Return the newest version of each of `cases` that was ever queued for a receiver."""
    wanted = select(OutboxRow.case_id, func.max(OutboxRow.version)).where(
        OutboxRow.target == target, OutboxRow.case_id.in_(cases)
    )
    return {row[0]: row[1] for row in session.execute(wanted.group_by(OutboxRow.case_id))}


def signed_since(session: Session, since: datetime) -> tuple[tuple[str, str, int], ...]:
    """Return (case, its site, version) of what was signed from `since` on, first to newest."""
    wanted = (
        select(SignedRow.case_id, CaseRow.site, SignedRow.version)
        .join(CaseRow, CaseRow.case_id == SignedRow.case_id)
        .where(SignedRow.signed_at >= since)
        .order_by(SignedRow.signed_at, SignedRow.case_id, SignedRow.version)
    )
    return tuple((row[0], row[1], row[2]) for row in session.execute(wanted))


def _is_due(session: Session) -> ColumnElement[bool]:
    """Whether an entry waits, is due (`outgoing_entry.is_due`), and nothing earlier of the same
    report at the same receiver is open, by version and then as it was queued: only the forms of one
    version go at once."""
    now = clock(session)
    earlier = aliased(OutboxRow)
    blocked = (
        select(earlier.entry_id)
        .where(
            earlier.case_id == OutboxRow.case_id,
            earlier.target == OutboxRow.target,
            earlier.state.in_(_OPEN),
            or_(
                earlier.version < OutboxRow.version,
                and_(
                    earlier.version == OutboxRow.version,
                    earlier.entry_id < OutboxRow.entry_id,
                    or_(earlier.status != OutboxRow.status, earlier.step != OutboxRow.step),
                ),
            ),
        )
        .exists()
    )
    time = or_(OutboxRow.due_at <= now, OutboxRow.due_at > now + LONGEST_PAUSE)
    return and_(OutboxRow.state == _WAITING, time, ~blocked)


def _sent_by_others(session: Session, owner: Owner, targets: Collection[str]) -> set[str]:
    """Return those of `targets` that others than the owner are sending to."""
    wanted = select(OutboxRow.target).where(
        OutboxRow.state == _SENDING,
        OutboxRow.owner != owner.owner_id,
        OutboxRow.target.in_(targets),
    )
    return set(session.scalars(wanted.distinct()))


def _hold_turn(session: Session, target: str) -> None:
    """Until the transaction's end nobody else gets past this for the same target. SQLite has one
    writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_TURNS, func.hashtext(target))))


def _void_overtaken(session: Session, targets: Collection[str]) -> None:
    """End what waits for these receivers where they have a later version of the report or are being
    sent it, and what got `UNCLEAR_TRIES` unclear answers where a later one waits in its form."""
    later = aliased(OutboxRow)
    gives_way = and_(
        OutboxRow.unclear >= UNCLEAR_TRIES,
        later.form == OutboxRow.form,
        later.state == _WAITING,
    )
    overtaken = (
        select(later.entry_id)
        .where(
            later.case_id == OutboxRow.case_id,
            later.target == OutboxRow.target,
            later.version > OutboxRow.version,
            later.status != OutgoingStatus.PRELIMINARY.value,
            or_(later.state.in_(_GONE_OUT), gives_way),
        )
        .exists()
    )
    # Those that another process takes or ends just now are its own to see to.
    found = (
        select(OutboxRow.entry_id)
        .where(OutboxRow.state == _WAITING, OutboxRow.target.in_(targets), overtaken)
        .with_for_update(skip_locked=True)
    )
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.entry_id.in_(session.scalars(found).all()))
        .values(
            state=EntryState.VOID.value,
            code="outbox_superseded",
            details="{}",
            ended_at=clock(session),
        )
        .execution_options(synchronize_session=False)
    )


def _let_wait(session: Session, *conditions: ColumnElement[bool]) -> bool:
    given = session.execute(
        update(OutboxRow)
        .where(OutboxRow.state == _SENDING, *conditions)
        .values(state=_WAITING, owner=None)
        .returning(OutboxRow.entry_id)
        .execution_options(synchronize_session=False)
    )
    return bool(given.all())


def _last_failed(session: Session, target: str, sites: frozenset[str] | None) -> ListedEntry | None:
    wanted = (
        select(OutboxRow)
        .where(
            OutboxRow.target == target,
            OutboxRow.code != "",
            OutboxRow.state.in_(_UNSETTLED),
            _of_sites(sites),
        )
        .order_by(OutboxRow.due_at.desc(), OutboxRow.entry_id.desc())
        .limit(1)
    )
    row = session.scalars(wanted).first()
    return None if row is None else _listed(row)


def _delivered_at(session: Session, target: str) -> datetime | None:
    # What is delivered is due no more: the moment that stands there is when it was settled, and is
    # in the index, however many there are. (`store.commitments` keeps to that.)
    return session.scalar(
        select(func.max(OutboxRow.due_at)).where(
            OutboxRow.state == EntryState.DELIVERED.value, OutboxRow.target == target
        )
    )


def _of_sites(sites: frozenset[str] | None) -> ColumnElement[bool]:
    if sites is None:
        return true()
    return OutboxRow.case_id.in_(select(CaseRow.case_id).where(CaseRow.site.in_(sites)))


def _locked(session: Session, entry_id: int) -> OutboxRow:
    row = session.get(OutboxRow, entry_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound("outbox_entry_unknown", entry_id=entry_id)
    return row


def _entry(row: OutboxRow) -> Entry:
    """Return what is sent. StorageDamaged `row_damaged`."""
    with faults.decoding("outbox", str(row.entry_id)):
        return Entry(
            entry_id=row.entry_id,
            what=NewEntry(
                row.target,
                row.case_id,
                row.version,
                row.step,
                OutgoingStatus(row.status),
                OutgoingForm(row.form),
            ),
            tries=row.tries,
            refusals=row.refusals,
        )


def _listed(row: OutboxRow) -> ListedEntry:
    return ListedEntry(
        entry_id=row.entry_id,
        target=row.target,
        case_id=row.case_id,
        version=row.version,
        status=row.status,
        form=row.form,
        state=EntryState(row.state),
        queued_at=row.queued_at,
        due_at=row.due_at,
        tries=row.tries,
        code=row.code,
        details=_details(row),
        ended_at=row.ended_at,
    )


def _details(row: OutboxRow) -> Mapping[str, str | int | float]:
    """Return what fills the sentences of the last failure; nothing where it is damaged: the
    sentences say so, and the entry can be seen and dropped."""
    try:
        found = json.loads(row.details)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
