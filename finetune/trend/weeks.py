"""Figures per site and ISO week of signature.

First versions count once, in the week they were signed; amendments are counted apart and enter no
other figure. Reports that a person wrote without a draft are counted apart too. Drafts count in the
week they were made.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound
from radraft.core.weeks import SHOWN_WEEKS, Week
from radraft.finetune.trend import guard
from radraft.finetune.trend.facts import Known, Ledger, Made
from radraft.finetune.trend.values import (
    AdapterFigures,
    Corrected,
    Fact,
    Figures,
    Guard,
    Kind,
    SiteTrend,
    Spread,
    Turn,
    WeekFigures,
)
from radraft.llm.adapter import AdapterMove, AdapterState
from radraft.reports.edits import Edit

if TYPE_CHECKING:
    from radraft.store.database import Store

EFFECT = timedelta(days=28)
"""How far before and after a promotion its effect is looked for."""


def trends(
    store: Store, *, site: str | None = None, ledger: Ledger | None = None
) -> tuple[SiteTrend, ...]:
    """Every site that drafted or signed anything, or `site` alone.

    NotFound `trend_site_unknown`. A `ledger` that is kept between calls reads only what is new.
    """
    with store.read() as session:
        known = (ledger or Ledger()).read(session)
    sites = {fact.site for fact in known.facts} | {made.site for made in known.made}
    if site is not None and site not in sites:
        raise NotFound("trend_site_unknown")
    return tuple(trend(known, name) for name in sorted(sites) if site in {None, name})


def trend(known: Known, site: str) -> SiteTrend:
    """One site's figures."""
    facts = [fact for fact in known.facts if fact.site == site]
    drafted = [fact for fact in facts if fact.drafted]
    turned = turns([move for move in known.moves if move.site == site], drafted)
    made = [draft for draft in known.made if draft.site == site]
    weeks = _weeks(facts, made, [Week.of(turn.at) for turn in turned])
    shown = weeks
    if weeks:
        first = weeks[-1].week.before(SHOWN_WEEKS - 1)
        shown = tuple(week for week in weeks if week.week >= first)
        drafted = [fact for fact in drafted if Week.of(fact.signed_at) >= first]
    return SiteTrend(
        site=site,
        weeks=weeks,
        shown=shown,
        turns=turned,
        total=figures(drafted, sum(week.all.drafts for week in shown)),
        unaided=sum(week.unaided.signed for week in shown),
        guard=watch(shown, drafted),
    )


def figures(facts: Sequence[Fact], drafts: int = 0) -> Figures:
    """What `facts` say together; `drafts` were made for them."""
    signed = [fact for fact in facts if fact.first]
    edits: Counter[Edit] = Counter()
    findings: dict[str, Counter[Edit]] = defaultdict(Counter)
    for fact in signed:
        edits.update(fact.edits)
        for code, edit in fact.corrections.items():
            findings[code][edit] += 1
    corrected = [
        Corrected(code, n[Edit.CORRECTED], n[Edit.DELETED], n[Edit.ADDED])
        for code, n in findings.items()
    ]
    return Figures(
        drafts=drafts,
        signed=len(signed),
        amended=len(facts) - len(signed),
        unchanged=sum(fact.unchanged for fact in signed),
        edits={edit: edits[edit] for edit in Edit},
        distance=spread([fact.distance for fact in signed if fact.drafted]),
        minutes=spread([fact.seconds / 60 for fact in signed if fact.seconds is not None]),
        corrected=tuple(sorted(corrected, key=lambda one: (-one.reports, one.code))),
        untouched=sum(fact.untouched for fact in signed),
        characters=sum(fact.characters for fact in signed),
    )


def spread(values: Sequence[float]) -> Spread | None:
    """Mean and quartiles; None of nothing."""
    if not values:
        return None
    import numpy as np

    low, median, high = np.percentile(values, (25, 50, 75))
    return Spread(len(values), sum(values) / len(values), float(low), float(median), float(high))


def turns(moves: Sequence[AdapterMove], facts: Sequence[Fact]) -> tuple[Turn, ...]:
    """Promotions and rollbacks among one site's `moves` (oldest first), each with its effect on
    `facts`, its signatures on drafts."""
    found = list(_turns(moves))
    edges = [None, *(at for at, _, _ in found), None]
    made = []
    for (at, kind, adapter_id), earlier, later in zip(found, edges, edges[2:], strict=False):
        start = max(at - EFFECT, earlier or at - EFFECT)
        end = min(at + EFFECT, later or at + EFFECT)
        before = figures([fact for fact in facts if start <= fact.signed_at < at])
        after = figures([fact for fact in facts if at <= fact.signed_at < end])
        made.append(Turn(at, kind, adapter_id, before, after))
    return tuple(made)


def watch(shown: Sequence[WeekFigures], facts: Sequence[Fact]) -> Guard:
    """The guard's figures; `facts` are signatures on drafts."""
    shares = [
        (week.week, share) for week in shown if (share := week.all.untouched_share) is not None
    ]
    recent, earlier = figures(()), figures(())
    slope = None
    if shares:
        last = shares[-1][0]
        since, before = last.before(guard.WINDOW - 1), last.before(2 * guard.WINDOW - 1)
        placed = [(Week.of(fact.signed_at), fact) for fact in facts]
        recent = figures([fact for week, fact in placed if since <= week <= last])
        earlier = figures([fact for week, fact in placed if before <= week < since])
        start = shares[0][0]
        slope = guard.slope(
            [week.since(start) for week, _ in shares], [share for _, share in shares]
        )
    return Guard(slope, recent, earlier, guard.suspicious(recent, earlier))


def _weeks(
    facts: Sequence[Fact], made: Sequence[Made], turned: Iterable[Week]
) -> tuple[WeekFigures, ...]:
    drafted: dict[Week, dict[str | None, list[Fact]]] = defaultdict(lambda: defaultdict(list))
    unaided: dict[Week, list[Fact]] = defaultdict(list)
    drafts: dict[Week, Counter[str | None]] = defaultdict(Counter)
    for fact in facts:
        week = Week.of(fact.signed_at)
        if fact.drafted:
            drafted[week][fact.adapter_id].append(fact)
        else:
            unaided[week].append(fact)
    for draft in made:
        drafts[draft.week][draft.adapter_id] += draft.count
    found = []
    for week in sorted({*drafted, *unaided, *drafts, *turned}):
        by_adapter, counts = drafted[week], drafts[week]
        ids = sorted({*by_adapter, *counts}, key=lambda key: (key is not None, key or ""))
        found.append(
            WeekFigures(
                week=week,
                all=figures(
                    [fact for some in by_adapter.values() for fact in some], counts.total()
                ),
                adapters=tuple(
                    AdapterFigures(key, figures(by_adapter.get(key, ()), counts[key]))
                    for key in ids
                ),
                unaided=figures(unaided[week]),
            )
        )
    return tuple(found)


def _turns(moves: Sequence[AdapterMove]) -> Iterable[tuple[datetime, Kind, str | None]]:
    """(when, why, what serves from then on).

    The registry writes the new adapter's move before that of the one it replaces; a serving one
    that leaves with none in its place leaves the base model.
    """
    serving: set[str] = set()
    for move in moves:
        if move.after is AdapterState.SERVING:
            serving.add(move.adapter_id)
            back = move.before is AdapterState.RETIRED
            yield move.moved_at, Kind.ROLLED_BACK if back else Kind.PROMOTED, move.adapter_id
        elif move.before is AdapterState.SERVING:
            serving.discard(move.adapter_id)
            if not serving:
                yield move.moved_at, Kind.ROLLED_BACK, None
