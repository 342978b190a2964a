"""The page `/flywheel`: is it getting better? It holds figures: no case and no person is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from radraft.finetune.trend.facts import Ledger
from radraft.finetune.trend.values import Figures, SiteTrend
from radraft.finetune.trend.weeks import trends
from radraft.reports.edits import Edit
from radraft.reports.values import Lang
from radraft.ui.pages.flywheel.charts import charts, word
from radraft.ui.pages.flywheel.table import guard_lines, rows, scope, to_csv
from radraft.ui.pages.frame import render
from radraft.ui.pages.numbers import median, percent

if TYPE_CHECKING:
    from radraft.store.database import Store

_MISSING = {"minutes_caption": "minutes_none", "findings_caption": "findings_none"}
"""Sentences in place of charts that have nothing to show."""


class TrendPage:
    """What `sites.add_site_page` serves at `/flywheel`. Pairs are read once while the server
    runs."""

    name = "flywheel"
    unknown = "trend_site_unknown"

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ledger = Ledger()

    def read(self) -> Mapping[str, SiteTrend]:
        """Return each site's trend."""
        return {trend.site: trend for trend in trends(self._store, ledger=self._ledger)}

    def draw(self, trend: SiteTrend | None, lang: Lang) -> str:
        """Return one site's sections as HTML; a plain sentence for None."""
        return _page([] if trend is None else [trend], lang, alone=False)

    def table(self, site: str | None) -> str:
        """Return one site's or all sites' CSV. NotFound `trend_site_unknown`."""
        return to_csv(trends(self._store, site=site, ledger=self._ledger))


def page(trends: Sequence[SiteTrend], lang: Lang) -> str:
    """Return one document of all `trends`: no script, nothing fetched, in the reader's fonts."""
    return _page(trends, lang, alone=True)


def _page(trends: Sequence[SiteTrend], lang: Lang, *, alone: bool) -> str:
    sites = [_site(trend, lang) for trend in trends]
    template = "flywheel/page.html.jinja"
    return render(template, lang, word, alone=alone, edits=tuple(Edit), sites=sites)


def _site(trend: SiteTrend, lang: Lang) -> dict[str, Any]:
    signed = trend.total.signed > 0
    drawn = charts(trend, lang) if signed else ()
    keys = {chart.key for chart in drawn}
    return {
        "trend": trend,
        "scope": scope(trend, lang),
        "cards": _cards(trend.guard.recent, trend.guard.earlier, lang) if signed else (),
        "charts": drawn,
        "missing": [reason for key, reason in _MISSING.items() if signed and key not in keys],
        "guard": guard_lines(trend, lang),
        "rows": rows(trend),
    }


def _cards(recent: Figures, earlier: Figures, lang: Lang) -> list[tuple[str, str, list[str]]]:
    """(what, last four weeks, reports that these rest on and the four weeks before)."""
    timed = recent.minutes.n if recent.minutes else 0
    found = [
        ("card_distance", median(recent.distance), median(earlier.distance), recent.signed),
        (
            "card_unchanged",
            percent(recent.unchanged_share),
            percent(earlier.unchanged_share),
            recent.signed,
        ),
        ("card_minutes", median(recent.minutes, 1), median(earlier.minutes, 1), timed),
        (
            "card_untouched",
            percent(recent.untouched_share),
            percent(earlier.untouched_share),
            recent.signed,
        ),
    ]
    return [
        (
            word(key).get(lang),
            now,
            [
                word("last_weeks").filled(n=n).get(lang),
                word("weeks_before").filled(value=before).get(lang),
            ],
        )
        for key, now, before, n in found
    ]
