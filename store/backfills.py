"""Work on many old studies: what is to be done, by whom, what came of it. The database is its
record: whoever is killed loses nothing, and no study is worked on twice.

A process holds what it has taken as long as it counts its beat up (`leases` has the same for
drafts); all that it writes for a study is written in the transaction that ends its hold.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, delete, func, insert, literal, select, update
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.core.errors import BackfillError, NotFound
from radraft.store import cases, faults
from radraft.store.leases import Owner
from radraft.store.presence import clock
from radraft.store.sql import insert_new, storable
from radraft.store.tables import (
    BackfillItemRow,
    BackfillRow,
    BackfillWorkerRow,
    CaseRow,
    FindingScoresRow,
    StudyIdentityRow,
)
from radraft.store.values import CaseState

LISTED_AT_ONCE = 5000
"""Studies that are listed in one transaction."""
BURST = timedelta(seconds=2)
"""How much of the rate may be made up for: what was not used before is lost."""
AGAIN_AFTER = timedelta(seconds=30)
"""How long a study that failed once rests; after the second failure twice as long, and so on."""
BROKE_OFF = "backfill_broke_off"
FIELDS = ("modality", "body_part", "view", "sex", "age_band", "state")
"""Columns of `cases` by which studies are chosen."""
WAITING_FOR_READERS = (CaseState.RECEIVED, CaseState.DRAFTING)


class Work(StrEnum):
    """What is done with each study."""

    DRAFT = "draft"
    EMBED = "embed"
    FINDINGS = "findings"
    QUALITY = "quality"


class BackfillState(StrEnum):
    """Where a backfill stands."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"


OPEN = (BackfillState.RUNNING, BackfillState.PAUSED)


class ItemState(StrEnum):
    """Where a study of a backfill stands."""

    WAITING = "waiting"
    HELD = "held"
    DONE = "done"
    SKIPPED = "skipped"
    """Nothing was to be done, for the reason that stands there."""
    FAILED = "failed"


SETTLED = (ItemState.DONE, ItemState.SKIPPED, ItemState.FAILED)


class Doing(StrEnum):
    """What a process that works on a backfill does, or waits for."""

    WORKING = "working"
    PAUSED = "paused"
    READERS = "readers"
    """Studies wait for a reader's draft; they come first."""
    RATE = "rate"
    LLM = "llm"
    """vLLM does not answer."""
    DATABASE = "database"
    OTHERS = "others"
    """What is left is in others' hands, or rests after a failure."""
    ENDED = "ended"


@dataclass(frozen=True)
class Selection:
    """Which studies: of these sites (all where none is named), taken on these days, and with one
    of the values of each column that is named."""

    sites: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Backfill:
    """One piece of work on many studies."""

    number: int
    work: Work
    selection: Selection
    state: BackfillState
    rate_per_minute: float
    most_tries: int
    created_at: datetime
    ended_at: datetime | None
    listed: bool


@dataclass(frozen=True)
class Taken:
    """What a process got to do, and where nothing, what it waits for."""

    doing: Doing
    case_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class BackfillWorker:
    """A process that works on a backfill, and its lease."""

    owner_id: str
    number: int
    host: str
    beat: int
    term_s: float
    doing: Doing

    @property
    def key(self) -> str:
        """Return what is held: whatever it has taken."""
        return self.owner_id


@dataclass(frozen=True)
class Count:
    """How many studies are where."""

    states: dict[ItemState, int]
    codes: dict[tuple[ItemState, str], int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Return how many there are."""
        return sum(self.states.values())

    @property
    def left(self) -> int:
        """Return how many are not settled."""
        return self.states[ItemState.WAITING] + self.states[ItemState.HELD]


@dataclass(frozen=True)
class Pace:
    """What was settled within the last minutes, by the database's clock."""

    now: datetime
    settled: int
    first: datetime | None
    last: datetime | None


class HoldLost(BackfillError):
    """Another process has the study now."""

    def __init__(self, case_id: str) -> None:
        super().__init__("backfill_hold_lost", case_id=case_id)


def ask(
    session: Session, work: Work, selection: Selection, *, rate_per_minute: float, most_tries: int
) -> tuple[int, bool]:
    """Return the number of the unfinished backfill of this work and selection, and whether it is
    new. Of processes that ask for the same at once one makes it."""
    key = canonical.sha256({"work": work, "selection": selection})
    made = insert_new(
        session,
        BackfillRow,
        work=work.value,
        selection=canonical.dumps(selection),
        open_key=key,
        state=BackfillState.RUNNING.value,
        rate_per_minute=rate_per_minute,
        most_tries=most_tries,
        created_at=clock(session),
        listed_to="",
        listed=False,
    )
    number = session.scalar(select(BackfillRow.number).where(BackfillRow.open_key == key))
    assert number is not None
    return number, made


def get(session: Session, number: int) -> Backfill:
    """Return a backfill. NotFound `backfill_not_found`."""
    row = session.get(BackfillRow, number, populate_existing=True)
    if row is None:
        raise NotFound("backfill_not_found", number=number)
    return _backfill(row)


def known(session: Session) -> tuple[Backfill, ...]:
    """Return all backfills, the newest first."""
    rows = session.scalars(select(BackfillRow).order_by(BackfillRow.number.desc()))
    return tuple(map(_backfill, rows))


def list_more(session: Session, number: int) -> bool:
    """List the next studies of a backfill, those alone that were there when it was asked for;
    whether all are listed. A listing that was broken off goes on where it was."""
    row = _locked(session, number)
    if row.listed or row.state not in OPEN:
        return True
    wanted = (
        select(CaseRow.case_id)
        .where(CaseRow.case_id > row.listed_to, CaseRow.received_at <= row.created_at)
        .where(*_chosen(Work(row.work), _selection(row)))
        .order_by(CaseRow.case_id)
        .limit(LISTED_AT_ONCE)
    )
    found = tuple(session.scalars(wanted))
    if found:
        now = clock(session)
        fresh = {"number": number, "state": ItemState.WAITING.value, "tries": 0, "ready_at": now}
        session.execute(
            insert(BackfillItemRow), [{**fresh, "case_id": case_id} for case_id in found]
        )
        row.listed_to = found[-1]
    row.listed = len(found) < LISTED_AT_ONCE
    session.flush()
    return row.listed


def enter(session: Session, number: int, owner: Owner) -> None:
    """Note that a process works on a backfill from now on; before it takes anything."""
    insert_new(
        session,
        BackfillWorkerRow,
        owner=owner.owner_id,
        number=number,
        host=owner.host,
        began_at=clock(session),
        beat=0,
        term_s=owner.term_s,
        doing=Doing.WORKING.value,
    )


def beat(session: Session, owner: Owner, doing: Doing) -> bool:
    """Say that a process lives and what it does; False where it was taken for gone."""
    still = session.execute(
        update(BackfillWorkerRow)
        .where(BackfillWorkerRow.owner == owner.owner_id)
        .values(beat=BackfillWorkerRow.beat + 1, doing=doing.value)
        .returning(BackfillWorkerRow.owner)
        .execution_options(synchronize_session=False)
    )
    return still.first() is not None


def workers(session: Session, number: int) -> tuple[BackfillWorker, ...]:
    """Return the processes that work on a backfill, or did and were not missed yet."""
    rows = session.scalars(
        select(BackfillWorkerRow)
        .where(BackfillWorkerRow.number == number)
        .order_by(BackfillWorkerRow.owner)
    )
    return tuple(
        BackfillWorker(row.owner, row.number, row.host, row.beat, row.term_s, Doing(row.doing))
        for row in rows
    )


def leave(session: Session, owner: Owner) -> None:
    """Let what a process has not done wait again, at no cost to the studies, and forget it."""
    if _forget(session, BackfillWorkerRow.owner == owner.owner_id):
        _release(session, owner.owner_id, counted=False)


def take_over(session: Session, gone: BackfillWorker) -> bool:
    """Let what a process held wait again whose lease has expired; False where it has moved. A study
    at which processes end again and again fails at last."""
    if not _forget(
        session, BackfillWorkerRow.owner == gone.owner_id, BackfillWorkerRow.beat == gone.beat
    ):
        return False
    most = select(BackfillRow.most_tries).where(BackfillRow.number == gone.number)
    session.execute(
        update(BackfillItemRow)
        .where(
            BackfillItemRow.owner == gone.owner_id,
            BackfillItemRow.tries >= most.scalar_subquery(),
        )
        .values(state=ItemState.FAILED.value, owner=None, code=BROKE_OFF, settled_at=clock(session))
        .execution_options(synchronize_session=False)
    )
    _release(session, gone.owner_id, counted=True)
    return True


def take(session: Session, number: int, owner: Owner, *, limit: int) -> Taken:
    """Take up to `limit` studies, no more than the rate allows all processes together, and none
    while a study waits for its reader's draft. No two processes get the same."""
    row = _locked(session, number)
    if row.state != BackfillState.RUNNING:
        return Taken(Doing.PAUSED if row.state == BackfillState.PAUSED else Doing.ENDED)
    if any(cases.state_counts(session, *WAITING_FOR_READERS).values()):
        return Taken(Doing.READERS)
    now = clock(session)
    every = timedelta(minutes=1) / row.rate_per_minute
    start = max(row.next_at or now - BURST, now - BURST)
    allowed = 0 if start > now else int((now - start) / every) + 1
    if min(allowed, limit) <= 0:
        return Taken(Doing.WORKING if limit <= 0 else Doing.RATE)
    waiting = (
        select(BackfillItemRow.case_id)
        .where(*_item(number, ItemState.WAITING), BackfillItemRow.ready_at <= now)
        .order_by(BackfillItemRow.ready_at, BackfillItemRow.case_id)
        .limit(min(allowed, limit))
        .with_for_update(skip_locked=True)
    )
    found = tuple(session.scalars(waiting))
    if not found:
        return Taken(_end(session, row, now))
    # The row first, as whoever takes over locks it: nobody holds for a process that is forgotten.
    holder = select(BackfillWorkerRow.owner).where(BackfillWorkerRow.owner == owner.owner_id)
    if session.scalar(holder.with_for_update()) is None:
        enter(session, number, owner)
    row.next_at = start + len(found) * every
    session.execute(
        update(BackfillItemRow)
        .where(BackfillItemRow.number == number, BackfillItemRow.case_id.in_(found))
        .values(state=ItemState.HELD.value, owner=owner.owner_id, tries=BackfillItemRow.tries + 1)
        .execution_options(synchronize_session=False)
    )
    session.flush()
    return Taken(Doing.WORKING, found)


def settle(
    session: Session,
    number: int,
    case_id: str,
    owner: Owner,
    state: ItemState,
    code: str | None = None,
) -> None:
    """End the hold on a study, in the transaction that keeps what was made for it. HoldLost where
    another process has it; then nothing must be kept."""
    changed = {"state": state.value, "code": code, "owner": None, "settled_at": clock(session)}
    _move(session, number, case_id, owner, changed)


def fail(session: Session, number: int, case_id: str, owner: Owner, code: str) -> ItemState:
    """Note a failure: the study waits for another try, or fails for good after the last."""
    tried = select(BackfillItemRow.tries).where(
        BackfillItemRow.number == number, BackfillItemRow.case_id == case_id
    )
    tries = session.scalar(tried) or 1
    if tries >= get(session, number).most_tries:
        settle(session, number, case_id, owner, ItemState.FAILED, code)
        return ItemState.FAILED
    again = {
        "state": ItemState.WAITING.value,
        "code": code,
        "owner": None,
        "ready_at": clock(session) + AGAIN_AFTER * 2 ** (tries - 1),
    }
    _move(session, number, case_id, owner, again)
    return ItemState.WAITING


def give_back(session: Session, number: int, case_id: str, owner: Owner) -> None:
    """Let a study wait again, at no cost to it: what was missing was not its fault."""
    back = {
        "state": ItemState.WAITING.value,
        "owner": None,
        "tries": BackfillItemRow.tries - 1,
    }
    _move(session, number, case_id, owner, back)


def change(session: Session, number: int, state: BackfillState) -> Backfill:
    """Pause, resume or cancel. BackfillError `backfill_ended` where it has ended; NotFound."""
    row = _locked(session, number)
    if row.state not in OPEN:
        raise BackfillError("backfill_ended", number=number, state=row.state)
    row.state = state.value
    if state is BackfillState.CANCELLED:
        row.open_key, row.ended_at = None, clock(session)
    session.flush()
    return _backfill(row)


def set_rate(session: Session, number: int, rate_per_minute: float) -> None:
    """Change how many studies a minute may be taken. NotFound `backfill_not_found`."""
    row = _locked(session, number)
    row.rate_per_minute = rate_per_minute
    row.next_at = None
    session.flush()


def retry_failed(session: Session, number: int) -> int:
    """Let what failed wait again, with all its tries; how many. A backfill that was done goes on.
    BackfillError `backfill_ended` where it was cancelled, or the same is asked for anew."""
    row = _locked(session, number)
    if row.state not in OPEN:
        key = canonical.sha256({"work": row.work, "selection": _selection(row)})
        taken = session.scalar(select(BackfillRow.number).where(BackfillRow.open_key == key))
        if row.state == BackfillState.CANCELLED or taken is not None:
            raise BackfillError("backfill_ended", number=number, state=row.state)
        row.open_key, row.state, row.ended_at = key, BackfillState.RUNNING.value, None
    again = session.scalars(
        update(BackfillItemRow)
        .where(*_item(number, ItemState.FAILED))
        .values(state=ItemState.WAITING.value, tries=0, settled_at=None, ready_at=clock(session))
        .returning(BackfillItemRow.case_id)
        .execution_options(synchronize_session=False)
    )
    return len(again.all())


def count(session: Session, number: int) -> Count:
    """Return how many studies are where, and why what was not done was not."""
    rows = session.execute(
        select(BackfillItemRow.state, BackfillItemRow.code, func.count())
        .where(BackfillItemRow.number == number)
        .group_by(BackfillItemRow.state, BackfillItemRow.code)
    ).all()
    states = dict.fromkeys(ItemState, 0)
    codes: dict[tuple[ItemState, str], int] = {}
    for name, code, many in rows:
        state = ItemState(name)
        states[state] += many
        if code is not None and state is not ItemState.DONE:
            codes[state, code] = many
    return Count(states, codes)


def pace(session: Session, number: int, within: timedelta) -> Pace:
    """Return what was settled within the last minutes."""
    now = clock(session)
    settled, first, last = session.execute(
        select(
            func.count(),
            func.min(BackfillItemRow.settled_at),
            func.max(BackfillItemRow.settled_at),
        ).where(BackfillItemRow.number == number, BackfillItemRow.settled_at > now - within)
    ).one()
    return Pace(now, settled, first, last)


def failures(
    session: Session, number: int, *, after: str = "", limit: int = 500
) -> tuple[tuple[str, ItemState, str, int], ...]:
    """Return case id, state, code and tries of the next studies behind `after` that failed, were
    left out, or wait after a failure."""
    rows = session.execute(
        select(
            BackfillItemRow.case_id,
            BackfillItemRow.state,
            BackfillItemRow.code,
            BackfillItemRow.tries,
        )
        .where(
            BackfillItemRow.number == number,
            BackfillItemRow.case_id > after,
            BackfillItemRow.code.is_not(None),
            BackfillItemRow.state != ItemState.DONE.value,
        )
        .order_by(BackfillItemRow.case_id)
        .limit(limit)
    )
    return tuple((row[0], ItemState(row[1]), row[2] or "", row[3]) for row in rows)


def save_scores(
    session: Session,
    case_id: str,
    encoder_id: str,
    scores: dict[str, float],
    image_ids: tuple[str, ...],
) -> None:
    """Keep what an encoder's heads make of a study, in place of an earlier reading."""
    session.execute(
        delete(FindingScoresRow).where(
            FindingScoresRow.case_id == case_id, FindingScoresRow.encoder_id == encoder_id
        )
    )
    session.add(
        FindingScoresRow(
            case_id=case_id,
            encoder_id=encoder_id,
            scores=canonical.dumps(scores),
            image_ids=image_ids,
            read_at=datetime.now(UTC),
        )
    )
    session.flush()


def scores(session: Session, case_id: str, encoder_id: str) -> dict[str, float] | None:
    """Return what an encoder's heads made of a study; None where they were not asked."""
    row = session.get(FindingScoresRow, (case_id, encoder_id))
    if row is None:
        return None
    with faults.decoding("finding_scores", case_id):
        return {str(code): float(score) for code, score in json.loads(row.scores).items()}


def _end(session: Session, row: BackfillRow, now: datetime) -> Doing:
    """End a backfill of which nothing is left; what its processes do from now on."""
    left = select(literal(1)).where(
        BackfillItemRow.number == row.number,
        BackfillItemRow.state.in_([ItemState.WAITING.value, ItemState.HELD.value]),
    )
    if not row.listed or session.scalar(left.limit(1)) is not None:
        return Doing.OTHERS
    row.state, row.open_key, row.ended_at = BackfillState.DONE.value, None, now
    session.flush()
    return Doing.ENDED


def _move(
    session: Session, number: int, case_id: str, owner: Owner, changed: Mapping[str, object]
) -> None:
    moved = session.execute(
        update(BackfillItemRow)
        .where(
            *_item(number, ItemState.HELD),
            BackfillItemRow.case_id == case_id,
            BackfillItemRow.owner == owner.owner_id,
        )
        .values(changed)
        .returning(BackfillItemRow.case_id)
        .execution_options(synchronize_session=False)
    )
    if moved.first() is None:
        raise HoldLost(case_id)


def _forget(session: Session, *conditions: ColumnElement[bool]) -> bool:
    gone = session.execute(
        delete(BackfillWorkerRow)
        .where(*conditions)
        .returning(BackfillWorkerRow.owner)
        .execution_options(synchronize_session=False)
    )
    return gone.first() is not None


def _release(session: Session, owner_id: str, *, counted: bool) -> None:
    session.execute(
        update(BackfillItemRow)
        .where(BackfillItemRow.owner == owner_id)
        .values(
            state=ItemState.WAITING.value,
            owner=None,
            tries=BackfillItemRow.tries - (0 if counted else 1),
        )
        .execution_options(synchronize_session=False)
    )


def _item(number: int, state: ItemState) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return BackfillItemRow.number == number, BackfillItemRow.state == state.value


def _chosen(work: Work, selection: Selection) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if work is Work.DRAFT:
        # A report that a person sees or writes begins as its own draft, by the readers' queue.
        found.append(CaseRow.state == CaseState.ARCHIVED.value)
    if selection.sites:
        found.append(CaseRow.site.in_([storable(site) for site in selection.sites]))
    for name, values in selection.where:
        found.append(getattr(CaseRow, name).in_([storable(value) for value in values]))
    days: list[ColumnElement[bool]] = []
    if selection.since is not None:
        days.append(StudyIdentityRow.study_time >= selection.since.isoformat())
    if selection.until is not None:
        # ISO 8601 sorts as text; the whole last day is in.
        end = selection.until + timedelta(days=1)
        days.append(StudyIdentityRow.study_time < end.isoformat())
    if days:
        taken = select(StudyIdentityRow.case_id).where(
            StudyIdentityRow.case_id == CaseRow.case_id, and_(*days)
        )
        found.append(taken.exists())
    return found


def _locked(session: Session, number: int) -> BackfillRow:
    row = session.get(BackfillRow, number, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound("backfill_not_found", number=number)
    return row


def _selection(row: BackfillRow) -> Selection:
    with faults.decoding("backfills", str(row.number)):
        found = json.loads(row.selection)
        since, until = (
            None if found[name] is None else date.fromisoformat(found[name])
            for name in ("since", "until")
        )
        where = tuple((name, tuple(values)) for name, values in found["where"])
        return Selection(tuple(found["sites"]), since, until, where)


def _backfill(row: BackfillRow) -> Backfill:
    return Backfill(
        number=row.number,
        work=Work(row.work),
        selection=_selection(row),
        state=BackfillState(row.state),
        rate_per_minute=row.rate_per_minute,
        most_tries=row.most_tries,
        created_at=row.created_at,
        ended_at=row.ended_at,
        listed=row.listed,
    )
