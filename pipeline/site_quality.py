"""Figures of one site, by ISO week of arrival, device and operator."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound
from radraft.core.weeks import SHOWN_WEEKS, Week
from radraft.studies.quality.values import JudgedStudy, Reason, Verdict, worst

if TYPE_CHECKING:
    from radraft.store.database import Store
    from radraft.store.retakes import RetakeRate

RECENT = 4
"""Weeks that are called recent, and those before them that they are held against."""


@dataclass(frozen=True)
class Count:
    """How often one reason was given."""

    code: str
    severity: Verdict
    """The worst that it gave."""
    studies: int
    value: float | None
    """The median of what was measured; None where nothing was."""
    limit: float | None

    @property
    def reason(self) -> Reason:
        """As one study might have it."""
        return Reason(self.code, self.severity, self.value, self.limit)


@dataclass(frozen=True)
class Tally:
    """What some studies had."""

    studies: int
    verdicts: Mapping[Verdict, int]
    """Every verdict has its number."""
    reasons: tuple[Count, ...]
    """Most frequent first; such that change nothing last."""

    @property
    def lost(self) -> int:
        """Studies that could not be drafted from."""
        return self.verdicts[Verdict.POOR] + self.verdicts[Verdict.REFUSE]

    @property
    def lost_share(self) -> float | None:
        """Their share, 0 to 1."""
        return self.lost / self.studies if self.studies else None

    @property
    def to_correct(self) -> tuple[Count, ...]:
        """Reasons that changed something."""
        return tuple(count for count in self.reasons if count.severity is not Verdict.GOOD)

    def share_of(self, code: str) -> float | None:
        """Share of the studies that have a reason, 0 to 1."""
        found = sum(reason.studies for reason in self.reasons if reason.code == code)
        return found / self.studies if self.studies else None


@dataclass(frozen=True)
class Group:
    """A device's or an operator's studies. An empty name: not sent."""

    name: str
    total: Tally
    weeks: Mapping[Week, Tally]
    recent: Tally
    earlier: Tally


@dataclass(frozen=True)
class SiteQuality:
    """One site's figures."""

    site: str
    weeks: Mapping[Week, Tally]
    """The newest `SHOWN_WEEKS`, oldest first; weeks without a study are missing."""
    total: Tally
    recent: Tally
    earlier: Tally
    devices: tuple[Group, ...]
    """Most studies first."""
    operators: tuple[Group, ...]


@dataclass(frozen=True)
class Record:
    """A row of the table for spreadsheets, all weeks."""

    site: str
    week: Week
    device: str
    operator: str
    tally: Tally


def site_quality(store: Store, site: str) -> SiteQuality:
    """The figures of one site. NotFound `quality_site_unknown` where it never sent anything."""
    known = facts(store, site)
    if not known:
        raise NotFound("quality_site_unknown")
    return of_site(known, site)


def facts(store: Store, site: str | None = None) -> tuple[JudgedStudy, ...]:
    """Every judged study of one site, or of all."""
    from radraft.store import quality

    with store.read() as session:
        return quality.judged(session, site)


def retake_rates(store: Store) -> tuple[RetakeRate, ...]:
    """How many films of each device were taken again in the last `RECENT` weeks, of all sites."""
    from radraft.store import retakes

    with store.read() as session:
        return retakes.rates(session, datetime.now(UTC) - timedelta(weeks=RECENT))


def of_site(known: Sequence[JudgedStudy], site: str) -> SiteQuality:
    """The figures of `known`, of which there is at least one."""
    placed = [(Week.of(study.at), study) for study in known if study.site == site]
    last = max(week for week, _ in placed)
    shown = [(week, one) for week, one in placed if week >= last.before(SHOWN_WEEKS - 1)]
    whole = _group("", shown, last)
    return SiteQuality(
        site=site,
        weeks=whole.weeks,
        total=whole.total,
        recent=whole.recent,
        earlier=whole.earlier,
        devices=_groups(shown, last, lambda one: one.device),
        operators=_groups(shown, last, lambda one: one.operator),
    )


def records(known: Iterable[JudgedStudy]) -> tuple[Record, ...]:
    """One for each site, week, device and operator, in this order."""
    groups: dict[tuple[str, Week, str, str], list[JudgedStudy]] = defaultdict(list)
    for study in known:
        groups[study.site, Week.of(study.at), study.device, study.operator].append(study)
    return tuple(Record(*place, tally(groups[place])) for place in sorted(groups))


def tally(known: Sequence[JudgedStudy]) -> Tally:
    """What `known` have together."""
    verdicts = Counter(study.verdict for study in known)
    found: dict[str, list[Reason]] = defaultdict(list)
    for study in known:
        for reason in study.reasons:
            found[reason.code].append(reason)
    counts = [_count(code, given) for code, given in found.items()]
    counts.sort(key=lambda one: (one.severity is Verdict.GOOD, -one.studies, one.code))
    return Tally(len(known), {verdict: verdicts[verdict] for verdict in Verdict}, tuple(counts))


def tally_of(parts: Sequence[Tally]) -> Tally:
    """Several tallies as one; the medians of what was measured are lost."""
    studies: Counter[str] = Counter()
    for part in parts:
        studies.update({reason.code: reason.studies for reason in part.reasons})
    return Tally(
        studies=sum(part.studies for part in parts),
        verdicts={verdict: sum(part.verdicts[verdict] for part in parts) for verdict in Verdict},
        reasons=tuple(Count(code, Verdict.GOOD, n, None, None) for code, n in studies.items()),
    )


def _count(code: str, given: Sequence[Reason]) -> Count:
    values = [float(reason.value) for reason in given if isinstance(reason.value, int | float)]
    limits = [float(reason.limit) for reason in given if isinstance(reason.limit, int | float)]
    return Count(
        code=code,
        severity=worst(*(reason.severity for reason in given)),
        studies=len(given),
        value=statistics.median(values) if values else None,
        limit=statistics.median_low(limits) if limits else None,
    )


_Placed = Sequence[tuple[Week, JudgedStudy]]


def _groups(shown: _Placed, last: Week, name: Callable[[JudgedStudy], str]) -> tuple[Group, ...]:
    members: dict[str, list[tuple[Week, JudgedStudy]]] = defaultdict(list)
    for week, one in shown:
        members[name(one)].append((week, one))
    found = [_group(key, placed, last) for key, placed in members.items()]
    return tuple(sorted(found, key=lambda group: (-group.total.studies, group.name)))


def _group(name: str, placed: _Placed, last: Week) -> Group:
    weeks: dict[Week, list[JudgedStudy]] = defaultdict(list)
    for week, one in placed:
        weeks[week].append(one)
    since, before = last.before(RECENT - 1), last.before(2 * RECENT - 1)
    return Group(
        name=name,
        total=tally([one for _, one in placed]),
        weeks={week: tally(weeks[week]) for week in sorted(weeks)},
        recent=tally([one for week, one in placed if week >= since]),
        earlier=tally([one for week, one in placed if before <= week < since]),
    )
