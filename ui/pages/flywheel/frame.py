"""The frame of a chart over weeks: its axis, its promotions and rollbacks, and its colours.

Every colour is written as `var(--trend-NAME, #rrggbb)`, so that the same picture is drawn in ink on
the report's paper and in light on the workstation's dark screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.core.weeks import Week
from radraft.finetune.trend.values import Figures, Kind, SiteTrend, Turn
from radraft.reports.values import Lang
from radraft.ui.pages.evaluation.plots import (
    INK,
    MUTED,
    RULE,
    calm,
    drawing,
    svg_text,
    whole_numbers,
)
from radraft.ui.pages.flywheel.words import word

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TONES: Mapping[str, str] = {
    "ink": INK,
    "muted": MUTED,
    "rule": RULE,
    "main": "#17648b",
    "turn": "#6b4fa1",
    "limit": "#a3262b",
    "other": "#8b98a6",
    "kept": "#9cc5b0",
    "reworded": "#5b8fb9",
    "corrected": "#c4572f",
    "deleted": "#7d4a97",
    "added": "#dba531",
}
"""Colours by name, each hex code once, in ink for white paper."""
_WIDTH, HEIGHT, _LEFT = 7.6, 2.6, 0.62
"""Inches."""
TEXT = 11
_LEVELS = 3
"""Rows of adapter labels over a chart; a turn that finds no room there keeps its line alone."""
_MOST_TICKS = 11
_FEWEST_WEEKS = 6
"""Width of a chart in weeks, so that the first week of all is no wall."""


@dataclass(frozen=True)
class Axis:
    """The weeks from the first to the last shown one, those without anything too."""

    site: str
    lang: Lang
    first: Week
    count: int
    figures: Mapping[int, Figures]
    unaided: Mapping[int, Figures]
    turns: tuple[Turn, ...]

    def place(self, moment: datetime) -> float:
        """Where `moment` lies: a week's middle is its number, counted from 0."""
        monday = datetime.combine(self.first.monday, datetime.min.time(), UTC)
        return (moment - monday).total_seconds() / (7 * 86400) - 0.5

    def values(self, of: Callable[[Figures], float | None]) -> list[float]:
        """One value for each week; NaN where there is none."""
        found = [of(self.figures[at]) if at in self.figures else None for at in range(self.count)]
        return [float("nan") if value is None else value for value in found]


def make_axis(trend: SiteTrend, lang: Lang) -> Axis:
    """The axis of a site's shown weeks; there must be one."""
    last = trend.shown[-1].week
    count = max(last.since(trend.shown[0].week) + 1, _FEWEST_WEEKS)
    first = last.before(count - 1)
    axis = Axis(
        site=trend.site,
        lang=lang,
        first=first,
        count=count,
        figures={week.week.since(first): week.all for week in trend.shown},
        unaided={
            week.week.since(first): week.unaided for week in trend.shown if week.unaided.signed
        },
        turns=(),
    )
    seen = tuple(turn for turn in trend.turns if -0.5 <= axis.place(turn.at) <= count - 0.5)
    return replace(axis, turns=seen)


def stacked(
    axis: Axis,
    names: Sequence[str],
    rows: Sequence[tuple[str, Sequence[int]]],
    totals: Sequence[int],
    chart: str,
) -> str:
    """Horizontal bars as SVG: a bar for each of `names`, put together of `rows` (tone, length in
    each bar), with its total at its end."""
    with drawing(HEIGHT) as (figure, axes):
        figure.subplots_adjust(left=0.33, right=0.93, top=0.98, bottom=0.13)
        lefts = [0] * len(names)
        for tone, counts in rows:
            axes.barh(range(len(names)), counts, 0.62, lefts, color=TONES[tone])
            lefts = [left + count for left, count in zip(lefts, counts, strict=True)]
        for place, total in enumerate(totals):
            at = (total, place)
            axes.annotate(
                str(total), at, (5, 0), textcoords="offset points", va="center", fontsize=TEXT
            )
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(max(len(names), 5) - 0.4, -0.6)
        axes.xaxis.set_major_locator(whole_numbers())
        calm(axes)
        axes.tick_params(labelsize=TEXT)
        return finished(figure, axis, chart)


@contextmanager
def weekly(axis: Axis) -> Iterator[tuple[Figure, Axes]]:
    """A chart over the weeks, with a line for each turn."""
    labels = _labels(axis)
    levels = 1 + max((level for _, level, _ in labels), default=-1)
    height = HEIGHT + 0.2 * max(levels - 1, 0)
    with drawing(height, left=0.09) as (figure, axes):
        figure.subplots_adjust(
            left=_LEFT / _WIDTH,
            right=1 - 0.14 / _WIDTH,
            top=1 - (0.12 + 0.2 * levels) / height,
            bottom=0.5 / height,
        )
        axes.set_xlim(-0.6, axis.count - 0.4)
        _ticks(axes, axis)
        calm(axes)
        axes.grid(visible=False, axis="x")
        axes.grid(axis="y", color=RULE, lw=0.7)
        axes.tick_params(labelsize=TEXT)
        for turn in axis.turns:
            style = "-" if turn.kind is Kind.PROMOTED else (0, (5, 3))
            axes.axvline(axis.place(turn.at), color=TONES["ink"], lw=1.1, ls=style)
        for turn, level, align in labels:
            pad = 3 if align == "left" else -3
            axes.annotate(
                _label(turn, axis.lang),
                (axis.place(turn.at), 1),
                (pad, 3 + 14.4 * level),
                xycoords=axes.get_xaxis_transform(),
                textcoords="offset points",
                ha=align,
                color=TONES["turn"],
                fontsize=TEXT,
            )
        yield figure, axes


def _labels(axis: Axis) -> list[tuple[Turn, int, str]]:
    """(turn, row, alignment) of each label that finds room."""
    weeks_a_point = axis.count / (72 * (_WIDTH - _LEFT - 0.14))
    taken = [-1.0] * _LEVELS
    found = []
    for turn in axis.turns:
        at = axis.place(turn.at)
        # Chinese characters are twice as wide as the rest.
        text = _label(turn, axis.lang)
        width = sum(12.0 if ord(c) > 0x2E80 else 7.0 for c in text) * weeks_a_point
        right = at + width > axis.count - 0.4
        start, end = (at - width, at) if right else (at, at + width)
        level = next((row for row in range(_LEVELS) if taken[row] < start), None)
        if level is not None:
            taken[level] = end
            found.append((turn, level, "right" if right else "left"))
    return found


def _label(turn: Turn, lang: Lang) -> str:
    return f"{'▲' if turn.kind is Kind.PROMOTED else '▼'} {short(turn.adapter_id, lang)}"


def _ticks(axes: Axes, axis: Axis) -> None:
    """The weeks' Mondays, the year under the first and under each new one."""
    step = -(-axis.count // _MOST_TICKS)
    places = list(range(0, axis.count, step))
    texts, year = [], 0
    for place in places:
        monday = axis.first.before(-place).monday
        texts.append(f"{monday:%m-%d}\n{monday.year if monday.year != year else ' '}")
        year = monday.year
    axes.set_xticks(places, texts)


def short(adapter_id: str | None, lang: Lang) -> str:
    """What a chart calls an adapter: the start of its id, or the base model's name."""
    return word("base").get(lang) if adapter_id is None else adapter_id[:8]


def finished(figure: Figure, axis: Axis, name: str) -> str:
    """The figure as SVG; `name` tells it from the other charts of its site and language."""
    return _themed(svg_text(figure, f"trend {name} {axis.site} {axis.lang}"))


def _themed(svg: str) -> str:
    for name, tone in TONES.items():
        svg = svg.replace(tone, f"var(--trend-{name}, {tone})")
    return svg
