"""Pages of the worklist, and how much it lists: each by an index, however many studies there are.

A page follows the last line of the one before it, not a number of lines: it stays what it is while
studies arrive. Three parts follow one another: the head, which the caller names; what is to be
signed, longest waiting first; what is signed, newest first.

Few matches of a search or of days are collected and then sorted; where there are many, the list is
walked in its order until a page is full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Text,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    type_coerce,
    union,
)
from sqlalchemy.orm import Session

from radraft.reports.turnround import Limit, TurnroundClock
from radraft.reports.values import ReportState
from radraft.store.base import UtcDateTime
from radraft.store.tables import NameKeyRow, WorklistEntryRow
from radraft.store.values import CaseState, Stage, WorklistCounts, WorklistFilter, WorklistPlace
from radraft.studies import name_search

FEW = 10_000
"""Matches that are collected and sorted."""
MOST_SITES = 8
"""Sites whose lists are walked one by one and put together."""
HEAD, OPEN, SIGNED = 0, 1, 2
LAST = "\U0010ffff"
"""Sorts after whatever follows the same beginning."""


@dataclass(frozen=True)
class Visible:
    """Whose studies somebody may see; None: of every site."""

    sites: frozenset[str] | None = None
    """All of them."""
    signed_sites: frozenset[str] | None = frozenset()
    """Those of which a version was signed."""


@dataclass(frozen=True)
class Page:
    """The lines of one page."""

    case_ids: tuple[str, ...]
    next: WorklistPlace | None


def page(
    session: Session,
    wanted: WorklistFilter,
    visible: Visible,
    *,
    head: Sequence[str],
    clock: TurnroundClock | None,
    after: WorklistPlace | None,
    limit: int,
) -> Page:
    """Return at most `limit` lines, those of the cases of `head` first and in their order."""
    if _asks_nothing(wanted):
        return Page((), None)
    source = _source(session, wanted)
    lines: list[WorklistPlace] = []
    start = after.part if after else HEAD
    for part in range(start, SIGNED + 1):
        left = limit + 1 - len(lines)
        if left <= 0 or not _may_hold(wanted, part):
            continue
        place = after if after and after.part == part else None
        search = _Search(session, source, wanted, visible, clock, head, left)
        lines += search.head(place) if part == HEAD else search.walk(part, place)
    more = len(lines) > limit
    lines = lines[:limit]
    return Page(
        case_ids=tuple(line.case_id for line in lines),
        next=lines[-1] if more and lines else None,
    )


def counts(
    session: Session, wanted: WorklistFilter, visible: Visible, clock: TurnroundClock | None
) -> WorklistCounts:
    """Return how many studies there are of each phase, and how many are late, whatever stage is
    wanted."""
    if _asks_nothing(wanted):
        return WorklistCounts({}, 0, 0)
    every = replace(wanted, stage=Stage.ALL)
    source = _source(session, every, counting=True)
    listed = and_(true(), *source.conditions, *_conditions(source.columns, every, visible, None))
    phase = source.columns.phase
    found = session.execute(select(phase, func.count()).where(listed).group_by(phase)).all()
    near, over = (0, 0) if clock is None else _late(session, source, listed, clock)
    return WorklistCounts({row[0]: row[1] for row in found}, near, over)


def values(session: Session, column: str) -> tuple[str, ...]:
    """Return the values that a column of the list has, by as many looks into its index."""
    of: Any = getattr(WorklistEntryRow, column)
    found: list[str] = []
    value = session.scalar(select(func.min(of)))
    while value is not None:
        found.append(value)
        value = session.scalar(select(func.min(of)).where(of > value))
    return tuple(found)


@dataclass(frozen=True)
class _Source:
    """What is walked: the whole list, or what was collected of it."""

    columns: Any
    conditions: tuple[ColumnElement[bool], ...] = ()
    """What the whole list has to be asked besides."""
    collected: bool = False


class _Search:
    """The lines of each part."""

    def __init__(
        self,
        session: Session,
        source: _Source,
        wanted: WorklistFilter,
        visible: Visible,
        clock: TurnroundClock | None,
        head: Sequence[str],
        limit: int,
    ) -> None:
        self._session = session
        self._columns = source.columns
        self._source = source
        self._wanted = wanted
        self._visible = visible
        self._head = head
        self._limit = limit
        self._conditions = (
            *source.conditions,
            *_conditions(source.columns, wanted, visible, clock),
        )

    def head(self, after: WorklistPlace | None) -> list[WorklistPlace]:
        """Return the cases of the head that are listed, after one of them."""
        if not self._head:
            return []
        case_id = self._columns.case_id
        listed = set(
            self._session.scalars(select(case_id).where(case_id.in_(self._head), *self._conditions))
        )
        lines = [
            WorklistPlace(HEAD, str(number), head_id)
            for number, head_id in enumerate(self._head)
            if head_id in listed
        ]
        if after is None:
            return lines[: self._limit]
        # Alerts come and go: the same study where it is still there, else the same number.
        places = {line.case_id: int(line.key) for line in lines}
        past = places.get(after.case_id, int(after.key) - 1)
        return [line for line in lines if int(line.key) > past][: self._limit]

    def walk(self, part: int, after: WorklistPlace | None) -> list[WorklistPlace]:
        """Return what is to be signed or signed, in order, after one line."""
        received, case_id = self._columns.received_at, self._columns.case_id
        # As it is stored: one that is damaged keeps its place, and is named by who reads it.
        raw = type_coerce(received, Text)
        query = (
            select(case_id, raw)
            .where(self._columns.signed == (true() if part == SIGNED else false()))
            .where(*self._conditions)
            .where(case_id.not_in(self._head) if self._head else true())
            .limit(self._limit)
        )
        if part == OPEN:
            query = query.order_by(received, case_id)
        else:
            query = query.order_by(received.desc(), case_id.desc())
        if after is not None:
            here, there = tuple_(received, case_id), _place(self._session, after)
            query = query.where(here > there if part == OPEN else here < there)
        found: dict[str, Any] = {}
        for way in self._ways():
            found |= {row[0]: row[1] for row in self._session.execute(query.where(way))}
        lines = sorted(found.items(), key=_by_time, reverse=part == SIGNED)
        return [WorklistPlace(part, _written(at), name) for name, at in lines[: self._limit]]

    def _ways(self) -> list[ColumnElement[bool]]:
        """Conditions that an index answers in order, one walk for each."""
        sites = _sites(self._wanted, self._visible)
        if self._source.collected:
            return [true()]
        if self._wanted.person:
            return [
                self._columns.author_account == self._wanted.person,
                self._columns.reviewer_account == self._wanted.person,
            ]
        if sites is None or len(sites) > MOST_SITES:
            return [true()]
        return [self._columns.site == site for site in sorted(sites)]


def _by_time(line: tuple[str, Any]) -> tuple[Any, str]:
    return line[1], line[0]


def _written(received: Any) -> str:
    """When something was received, as text: PostgreSQL gives an instant, SQLite its own text."""
    return received.isoformat() if isinstance(received, datetime) else str(received)


def _may_hold(wanted: WorklistFilter, part: int) -> bool:
    """Whether a part may have lines of the stage and phase that are wanted."""
    signed = wanted.stage is Stage.SIGNED or wanted.phase == ReportState.SIGNED
    unsigned = wanted.stage in (Stage.TODO, Stage.DRAFTING, Stage.LATE) or wanted.phase not in (
        "",
        ReportState.SIGNED,
    )
    return part == HEAD or not (signed if part == OPEN else unsigned)


def _sites(wanted: WorklistFilter, visible: Visible) -> frozenset[str] | None:
    """The sites whose studies may be listed; None: all."""
    if wanted.site:
        return frozenset({wanted.site})
    if visible.sites is None or visible.signed_sites is None:
        return None
    return visible.sites | visible.signed_sites


def _conditions(
    columns: Any, wanted: WorklistFilter, visible: Visible, clock: TurnroundClock | None
) -> list[ColumnElement[bool]]:
    """What a line must be, but for search and days."""
    asked = {
        columns.phase: wanted.phase,
        columns.site: wanted.site,
        columns.modality: wanted.modality,
        columns.body_part: wanted.body_part,
        columns.verdict: wanted.verdict,
        columns.author_account: wanted.author,
        columns.reviewer_account: wanted.reviewer,
    }
    found = [column == value for column, value in asked.items() if value]
    if wanted.person:
        mine = (columns.author_account, columns.reviewer_account)
        found.append(or_(*(column == wanted.person for column in mine)))
    drafting = columns.phase.in_([CaseState.RECEIVED.value, CaseState.DRAFTING.value])
    match wanted.stage:
        case Stage.SIGNED:
            found.append(columns.signed == true())
        case Stage.DRAFTING:
            found += [columns.signed == false(), drafting]
        case Stage.TODO:
            found += [columns.signed == false(), ~drafting]
        case Stage.LATE:
            found += [columns.signed == false(), columns.once_signed == false()]
            found.append(_received_before(columns, clock, "near") if clock else false())
        case Stage.ALL:
            pass
    return [*found, *_visible(columns, visible)]


def _visible(columns: Any, visible: Visible) -> list[ColumnElement[bool]]:
    """Of one of the sites, or of one of the signed ones and signed once."""
    if visible.sites is None:
        return []
    anywhere = columns.site.in_(visible.sites)
    if visible.signed_sites is not None and visible.signed_sites <= visible.sites:
        return [anywhere]
    there = true() if visible.signed_sites is None else columns.site.in_(visible.signed_sites)
    return [or_(anywhere, and_(there, columns.once_signed == true()))]


def _source(session: Session, wanted: WorklistFilter, *, counting: bool = False) -> _Source:
    """The list, or where a search or days match few studies, these. Who counts a search has to read
    all that it matches, and nothing else."""
    entries = WorklistEntryRow.__table__.c
    days = _days(entries, wanted)
    if wanted.search:
        ways = _matches(entries, wanted.search)
        if counting or _few(session, ways):
            found = _collected(ways)
            return _Source(found, tuple(_days(found, wanted)), collected=True)
    if days and _few(session, [and_(*days)]):
        found = _collected([and_(*days)])
        return _Source(found, _searched(found, wanted), collected=True)
    return _Source(entries, (*days, *_searched(entries, wanted)))


def _asks_nothing(wanted: WorklistFilter) -> bool:
    """Whether what was typed can be found in no study: marks alone."""
    return bool(wanted.search) and not _matches(WorklistEntryRow.__table__.c, wanted.search)


def _few(session: Session, ways: Sequence[ColumnElement[bool]]) -> bool:
    """Whether few studies are matched, all ways together: no more are counted."""
    found = 0
    for way in ways:
        first = select(WorklistEntryRow.case_id).where(way).limit(FEW + 1).subquery()
        found += session.scalar(select(func.count()).select_from(first)) or 0
        if found > FEW:
            return False
    return True


def _collected(ways: Sequence[ColumnElement[bool]]) -> Any:
    """The columns of what is matched in any of the ways; each by its index, and read once."""
    rows = union(*(select(WorklistEntryRow.__table__).where(way) for way in ways))
    return rows.cte("matches").prefix_with("MATERIALIZED").c


def _days(columns: Any, wanted: WorklistFilter) -> list[ColumnElement[bool]]:
    """On or after the first and on or before the last day."""
    days: list[ColumnElement[bool]] = []
    if wanted.since:
        days.append(columns.study_date >= wanted.since)
    if wanted.until:
        days.append(columns.study_date <= wanted.until)
    return days


def _matches(columns: Any, text: str) -> list[ColumnElement[bool]]:
    """The ways in which a study may be what somebody typed, each by an index of its own."""
    found: list[ColumnElement[bool]] = []
    names = name_search.name_queries(text)
    if names:
        keys = or_(*(_begins(NameKeyRow.key, name) for name in names))
        found.append(columns.name.in_(select(NameKeyRow.name).where(keys)))
    return found + _numbers(columns, text)


def _searched(columns: Any, wanted: WorklistFilter) -> tuple[ColumnElement[bool], ...]:
    """Whether a line that is looked at is what somebody typed."""
    if not wanted.search:
        return ()
    ways = _numbers(columns, wanted.search)
    names = name_search.name_queries(wanted.search)
    if names:
        keys = or_(*(_begins(NameKeyRow.key, name) for name in names))
        ways.append(exists().where(NameKeyRow.name == columns.name, keys))
    return (or_(*ways),)


def _numbers(columns: Any, text: str) -> list[ColumnElement[bool]]:
    """The ways but by name."""
    found: list[ColumnElement[bool]] = []
    number = name_search.number_key(text)
    if number:
        found += [_begins(columns.number, number), _begins(columns.accession, number)]
    day = name_search.day(text)
    if day is not None:
        found.append(columns.study_date == day)
    return found


def _begins(column: Any, text: str) -> ColumnElement[bool]:
    """Whether `column` begins with `text`: a range of its index, whatever signs it holds."""
    return and_(column >= text, column < text + LAST)


def _place(session: Session, after: WorklistPlace) -> Any:
    """The place in the order of one line, as the database compares it."""
    if session.get_bind().dialect.name == "sqlite":
        return tuple_(literal(after.key, Text()), literal(after.case_id, Text()))
    received = literal(datetime.fromisoformat(after.key), UtcDateTime())
    return tuple_(received, literal(after.case_id, Text()))


def _late(
    session: Session, source: _Source, listed: ColumnElement[bool], clock: TurnroundClock
) -> tuple[int, int]:
    """Return how many studies without a signature are near their limit, and how many over it."""
    columns = source.columns
    over = _received_before(columns, clock, "over")
    row = session.execute(
        select(
            func.coalesce(func.sum(case((over, 0), else_=1)), 0),
            func.coalesce(func.sum(case((over, 1), else_=0)), 0),
        ).where(
            columns.signed == false(),
            columns.once_signed == false(),
            _received_before(columns, clock, "near"),
            listed,
        )
    ).one()
    return int(row[0]), int(row[1])


def _received_before(columns: Any, clock: TurnroundClock, side: str) -> ColumnElement[bool]:
    """Whether a study came at or before its modality's instant."""
    limits, other = clock.limits.defaults()
    kinds = [
        (columns.modality == code, literal(_instant(clock, limit, side), UtcDateTime()))
        for code, limit in limits.items()
    ]
    rest = literal(_instant(clock, other, side), UtcDateTime())
    earliest = case(*kinds, else_=rest) if kinds else rest
    # The latest of them bounds the walk of the index.
    instants = [_instant(clock, limit, side) for limit in (*limits.values(), other)]
    bound = literal(max(instants), UtcDateTime())
    return and_(columns.received_at <= bound, columns.received_at <= earliest)


def _instant(clock: TurnroundClock, limit: Limit, side: str) -> datetime:
    return clock.now - (limit.near if side == "near" else limit.over)
