"""The page `/quality`: what this site sends, by week, device and operator. No patient and no case
is named on it; operators are staff of the hospital whose workstation this is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from radraft.pipeline.proofreading import PRESET_LIMIT, DismissalLimit, check_counts
from radraft.pipeline.site_quality import (
    RECENT,
    Count,
    Group,
    SiteQuality,
    Tally,
    facts,
    of_site,
    records,
    retake_rates,
)
from radraft.reports.values import Lang
from radraft.studies.quality.values import JudgedStudy, Verdict
from radraft.ui.pages.frame import render
from radraft.ui.pages.numbers import percent
from radraft.ui.pages.site_quality import checks as check_tables
from radraft.ui.pages.site_quality.charts import TONE, charts
from radraft.ui.pages.site_quality.table import coded, to_csv
from radraft.ui.pages.site_quality.words import label, named, sentence, word

if TYPE_CHECKING:
    from radraft.store.database import Store
    from radraft.store.dismissals import CheckCount
    from radraft.store.retakes import RetakeRate

_MOST_GROUPS = 20
_MOST_REASONS = 4
"""Of a device; a person corrects one thing after another."""


@dataclass(frozen=True)
class SiteFigures:
    """What is known of one site."""

    studies: tuple[JudgedStudy, ...]
    checks: tuple[CheckCount, ...]
    retakes: tuple[RetakeRate, ...] = ()


class QualityPage:
    """What `sites.add_site_page` serves at `/quality`."""

    name = "quality"
    unknown = "quality_site_unknown"

    def __init__(self, store: Store, limit: DismissalLimit) -> None:
        self._store = store
        self._limit = limit

    def read(self) -> Mapping[str, SiteFigures]:
        """Return each site's judged studies, and what became of its reports' warnings."""
        studies: dict[str, list[JudgedStudy]] = defaultdict(list)
        for study in facts(self._store):
            studies[study.site].append(study)
        checks: dict[str, list[CheckCount]] = defaultdict(list)
        for count in check_counts(self._store):
            checks[count.site].append(count)
        retakes: dict[str, list[RetakeRate]] = defaultdict(list)
        for rate in retake_rates(self._store):
            retakes[rate.site].append(rate)
        return {
            site: SiteFigures(tuple(studies[site]), tuple(checks[site]), tuple(retakes[site]))
            for site in sorted({*studies, *checks})
        }

    def draw(self, known: SiteFigures | None, lang: Lang) -> str:
        """Return one site's sections as HTML; a plain sentence for None."""
        studies = known.studies if known else ()
        site = of_site(studies, studies[0].site) if studies else None
        retakes = known.retakes if known else ()
        checks = known.checks if known else ()
        return _page(site, checks, self._limit, lang, alone=False, retakes=retakes)

    def table(self, site: str | None) -> str:
        """Return one site's or all sites' CSV, operators as codes."""
        return to_csv(records(facts(self._store, site)), coded(self._store.secret))


def page(
    site: SiteQuality | None,
    lang: Lang,
    checks: Sequence[CheckCount] = (),
    limit: DismissalLimit = PRESET_LIMIT,
) -> str:
    """Return one document of `site`: no script, nothing fetched, in the reader's own fonts."""
    return _page(site, checks, limit, lang, alone=True)


def _page(
    site: SiteQuality | None,
    checks: Sequence[CheckCount],
    limit: DismissalLimit,
    lang: Lang,
    *,
    alone: bool,
    retakes: Sequence[RetakeRate] = (),
) -> str:
    return render(
        "site_quality/page.html.jinja",
        lang,
        word,
        alone=alone,
        found=None if site is None else _site(site, lang),
        named=lambda name: named(name, lang),
        label=lambda code: label(code).get(lang),
        verdicts=tuple(Verdict),
        retakes=[(rate, percent(rate.retaken / rate.films)) for rate in retakes],
        retake_weeks=RECENT,
        noise=check_tables.noise(checks, limit, lang),
        checks=check_tables.shown(checks, limit, lang),
    )


def _site(site: SiteQuality, lang: Lang) -> dict[str, Any]:
    first, last = min(site.weeks), max(site.weeks)
    scope = word("scope").filled(
        first=first.monday, last=last.monday, studies=site.total.studies, lost=site.total.lost
    )
    return {
        "site": site,
        "scope": scope.get(lang),
        "cards": _cards(site, lang),
        "charts": charts(site, lang),
        "devices": [row for group in site.devices[:_MOST_GROUPS] for row in _device(group, lang)],
        "operators": site.operators[:_MOST_GROUPS],
        "hidden": max(0, len(site.operators) - _MOST_GROUPS),
        "weeks": [(week, site.weeks[week]) for week in sorted(site.weeks, reverse=True)],
    }


def _cards(site: SiteQuality, lang: Lang) -> list[tuple[str, str, list[str]]]:
    """(what, last four weeks, what that is and the four weeks before)."""
    now, then = site.recent, site.earlier
    found = [
        ("card_studies", str(now.studies), str(then.studies)),
        ("card_lost", percent(now.lost_share), percent(then.lost_share)),
        ("card_good", percent(_good(now)), percent(_good(then))),
        ("card_reason", _foremost(now, lang), _foremost(then, lang)),
    ]
    recent = word("recent").filled(n=RECENT).get(lang)
    before = word("before")
    return [
        (word(key).get(lang), value, [recent, before.filled(n=RECENT, value=earlier).get(lang)])
        for key, value, earlier in found
    ]


def _good(tally: Tally) -> float | None:
    return tally.verdicts[Verdict.GOOD] / tally.studies if tally.studies else None


def _foremost(tally: Tally, lang: Lang) -> str:
    return label(tally.to_correct[0].code).get(lang) if tally.to_correct else "—"


def _device(group: Group, lang: Lang) -> list[dict[str, Any]]:
    """A row for each of the device's main reasons; none where it has nothing to correct."""
    shown = group.total.to_correct[:_MOST_REASONS]
    return [
        {
            "group": group,
            "rows": len(shown) if place == 0 else 0,
            "count": count,
            "tone": TONE[count.severity],
            "share": percent(count.studies / group.total.studies),
            "turn": _turn(group, count),
            "label": label(count.code).get(lang),
            "text": sentence(count.reason).get(lang),
        }
        for place, count in enumerate(shown)
    ]


def _turn(group: Group, count: Count) -> str:
    earlier, recent = group.earlier.share_of(count.code), group.recent.share_of(count.code)
    return f"{percent(earlier)} → {percent(recent)}"
