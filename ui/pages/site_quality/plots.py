"""The charts of one site."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from radraft.core.weeks import Week
from radraft.pipeline.site_quality import RECENT, Group, SiteQuality, Tally, tally_of
from radraft.reports.values import Lang
from radraft.studies.quality.values import Verdict
from radraft.ui.pages.evaluation.plots import Chart, whole_numbers
from radraft.ui.pages.flywheel.frame import TONES, Axis, finished, stacked, weekly
from radraft.ui.pages.site_quality.words import label, word

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TONE: Mapping[Verdict, str] = {
    Verdict.GOOD: "kept",
    Verdict.USABLE: "added",
    Verdict.POOR: "corrected",
    Verdict.REFUSE: "deleted",
}
_LINES = ("main", "corrected", "deleted", "added", "other")
_MOST_LINES = len(_LINES)
MOST_BARS = 8
_FEWEST_WEEKS = 6
_LONGEST = 22
"""Characters of a name beside a bar; Chinese ones count twice."""


def charts(site: SiteQuality, lang: Lang) -> tuple[Chart, ...]:
    """All charts that have something to show, in reading order."""
    axis = _axis(site, lang)
    found = [
        _volume(axis, site),
        _lost(axis, site.devices),
        _reasons(axis, site.total),
        _trend(axis, site),
        _bars(axis, site.devices, "devices"),
        _bars(axis, site.operators, "operators"),
    ]
    return tuple(chart for chart in found if chart is not None)


def named(name: str, lang: Lang) -> str:
    """A device or an operator; what is said where none was sent."""
    return name or word("not_sent").get(lang)


def _axis(site: SiteQuality, lang: Lang) -> Axis:
    first, last = min(site.weeks), max(site.weeks)
    count = max(last.since(first) + 1, _FEWEST_WEEKS)
    start = last.before(count - 1)
    return Axis(f"quality {site.site}", lang, start, count, figures={}, unaided={}, turns=())


def _verdicts(lang: Lang) -> tuple[tuple[str, str], ...]:
    return tuple((TONE[one], word(one.value).get(lang)) for one in Verdict)


def _volume(axis: Axis, site: SiteQuality) -> Chart:
    with weekly(axis) as (figure, axes):
        bottom = [0] * axis.count
        for verdict in Verdict:
            counts = [0] * axis.count
            for week, tally in site.weeks.items():
                counts[week.since(axis.first)] = tally.verdicts[verdict]
            axes.bar(range(axis.count), counts, 0.82, bottom, color=TONES[TONE[verdict]])
            bottom = [low + count for low, count in zip(bottom, counts, strict=True)]
        axes.set_ylim(0, max(4, 1.06 * max(bottom)))
        axes.yaxis.set_major_locator(whole_numbers())
        return Chart("volume_caption", finished(figure, axis, "volume"), _verdicts(axis.lang))


def _lost(axis: Axis, devices: Sequence[Group]) -> Chart:
    with weekly(axis) as (figure, axes):
        # Files that could not be read name no device; all of them are lost.
        shown = [group for group in devices if group.name or len(devices) == 1][:_MOST_LINES]
        top = 0.0
        for tone, group in zip(_LINES, shown, strict=False):
            shares = _sliding(axis, group.weeks, lambda tally: tally.lost_share)
            top = max([top, *(share for share in shares if share == share)])
            axes.plot(range(axis.count), shares, "o-", color=TONES[tone], ms=4, lw=1.6)
        _percent(axes, top)
        legend = tuple(
            (tone, named(group.name, axis.lang)) for tone, group in zip(_LINES, shown, strict=False)
        )
        return Chart("lost_caption", finished(figure, axis, "lost"), legend)


def _trend(axis: Axis, site: SiteQuality) -> Chart | None:
    shown = [one for one in site.total.reasons if one.severity is not Verdict.GOOD][:_MOST_LINES]
    if not shown:
        return None
    with weekly(axis) as (figure, axes):
        top = 0.0
        for tone, one in zip(_LINES, shown, strict=False):
            code = one.code
            shares = _sliding(axis, site.weeks, lambda tally, code=code: tally.share_of(code))  # type: ignore[misc]
            top = max([top, *(share for share in shares if share == share)])
            axes.plot(range(axis.count), shares, "o-", color=TONES[tone], ms=4, lw=1.6)
        _percent(axes, top)
        legend = tuple(
            (tone, label(one.code).get(axis.lang)) for tone, one in zip(_LINES, shown, strict=False)
        )
        return Chart("trend_caption", finished(figure, axis, "trend"), legend)


def _sliding(
    axis: Axis, weeks: Mapping[Week, Tally], of: Callable[[Tally], float | None]
) -> list[float]:
    """`of` the studies of each week and the three before it; NaN where there were none."""
    found = []
    for place in range(axis.count):
        last = axis.first.before(-place)
        near = [tally for week, tally in weeks.items() if last.before(RECENT - 1) <= week <= last]
        share = of(tally_of(near))
        found.append(float("nan") if share is None else share)
    return found


def _reasons(axis: Axis, total: Tally) -> Chart | None:
    shown = total.reasons[:MOST_BARS]
    if not shown:
        return None
    names = [label(one.code).get(axis.lang) for one in shown]
    rows = [{one.severity: one.studies} for one in shown]
    svg = _horizontal(axis, names, rows, "reasons")
    used = {one.severity for one in shown}
    keys = {one: "noted" if one is Verdict.GOOD else one.value for one in Verdict if one in used}
    legend = tuple((TONE[one], word(key).get(axis.lang)) for one, key in keys.items())
    return Chart("reasons_caption", svg, legend)


def _bars(axis: Axis, groups: Sequence[Group], which: str) -> Chart | None:
    if not any(group.name for group in groups):
        return None
    shown = groups[:MOST_BARS]
    names = [named(group.name, axis.lang) for group in shown]
    svg = _horizontal(axis, names, [group.total.verdicts for group in shown], which)
    return Chart(f"{which}_caption", svg, _verdicts(axis.lang))


def _horizontal(
    axis: Axis, names: Sequence[str], rows: Sequence[Mapping[Verdict, int]], name: str
) -> str:
    counted = [(TONE[one], [row.get(one, 0) for row in rows]) for one in Verdict]
    totals = [sum(row.get(one, 0) for one in Verdict) for row in rows]
    return stacked(axis, [_cut(one) for one in names], counted, totals, name)


def _cut(name: str) -> str:
    width, kept = 0, ""
    for character in name:
        width += 2 if ord(character) > 0x2E80 else 1
        if width > _LONGEST:
            return kept + "…"
        kept += character
    return kept


def _percent(axes: Axes, top: float) -> None:
    high = next(limit for limit in (0.1, 0.2, 0.5, 1.0) if top <= limit)
    steps = [high * part / 4 for part in range(5)]
    axes.set_ylim(0, high * 1.04)
    axes.set_yticks(steps, [f"{100 * step:.3g}%" for step in steps])
