"""The trend as one self-contained HTML page, and the part of it that the workstation shows."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from radraft.finetune.trend.values import Figures, SiteTrend
from radraft.reports.edits import Edit
from radraft.reports.values import Lang
from radraft.ui.pages.evaluation.plots import Chart
from radraft.ui.pages.flywheel.plots import charts
from radraft.ui.pages.flywheel.table import guard_lines, rows, scope
from radraft.ui.pages.flywheel.words import decimal, median, percent, quartiles, word

if TYPE_CHECKING:
    from markupsafe import Markup


def page(trends: Sequence[SiteTrend], lang: Lang) -> str:
    """The page of all `trends` in `lang`: no script, nothing fetched, in the reader's own fonts."""
    return _render("page.html.jinja", lang, body=_markup(fragment(trends, lang)))


def fragment(trends: Sequence[SiteTrend], lang: Lang) -> str:
    """The page's styles and sections. The colours are CSS variables `--trend-NAME`, so that who
    embeds it may set them."""
    return _render(
        "fragment.html.jinja",
        lang,
        css=_markup(_file("trend.css")),
        sites=[_site(trend, lang) for trend in trends],
    )


def _site(trend: SiteTrend, lang: Lang) -> dict[str, Any]:
    signed = trend.total.signed > 0
    drawn = charts(trend, lang) if signed else ()
    return {
        "trend": trend,
        "scope": scope(trend, lang),
        "cards": _cards(trend.guard.recent, trend.guard.earlier) if signed else (),
        "charts": [_chart(chart) for chart in drawn],
        "missing": _missing({chart.key for chart in drawn}) if signed else (),
        "guard": guard_lines(trend, lang),
        "rows": rows(trend),
    }


def _cards(recent: Figures, earlier: Figures) -> list[tuple[str, str, str, int]]:
    """(word, last four weeks, the four before, reports that the last four weeks rest on)."""
    known = 0 if recent.minutes is None else recent.minutes.n
    return [
        ("card_distance", median(recent.distance), median(earlier.distance), recent.signed),
        (
            "card_unchanged",
            percent(recent.unchanged_share),
            percent(earlier.unchanged_share),
            recent.signed,
        ),
        ("card_minutes", median(recent.minutes, 1), median(earlier.minutes, 1), known),
        (
            "card_untouched",
            percent(recent.untouched_share),
            percent(earlier.untouched_share),
            recent.signed,
        ),
    ]


def _chart(chart: Chart) -> dict[str, Any]:
    return {"caption": chart.key, "svg": _markup(chart.svg), "legend": chart.legend}


def _missing(drawn: set[str]) -> tuple[str, ...]:
    """Sentences in place of charts that have nothing to show."""
    reasons = {"minutes_caption": "minutes_none", "findings_caption": "findings_none"}
    return tuple(reason for caption, reason in reasons.items() if caption not in drawn)


def _render(name: str, lang: Lang, **values: Any) -> str:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_file(name)).render(
        lang=lang,
        w=lambda key, **filled: word(key).filled(**filled).get(lang),
        edits=tuple(Edit),
        decimal=decimal,
        median=median,
        percent=percent,
        quartiles=quartiles,
        **values,
    )


def _markup(text: str) -> Markup:
    """Markup of our own making, which the template takes as it is; all else it escapes."""
    from markupsafe import Markup

    return Markup(text)


def _file(name: str) -> str:
    return files("radraft.ui.pages.flywheel").joinpath(name).read_text(encoding="utf-8")
