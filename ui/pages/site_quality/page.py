"""A site's figures as one self-contained HTML page, and the part that the workstation shows."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from radraft.pipeline.site_quality import RECENT, Count, Group, SiteQuality, Tally
from radraft.reports.values import Lang
from radraft.studies.quality.values import Verdict
from radraft.ui.pages.evaluation.plots import Chart
from radraft.ui.pages.flywheel.words import percent
from radraft.ui.pages.site_quality.plots import TONE, charts, named
from radraft.ui.pages.site_quality.words import label, sentence, word

if TYPE_CHECKING:
    from markupsafe import Markup

_MOST_GROUPS = 20
_MOST_REASONS = 4
"""Of a device; a person corrects one thing after another."""


def page(site: SiteQuality, lang: Lang) -> str:
    """The page of `site` in `lang`: no script, nothing fetched, in the reader's own fonts."""
    return _render("page.html.jinja", lang, body=_markup(fragment(site, lang)))


def fragment(site: SiteQuality | None, lang: Lang) -> str:
    """The page's styles and sections, a plain sentence for None. The colours are CSS variables
    `--trend-NAME`, so that who embeds it may set them."""
    css = _file("radraft.ui.pages.flywheel", "trend.css") + _file(__package__, "site.css")
    known = None if site is None else _site(site, lang)
    return _render("fragment.html.jinja", lang, css=_markup(css), found=known)


def _site(site: SiteQuality, lang: Lang) -> dict[str, Any]:
    first, last = min(site.weeks), max(site.weeks)
    scope = word("scope").filled(
        first=first.monday, last=last.monday, studies=site.total.studies, lost=site.total.lost
    )
    return {
        "site": site,
        "scope": scope.get(lang),
        "cards": _cards(site, lang),
        "charts": [_chart(chart) for chart in charts(site, lang)],
        "devices": [row for group in site.devices[:_MOST_GROUPS] for row in _device(group, lang)],
        "operators": site.operators[:_MOST_GROUPS],
        "hidden": max(0, len(site.operators) - _MOST_GROUPS),
        "weeks": [(week, site.weeks[week]) for week in sorted(site.weeks, reverse=True)],
    }


def _cards(site: SiteQuality, lang: Lang) -> list[tuple[str, str, str]]:
    """(word, last four weeks, the four before)."""
    now, then = site.recent, site.earlier
    return [
        ("card_studies", str(now.studies), str(then.studies)),
        ("card_lost", percent(now.lost_share), percent(then.lost_share)),
        ("card_good", percent(_good(now)), percent(_good(then))),
        ("card_reason", _foremost(now, lang), _foremost(then, lang)),
    ]


def _good(tally: Tally) -> float | None:
    return tally.verdicts[Verdict.GOOD] / tally.studies if tally.studies else None


def _foremost(tally: Tally, lang: Lang) -> str:
    found = [one for one in tally.reasons if one.severity is not Verdict.GOOD]
    return label(found[0].code).get(lang) if found else "—"


def _device(group: Group, lang: Lang) -> list[dict[str, Any]]:
    """A row for each of the device's main reasons; none where it has nothing to correct."""
    shown = [one for one in group.total.reasons if one.severity is not Verdict.GOOD]
    shown = shown[:_MOST_REASONS]
    return [
        {
            "group": group,
            "rows": len(shown) if place == 0 else 0,
            "count": one,
            "tone": TONE[one.severity],
            "share": percent(one.studies / group.total.studies),
            "turn": _turn(group, one),
            "label": label(one.code).get(lang),
            "text": sentence(one.reason).get(lang),
        }
        for place, one in enumerate(shown)
    ]


def _turn(group: Group, one: Count) -> str:
    return (
        f"{percent(group.earlier.share_of(one.code))} → {percent(group.recent.share_of(one.code))}"
    )


def _chart(chart: Chart) -> dict[str, Any]:
    return {"caption": chart.key, "svg": _markup(chart.svg), "legend": chart.legend}


def _render(name: str, lang: Lang, **values: Any) -> str:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_file(__package__, name)).render(
        lang=lang,
        w=lambda key, **filled: word(key).filled(**filled).get(lang),
        named=lambda name: named(name, lang),
        label=lambda code: label(code).get(lang),
        percent=percent,
        verdicts=tuple(Verdict),
        recent=RECENT,
        **values,
    )


def _markup(text: str) -> Markup:
    """Markup of our own making, which the template takes as it is; all else it escapes."""
    from markupsafe import Markup

    return Markup(text)


def _file(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")
