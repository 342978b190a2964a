"""The charts of what one site sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from radraft.core.weeks import Week
from radraft.pipeline.site_quality import RECENT, Group, SiteQuality, Tally, tally_of
from radraft.reports.values import Lang
from radraft.studies.quality.values import Verdict
from radraft.ui.pages.charts import FEWEST_WEEKS, Chart, Legend, Line, Weeks, bars, lines, stacked
from radraft.ui.pages.site_quality.words import label, named, word

TONE: Mapping[Verdict, str] = {
    Verdict.GOOD: "kept",
    Verdict.USABLE: "added",
    Verdict.POOR: "corrected",
    Verdict.REFUSE: "deleted",
}
MOST_BARS = 8
_LINES = ("main", "corrected", "deleted", "added", "other")
_LONGEST = 22
"""Characters of a name beside a bar; Chinese ones count twice."""
_NAN = float("nan")


@dataclass(frozen=True)
class _Axis:
    """The weeks from the first to the last shown one, those without a study too."""

    axis: tuple[Week, ...]
    weeks: Weeks
    lang: Lang

    def chart(self, key: str, svg: str, legend: Legend) -> Chart:
        """Return a chart with its caption."""
        return Chart(key, word(key).get(self.lang), svg, legend)

    def sliding(self, weeks: Mapping[Week, Tally]) -> list[Tally]:
        """Return the studies of each week and of the three before it."""
        return [
            tally_of([weeks[w] for w in weeks if last.before(RECENT - 1) <= w <= last])
            for last in self.axis
        ]


def charts(site: SiteQuality, lang: Lang) -> tuple[Chart, ...]:
    """Return all charts that have something to show, in reading order."""
    first, last = min(site.weeks), max(site.weeks)
    count = max(last.since(first) + 1, FEWEST_WEEKS)
    weeks = tuple(last.before(count - 1 - place) for place in range(count))
    mondays = tuple(weeks[0].monday + timedelta(weeks=place) for place in range(count))
    axis = _Axis(weeks, Weeks(mondays, (), f"quality {site.site} {lang}"), lang)
    drawn = [
        _volume(axis, site),
        _lost(axis, site.devices),
        _reasons(axis, site.total),
        _trend(axis, site),
        _groups(axis, site.devices, "devices"),
        _groups(axis, site.operators, "operators"),
    ]
    return tuple(chart for chart in drawn if chart is not None)


def _verdicts(lang: Lang) -> Legend:
    return tuple((TONE[verdict], word(verdict.value).get(lang)) for verdict in Verdict)


def _volume(axis: _Axis, site: SiteQuality) -> Chart:
    drawn = [
        (
            TONE[verdict],
            [float(site.weeks[w].verdicts[verdict]) if w in site.weeks else 0.0 for w in axis.axis],
        )
        for verdict in Verdict
    ]
    return axis.chart("volume_caption", bars(axis.weeks, "volume", drawn), _verdicts(axis.lang))


def _lost(axis: _Axis, devices: Sequence[Group]) -> Chart:
    # Files that could not be read name no device; all of them are lost.
    shown = [group for group in devices if group.name or len(devices) == 1]
    drawn = [
        (named(group.name, axis.lang), [tally.lost_share for tally in axis.sliding(group.weeks)])
        for group in shown[: len(_LINES)]
    ]
    return _shares(axis, "lost", drawn)


def _trend(axis: _Axis, site: SiteQuality) -> Chart | None:
    tallies = axis.sliding(site.weeks)
    drawn = [
        (label(count.code).get(axis.lang), [tally.share_of(count.code) for tally in tallies])
        for count in site.total.to_correct[: len(_LINES)]
    ]
    return _shares(axis, "trend", drawn) if drawn else None


def _shares(axis: _Axis, name: str, drawn: Sequence[tuple[str, Sequence[float | None]]]) -> Chart:
    """A line of shares for each name."""
    rows = [
        Line(tone, [_NAN if share is None else share for share in shares])
        for tone, (_, shares) in zip(_LINES, drawn, strict=False)
    ]
    svg = lines(axis.weeks, name, rows, percent=True)
    legend = tuple((tone, text) for tone, (text, _) in zip(_LINES, drawn, strict=False))
    return axis.chart(f"{name}_caption", svg, legend)


def _reasons(axis: _Axis, total: Tally) -> Chart | None:
    shown = total.reasons[:MOST_BARS]
    if not shown:
        return None
    names = [label(count.code).get(axis.lang) for count in shown]
    rows = [{count.severity: count.studies} for count in shown]
    used = {count.severity for count in shown}
    keys = {v: "noted" if v is Verdict.GOOD else v.value for v in Verdict if v in used}
    legend = tuple((TONE[verdict], word(key).get(axis.lang)) for verdict, key in keys.items())
    return axis.chart("reasons_caption", _horizontal(axis, names, rows, "reasons"), legend)


def _groups(axis: _Axis, groups: Sequence[Group], which: str) -> Chart | None:
    if not any(group.name for group in groups):
        return None
    shown = groups[:MOST_BARS]
    names = [named(group.name, axis.lang) for group in shown]
    svg = _horizontal(axis, names, [group.total.verdicts for group in shown], which)
    return axis.chart(f"{which}_caption", svg, _verdicts(axis.lang))


def _horizontal(
    axis: _Axis, names: Sequence[str], rows: Sequence[Mapping[Verdict, int]], name: str
) -> str:
    drawn = [(TONE[verdict], [row.get(verdict, 0) for row in rows]) for verdict in Verdict]
    return stacked(f"{axis.weeks.salt} {name}", [_cut(shown) for shown in names], drawn)


def _cut(name: str) -> str:
    width, kept = 0, ""
    for character in name:
        width += 2 if ord(character) > 0x2E80 else 1
        if width > _LONGEST:
            return kept + "…"
        kept += character
    return kept
