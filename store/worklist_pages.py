"""Pages of the worklist, and how much it lists: each by an index, however many studies there are.

A page follows the last line of the one before it, not a number of lines: it stays what it is while
studies arrive. Three parts follow one another: the head, of what the caller names; what is to be
signed, the most urgent first and of these the longest waiting; what is signed, newest first.

Few matches of a search or of days are collected and then sorted; where there are many, the list is
walked in its order until a page is full: each of a few days by itself. So a page costs no more
where more is matched. What grows with the matches is counting them, which whoever wants the page
first asks for by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Text,
    and_,
    case,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    type_coerce,
)
from sqlalchemy.orm import Session

from radraft.core.errors import ReportError
from radraft.reports.inquiry import OPEN_STATES
from radraft.reports.turnround import EMERGENCY, Limit, TurnroundClock
from radraft.reports.values import ReportState
from radraft.store.base import UtcDateTime
from radraft.store.sql import chunks
from radraft.store.tables import InquiryRow, NameKeyRow, WorklistEntryRow
from radraft.store.values import (
    IN_REVIEW,
    RANKS,
    CaseState,
    Stage,
    WorklistCounts,
    WorklistFilter,
    WorklistPlace,
)
from radraft.studies import name_search
from radraft.studies.values import StudyPriority

CASES_AT_ONCE = 1000
FEW = 2_000
"""Matches that are collected and sorted."""
MOST_SITES = 8
"""Sites whose lists are walked one by one and put together."""
MOST_DAYS = 62
"""Days whose lists are: what is signed is walked from its newest, and years ago it is far."""
HEAD_LINES = 1000
"""Studies with alerts or critical findings that stand before all others; more keep their places.
Where there are more, each site has as many places as there are, shared by all."""
HEAD, OPEN, SIGNED = 0, 1, 2
ENTRIES = WorklistEntryRow.__table__.c
# As it is stored: one that is damaged keeps its place, and is named by who reads it.
RECEIVED = type_coerce(ENTRIES.received_at, Text)
_PLACES = (ENTRIES.site, ENTRIES.reading_site)
_ASKED = ENTRIES.case_id.in_(
    select(InquiryRow.case_id).where(
        InquiryRow.state.in_(sorted(state.value for state in OPEN_STATES))
    )
)
"""Whether a clinician waits for a radiologist's answer about it: of few studies."""
LAST = "\U0010ffff"
"""Sorts after whatever follows the same beginning."""


@dataclass(frozen=True)
class Visible:
    """Whose studies somebody may see; None: of every site."""

    sites: frozenset[str] | None = None
    """All of them, and those that are read there for other sites."""
    signed_sites: frozenset[str] | None = frozenset()
    """Those of which a version was signed."""


@dataclass(frozen=True)
class Urgent:
    """What is to stand at the head."""

    alerted: Mapping[str, str] = field(default_factory=dict)
    """By case id: text that sorts as these lines do."""
    critical: Collection[str] = ()
    """Cases whose drafts state a critical finding: after those, in the order of what is to be
    signed."""


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
    urgent: Urgent,
    clock: TurnroundClock | None,
    after: WorklistPlace | None,
    limit: int,
) -> Page:
    """Return at most `limit` lines, those that are `urgent` first. ReportError
    `worklist_place_invalid` where `after` is no place of this database's list."""
    ways = _ways(wanted)
    if ways == []:
        return Page((), None)
    search = _Search(session, wanted, visible, clock, urgent, limit + 1)
    if ways is not None and _few(session, wanted):
        lines = search.collected(ways, after)
    else:
        lines = search.walked(after)
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
    every = replace(wanted, stage=Stage.ALL)
    ways = _ways(every) if every.search else [true()]
    listed = _conditions(every, visible, None)
    if not ways:
        return WorklistCounts({}, 0, 0)
    phases: Counter[str] = Counter()
    phase_seen = _phase_seen(visible)
    for number, way in enumerate(ways):
        # What was matched in a way before is not counted again.
        others = [~other for other in ways[:number]]
        counted = (
            select(phase_seen, func.count())
            .where(way, *others, *listed, *_days(wanted))
            .group_by(phase_seen)
        )
        for phase, count in session.execute(counted):
            phases[phase] += count
    near, over = (0, 0) if clock is None else _late(session, every, visible, clock)
    return WorklistCounts(dict(phases), near, over)


def sites(session: Session) -> tuple[str, ...]:
    """Return every site that has a study."""
    return tuple(_distinct(session, ENTRIES.site, true()))


def read_for(session: Session, sites: frozenset[str]) -> frozenset[str]:
    """Return the sites whose studies are read, or were, at one of `sites`."""
    wanted = select(ENTRIES.site).where(ENTRIES.reading_site.in_(sites))
    return frozenset(session.scalars(wanted.distinct()))


def kinds(session: Session, visible: Visible) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the modalities and the body parts of what somebody may see, by as many looks into an
    index as there are of them, at each of his sites."""
    conditions = and_(true(), *_visible(visible))
    if visible.sites is None or visible.signed_sites is None:
        found = (_distinct(session, of, conditions) for of in (ENTRIES.modality, ENTRIES.body_part))
        modalities, parts = map(set, found)
    else:
        modalities, parts = set(), set()
        ways = [ENTRIES.site == site for site in visible.sites | visible.signed_sites]
        ways += [ENTRIES.reading_site == site for site in visible.sites]
        for way in ways:
            here = and_(way, conditions)
            for modality in _distinct(session, ENTRIES.modality, here):
                modalities.add(modality)
                of_kind = and_(here, ENTRIES.modality == modality)
                parts.update(_distinct(session, ENTRIES.body_part, of_kind))
    return tuple(sorted(modalities)), tuple(sorted(parts))


def _distinct(session: Session, of: Any, where: ColumnElement[bool]) -> Iterator[str]:
    """Yield the values of a column, each by one look."""
    value = session.scalar(select(func.min(of)).where(where))
    while value is not None:
        yield value
        value = session.scalar(select(func.min(of)).where(where, of > value))


class _Search:
    """The lines of the list that are wanted and may be seen."""

    def __init__(
        self,
        session: Session,
        wanted: WorklistFilter,
        visible: Visible,
        clock: TurnroundClock | None,
        urgent: Urgent,
        limit: int,
    ) -> None:
        self._session = session
        self._wanted = wanted
        self._visible = visible
        self._limit = limit
        self._asked = _asked(wanted, visible, clock)
        self._conditions = _conditions(wanted, visible, clock)
        self._head = self._head_of(urgent)
        self._in_head = [line.case_id for line in self._head]

    def collected(
        self, ways: Sequence[ColumnElement[bool]], after: WorklistPlace | None
    ) -> list[WorklistPlace]:
        """Return the lines of few matches, each way by its index, sorted here."""
        found: dict[str, WorklistPlace] = {}
        for way in ways:
            query = select(ENTRIES.case_id, ENTRIES.signed, ENTRIES.rank, RECEIVED, *_PLACES)
            rows = self._session.execute(query.where(way, *self._conditions, *_days(self._wanted)))
            for case_id, is_signed, rank, received, *places in rows:
                part = SIGNED if is_signed or self._only_signed(*places) else OPEN
                found[case_id] = _line(part, rank, received, case_id)
        for case_id in self._in_head:
            found.pop(case_id, None)
        lines = list(self._head)
        for part in (OPEN, SIGNED):
            of_part = [line for line in found.values() if line.part == part]
            lines += sorted(of_part, key=_sortable, reverse=part == SIGNED)
        if after is not None:
            # Where the line itself is not among them any more, its place is.
            lines = [line for line in lines if _is_after(line, after)]
        return lines[: self._limit]

    def walked(self, after: WorklistPlace | None) -> list[WorklistPlace]:
        """Return the next lines of the list in its order."""
        lines: list[WorklistPlace] = []
        for part in range(after.part if after else HEAD, SIGNED + 1):
            left = self._limit - len(lines)
            if left <= 0 or not _may_hold(self._wanted, part):
                continue
            place = after if after and after.part == part else None
            lines += self._walk_head(place) if part == HEAD else self._walk(part, place, left)
        return lines[: self._limit]

    def _head_of(self, urgent: Urgent) -> list[WorklistPlace]:
        """What of all that is urgent is listed, in order."""
        lines: list[tuple[WorklistPlace, str]] = []
        query = select(ENTRIES.case_id, ENTRIES.signed, ENTRIES.rank, RECEIVED, *_PLACES).where(
            *self._conditions, *_days(self._wanted), *_searched(self._wanted)
        )
        for ids in chunks(dict.fromkeys((*urgent.alerted, *urgent.critical)), CASES_AT_ONCE):
            rows = self._session.execute(query.where(ENTRIES.case_id.in_(ids)))
            for case_id, is_signed, rank, received, *places in rows:
                if case_id in urgent.alerted:
                    key = f"0 {urgent.alerted[case_id]}"
                elif not is_signed and not self._only_signed(*places):
                    key = f"1 {rank} {_written(received)}"
                else:
                    continue
                lines.append((WorklistPlace(HEAD, 0, key, case_id), places[0]))
        return _shared(sorted(lines, key=lambda line: _sortable(line[0])), HEAD_LINES)

    def _walk_head(self, after: WorklistPlace | None) -> list[WorklistPlace]:
        if after is None:
            return self._head[: self._limit]
        return [line for line in self._head if _is_after(line, after)][: self._limit]

    def _walk(self, part: int, after: WorklistPlace | None, limit: int) -> list[WorklistPlace]:
        """What is to be signed or signed, in order, after one line."""
        order = [ENTRIES.received_at, ENTRIES.case_id]
        if part == OPEN:
            order = [ENTRIES.rank, *order]
        query = (
            select(ENTRIES.case_id, ENTRIES.rank, RECEIVED)
            .where(*_days(self._wanted), *_searched(self._wanted))
            .where(ENTRIES.case_id.not_in(self._in_head) if self._in_head else true())
            .order_by(*(order if part == OPEN else (column.desc() for column in order)))
            .limit(limit)
        )
        if after is not None:
            here, there = tuple_(*order), _place(self._session, after)
            query = query.where(here > there if part == OPEN else here < there)
        found: dict[str, WorklistPlace] = {}
        for way, own in self._in_order():
            # Said twice in other words, PostgreSQL takes it for rarer than it is, and sorts a site.
            of_way = query.where(way, *(self._asked if own else self._conditions))
            for of_part in self._of_part(part, own=own):
                for case_id, rank, received in self._session.execute(of_way.where(of_part)):
                    found[case_id] = _line(part, rank, received, case_id)
        return sorted(found.values(), key=_sortable, reverse=part == SIGNED)[:limit]

    def _of_part(self, part: int, *, own: bool) -> list[ColumnElement[bool]]:
        """What a line of a part is, each by the index that has the order. Of what somebody sees
        only because it was signed once, all is signed: he is not told that it is being amended.
        `own`: he sees all of the way that is walked."""
        sites = None if own else self._visible.sites
        if part == OPEN:
            mine = true() if sites is None else _of_sites(sites)
            priority = self._wanted.priority
            # The index has the rank, and counts have the priority.
            ranked = ENTRIES.rank == RANKS[StudyPriority(priority)] if priority else true()
            return [and_(ENTRIES.signed == false(), mine, ranked)]
        signed = ENTRIES.signed == true()
        if sites is None or _seen_by(self._wanted, self._visible).signed_sites == frozenset():
            return [signed]
        amended = (ENTRIES.signed == false(), ENTRIES.once_signed == true())
        return [signed, and_(*amended, ~_of_sites(sites))]

    def _only_signed(self, *places: str) -> bool:
        """Whether studies of a site that another reads are seen only because they were signed
        once."""
        return self._visible.sites is not None and self._visible.sites.isdisjoint(places)

    def _in_order(self) -> list[tuple[ColumnElement[bool], bool]]:
        """Conditions that an index answers in order, one walk for each; and whether all that is so
        may be seen."""
        if self._wanted.person:
            of_person = (ENTRIES.author_account, ENTRIES.reviewer_account)
            return [(account == self._wanted.person, False) for account in of_person]
        since, until = self._wanted.since, self._wanted.until
        if since and until and (until - since).days < MOST_DAYS:
            days = range((until - since).days + 1)
            return [(ENTRIES.study_date == since + timedelta(day), False) for day in days]
        sites = _sites(self._wanted, self._visible)
        if sites is None or len(sites) > MOST_SITES:
            return [(true(), False)]
        mine = self._visible.sites or frozenset()
        ways = [(ENTRIES.site == site, site in mine) for site in sorted(sites)]
        if not self._wanted.site:
            ways += [(ENTRIES.reading_site == site, True) for site in sorted(mine)]
        return ways


def _shared(lines: Sequence[tuple[WorklistPlace, str]], most: int) -> list[WorklistPlace]:
    """Return at most so many of the lines, in their order: the first of each site, then the second
    of each, until all places are taken."""
    of_site: Counter[str] = Counter()
    turns = []
    for number, (_, site) in enumerate(lines):
        turns.append((of_site[site], number))
        of_site[site] += 1
    kept = sorted(number for _, number in sorted(turns)[:most])
    return [lines[number][0] for number in kept]


def _line(part: int, rank: int, received: Any, case_id: str) -> WorklistPlace:
    return WorklistPlace(part, rank if part == OPEN else 0, _written(received), case_id)


def _written(received: Any) -> str:
    """When something was received, as text that sorts as it does: PostgreSQL gives an instant,
    SQLite its own text, which may be damaged."""
    if isinstance(received, datetime):
        return received.astimezone(UTC).isoformat(timespec="microseconds")
    return str(received)


def _sortable(line: WorklistPlace) -> tuple[int, str, str]:
    """A line as it is compared with others of its part."""
    return line.rank, line.key, line.case_id


def _is_after(line: WorklistPlace, place: WorklistPlace) -> bool:
    if line.part != place.part:
        return line.part > place.part
    here, there = _sortable(line), _sortable(place)
    return here < there if line.part == SIGNED else here > there


def _may_hold(wanted: WorklistFilter, part: int) -> bool:
    """Whether a part may have lines of the stage and phase that are wanted."""
    signed = wanted.stage is Stage.SIGNED or wanted.phase == ReportState.SIGNED
    unsigned = wanted.stage in (
        Stage.TODO,
        Stage.REVIEW,
        Stage.DRAFTING,
        Stage.LATE,
    ) or wanted.phase not in (
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
    wanted: WorklistFilter, visible: Visible, clock: TurnroundClock | None
) -> list[ColumnElement[bool]]:
    """What a line must be, but for search and days."""
    return [*_asked(wanted, visible, clock), *_visible(_seen_by(wanted, visible))]


def _asked(
    wanted: WorklistFilter, visible: Visible, clock: TurnroundClock | None
) -> list[ColumnElement[bool]]:
    """What a line must be by what is wanted, whoever may see it."""
    asked = {
        ENTRIES.phase: wanted.phase,
        ENTRIES.site: wanted.site,
        ENTRIES.modality: wanted.modality,
        ENTRIES.body_part: wanted.body_part,
        ENTRIES.verdict: wanted.verdict,
        ENTRIES.priority: wanted.priority,
        ENTRIES.author_account: wanted.author,
        ENTRIES.reviewer_account: wanted.reviewer,
    }
    found = [column == value for column, value in asked.items() if value]
    if wanted.person:
        mine = (ENTRIES.author_account, ENTRIES.reviewer_account)
        found.append(or_(*(column == wanted.person for column in mine)))
    if wanted.asked:
        found.append(_ASKED)
    drafting = ENTRIES.phase.in_([CaseState.RECEIVED.value, CaseState.DRAFTING.value])
    match wanted.stage:
        case Stage.SIGNED:
            found.append(_signed_seen(visible))
        case Stage.DRAFTING:
            found += [ENTRIES.signed == false(), drafting]
        case Stage.REVIEW:
            found += [ENTRIES.signed == false(), ENTRIES.phase.in_(sorted(IN_REVIEW))]
        case Stage.TODO:
            found += [ENTRIES.signed == false(), ~drafting]
        case Stage.LATE:
            found += [ENTRIES.signed == false(), ENTRIES.once_signed == false()]
            found.append(_received_before(clock, "near") if clock else false())
        case Stage.ALL:
            pass
    return found


def _signed_seen(visible: Visible) -> ColumnElement[bool]:
    """Whether a line is signed, for somebody who sees these sites."""
    signed = ENTRIES.signed == true()
    if visible.sites is None:
        return signed
    return or_(signed, and_(ENTRIES.once_signed == true(), ~_of_sites(visible.sites)))


def _phase_seen(visible: Visible) -> Any:
    """A study's phase; of what somebody sees only because it was signed once, that it is signed."""
    if visible.sites is None:
        return ENTRIES.phase
    seen = _of_sites(visible.sites)
    return case((seen, ENTRIES.phase), else_=literal_column("'signed'")).label("phase_seen")


def _seen_by(wanted: WorklistFilter, visible: Visible) -> Visible:
    """Whose studies may be listed by what is wanted: who writes at what is told to nobody who reads
    signed reports alone."""
    asked = (wanted.phase, wanted.author, wanted.reviewer, wanted.person, wanted.asked)
    open_stage = wanted.stage not in (Stage.ALL, Stage.SIGNED)
    return Visible(visible.sites, frozenset()) if any(asked) or open_stage else visible


def _of_sites(sites: frozenset[str]) -> ColumnElement[bool]:
    """Whether a line is of one of these sites, or read there for another."""
    return or_(ENTRIES.site.in_(sites), ENTRIES.reading_site.in_(sites))


def _visible(visible: Visible) -> list[ColumnElement[bool]]:
    """Of one of the sites, or of one of the signed ones and signed once."""
    if visible.sites is None:
        return []
    anywhere = _of_sites(visible.sites)
    if visible.signed_sites is not None and visible.signed_sites <= visible.sites:
        return [anywhere]
    there = true() if visible.signed_sites is None else ENTRIES.site.in_(visible.signed_sites)
    return [or_(anywhere, and_(there, ENTRIES.once_signed == true()))]


def _ways(wanted: WorklistFilter) -> list[ColumnElement[bool]] | None:
    """The ways in which a study may be what somebody typed, or of the days, each by an index of its
    own; None where neither is asked for."""
    if not wanted.search:
        narrow = [*_days(wanted), *([_ASKED] if wanted.asked else [])]
        return [and_(*narrow)] if narrow else None
    found = _numbers(wanted.search)
    keys = _keys(wanted.search)
    if keys is not None:
        found.insert(0, ENTRIES.name.in_(select(NameKeyRow.name).where(keys)))
    return found


def _few(session: Session, wanted: WorklistFilter) -> bool:
    """Whether few studies are matched, all ways together: no more are counted."""
    keys = _keys(wanted.search) if wanted.search else None
    # Joined, and not one of a list: that would be read whole before the first is looked for.
    named = [] if keys is None else [and_(NameKeyRow.name == ENTRIES.name, keys)]
    others = _numbers(wanted.search) if wanted.search else _ways(wanted) or []
    found = 0
    for way in (*named, *others):
        first = select(ENTRIES.case_id).where(way).limit(FEW + 1).subquery()
        found += session.scalar(select(func.count()).select_from(first)) or 0
        if found > FEW:
            return False
    return True


def _days(wanted: WorklistFilter) -> list[ColumnElement[bool]]:
    """On or after the first and on or before the last day."""
    days: list[ColumnElement[bool]] = []
    if wanted.since:
        days.append(ENTRIES.study_date >= wanted.since)
    if wanted.until:
        days.append(ENTRIES.study_date <= wanted.until)
    return days


def _searched(wanted: WorklistFilter) -> tuple[ColumnElement[bool], ...]:
    """Whether a line that is looked at is what somebody typed."""
    if not wanted.search:
        return ()
    ways = _numbers(wanted.search)
    keys = _keys(wanted.search)
    if keys is not None:
        # One look for each line, and only while the page is not full. As `exists` PostgreSQL would
        # read all names that begin so, before the first line, where it thinks that is cheaper.
        of_line = select(literal(1)).where(NameKeyRow.name == ENTRIES.name, keys).limit(1)
        ways.append(of_line.correlate(WorklistEntryRow).scalar_subquery().is_not(None))
    return (or_(*ways),)


def _keys(text: str) -> ColumnElement[bool] | None:
    """Whether a name's key begins with what somebody typed; None where that says nothing."""
    names = name_search.name_queries(text)
    return or_(*(_begins(NameKeyRow.key, name) for name in names)) if names else None


def _numbers(text: str) -> list[ColumnElement[bool]]:
    """The ways but by name."""
    found: list[ColumnElement[bool]] = []
    number = name_search.number_key(text)
    if number:
        found += [_begins(ENTRIES.number, number), _begins(ENTRIES.accession, number)]
    day = name_search.day(text)
    if day is not None:
        found.append(ENTRIES.study_date == day)
    return found


def _begins(column: Any, text: str) -> ColumnElement[bool]:
    """Whether `column` begins with `text`: a range of its index, whatever signs it holds."""
    return and_(column >= text, column < text + LAST)


def _place(session: Session, after: WorklistPlace) -> Any:
    """The place in the order of one line, as the database compares it. ReportError
    `worklist_place_invalid` where it is none."""
    received: ColumnElement[Any] = literal(after.key, Text())
    if session.get_bind().dialect.name != "sqlite":
        try:
            received = literal(datetime.fromisoformat(after.key).astimezone(UTC), UtcDateTime())
        except (ValueError, OverflowError):
            raise ReportError("worklist_place_invalid") from None
    place = (received, literal(after.case_id, Text()))
    return tuple_(literal(after.rank), *place) if after.part == OPEN else tuple_(*place)


def _late(
    session: Session, wanted: WorklistFilter, visible: Visible, clock: TurnroundClock
) -> tuple[int, int]:
    """Return how many studies without a signature are near their limit, and how many over it: of
    what is to be signed, which is never much."""
    over = _received_before(clock, "over")
    # The latest of all instants bounds the walk of the index.
    latest = max(instant for each in (True, False) for instant in _instants(clock, "near", each))
    row = session.execute(
        select(
            func.coalesce(func.sum(case((over, 0), else_=1)), 0),
            func.coalesce(func.sum(case((over, 1), else_=0)), 0),
        ).where(
            ENTRIES.received_at <= literal(latest, UtcDateTime()),
            *_conditions(replace(wanted, stage=Stage.LATE), visible, clock),
            *_days(wanted),
            *_searched(wanted),
        )
    ).one()
    return int(row[0]), int(row[1])


def _received_before(clock: TurnroundClock, side: str) -> ColumnElement[bool]:
    """Whether a study came at or before the instant of its priority and modality."""
    urgent = ENTRIES.priority.in_(sorted(EMERGENCY))
    earliest = case(
        (urgent, _earliest(clock, side, emergency=True)),
        else_=_earliest(clock, side, emergency=False),
    )
    return ENTRIES.received_at <= earliest


def _earliest(clock: TurnroundClock, side: str, *, emergency: bool) -> ColumnElement[datetime]:
    limits, _ = clock.limits.named(emergency=emergency)
    *instants, other = (
        literal(instant, UtcDateTime()) for instant in _instants(clock, side, emergency)
    )
    if not limits:
        return other
    return case(
        *((ENTRIES.modality == code, at) for code, at in zip(limits, instants, strict=True)),
        else_=other,
    )


def _instants(clock: TurnroundClock, side: str, emergency: bool) -> list[datetime]:
    """When what is at its limit now was received: by modality, and last of all others."""
    limits, other = clock.limits.named(emergency=emergency)
    return [_instant(clock, limit, side) for limit in (*limits.values(), other)]


def _instant(clock: TurnroundClock, limit: Limit, side: str) -> datetime:
    return clock.now - (limit.near if side == "near" else limit.over)
