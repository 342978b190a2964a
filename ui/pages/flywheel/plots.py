"""The charts of one site over its weeks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from radraft.finetune.trend import guard
from radraft.finetune.trend.values import Corrected, Figures, SiteTrend, Spread
from radraft.reports.edits import Edit
from radraft.reports.values import Lang
from radraft.ui.pages.evaluation.plots import Chart, whole_numbers
from radraft.ui.pages.flywheel.frame import TONES, Axis, finished, make_axis, stacked, weekly
from radraft.ui.pages.flywheel.words import finding, word

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_FINDINGS = 8


def charts(trend: SiteTrend, lang: Lang) -> tuple[Chart, ...]:
    """All charts that have something to show, in reading order. Needs a signature on a draft."""
    axis = make_axis(trend, lang)
    found = [
        _distance(axis),
        _sentences(axis),
        _minutes(axis),
        _untouched(axis),
        _findings(axis, trend.total.corrected),
        _volume(axis),
    ]
    return tuple(chart for chart in found if chart is not None)


def _distance(axis: Axis) -> Chart:
    with weekly(axis) as (figure, axes):
        top = _band(axes, axis, lambda figures: figures.distance)
        axes.set_ylim(0, max(0.1, 1.08 * top))
        return Chart("distance_caption", finished(figure, axis, "distance"), _band_legend(axis))


def _sentences(axis: Axis) -> Chart:
    with weekly(axis) as (figure, axes):
        bottom = [0.0] * axis.count
        for edit in Edit:
            shares = [
                figures.shares[edit] if (figures := axis.figures.get(at)) and figures.shares else 0
                for at in range(axis.count)
            ]
            axes.bar(range(axis.count), shares, 0.82, bottom, color=TONES[edit.value])
            bottom = [low + share for low, share in zip(bottom, shares, strict=True)]
        _percent(axes)
        legend = tuple((edit.value, word(edit.value).get(axis.lang)) for edit in Edit)
        return Chart("sentences_caption", finished(figure, axis, "sentences"), legend)


def _minutes(axis: Axis) -> Chart | None:
    if not any(figures.minutes for figures in axis.figures.values()):
        return None
    unaided = {at: one.minutes.median for at, one in axis.unaided.items() if one.minutes}
    with weekly(axis) as (figure, axes):
        top = _band(axes, axis, lambda figures: figures.minutes)
        axes.plot(list(unaided), list(unaided.values()), "D", color=TONES["other"], ms=5)
        axes.set_ylim(0, 1.08 * max([top, *unaided.values()]) or 1)
        legend = _band_legend(axis)
        if unaided:
            legend += (("other", word("legend_unaided").get(axis.lang)),)
        return Chart("minutes_caption", finished(figure, axis, "minutes"), legend)


def _untouched(axis: Axis) -> Chart:
    with weekly(axis) as (figure, axes):
        shares = axis.values(lambda figures: figures.untouched_share)
        axes.axhline(guard.HIGH, color=TONES["limit"], lw=1, ls=(0, (4, 3)))
        axes.plot(range(axis.count), shares, "o-", color=TONES["main"], ms=5, lw=1.6, clip_on=False)
        _percent(axes)
        limit = word("legend_limit").filled(share=f"{guard.HIGH:.0%}").get(axis.lang)
        legend = (("main", word("untouched").get(axis.lang)), ("limit", limit))
        return Chart("untouched_caption", finished(figure, axis, "untouched"), legend)


def _findings(axis: Axis, corrected: Sequence[Corrected]) -> Chart | None:
    shown = corrected[:MOST_FINDINGS]
    if not shown:
        return None
    kinds = ("corrected", "deleted", "added")
    names = [finding(one.code).get(axis.lang) for one in shown]
    rows = [(kind, [int(getattr(one, kind)) for one in shown]) for kind in kinds]
    svg = stacked(axis, names, rows, [one.reports for one in shown], "findings")
    legend = tuple((kind, word(f"finding_{kind}").get(axis.lang)) for kind in kinds)
    return Chart("findings_caption", svg, legend)


def _volume(axis: Axis) -> Chart:
    unaided = [figures.signed for figures in axis.unaided.values()]
    with weekly(axis) as (figure, axes):
        drafts = [axis.figures[at].drafts if at in axis.figures else 0 for at in range(axis.count)]
        signed = [axis.figures[at].signed if at in axis.figures else 0 for at in range(axis.count)]
        axes.bar([at - 0.28 for at in range(axis.count)], drafts, 0.28, color=TONES["reworded"])
        axes.bar(range(axis.count), signed, 0.28, color=TONES["kept"])
        axes.bar([at + 0.28 for at in axis.unaided], unaided, 0.28, color=TONES["other"])
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(whole_numbers())
        names = {"reworded": "volume_drafts", "kept": "volume_signed", "other": "volume_unaided"}
        legend = tuple((tone, word(key).get(axis.lang)) for tone, key in names.items())
        return Chart("volume_caption", finished(figure, axis, "volume"), legend)


def _band(axes: Axes, axis: Axis, of: Callable[[Figures], Spread | None]) -> float:
    """Median and quartiles of each week; the highest value drawn."""
    found = {at: spread for at, one in axis.figures.items() if (spread := of(one)) is not None}
    nan = float("nan")
    low, median, high = (
        [getattr(found[at], name) if at in found else nan for at in range(axis.count)]
        for name in ("low", "median", "high")
    )
    places = range(axis.count)
    axes.fill_between(places, low, high, color=TONES["main"], alpha=0.16, lw=0)
    axes.vlines(places, low, high, color=TONES["main"], alpha=0.3, lw=2)
    axes.plot(places, median, "o-", color=TONES["main"], ms=5, lw=1.6, clip_on=False)
    return max((spread.high for spread in found.values()), default=0.0)


def _band_legend(axis: Axis) -> tuple[tuple[str, str], ...]:
    return (
        ("main", word("legend_median").get(axis.lang)),
        ("band", word("legend_quartiles").get(axis.lang)),
    )


def _percent(axes: Axes) -> None:
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
