"""The charts of all pages, drawn by matplotlib as SVG.

Text stays text, so that the reader's own fonts draw Chinese. A picture by itself is drawn in ink
for white paper; `themed` turns its colours into `var(--page-NAME, #rrggbb)`, so that a page on a
dark screen sets others.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from radraft.eval.values import FloatArray
from radraft.reports.values import Lang

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Locator

INK, MUTED, RULE = "#1f2a37", "#5d6b7a", "#d9dfe5"
TONES: Mapping[str, str] = {
    "ink": INK,
    "muted": MUTED,
    "rule": RULE,
    "main": "#17648b",
    "zh": "#17648a",
    "en": "#b86a1e",
    "turn": "#6b4fa1",
    "limit": "#a3262b",
    "other": "#8b98a6",
    "kept": "#9cc5b0",
    "reworded": "#5b8fb9",
    "corrected": "#c4572f",
    "deleted": "#7d4a97",
    "added": "#dba531",
}
"""Colours by name, each hex code once."""
_MARK: Mapping[str, str] = {"en": "D"}
"""Shape tells the languages apart where colour does not."""
# Matplotlib's settings and warnings belong to the process, and a server draws from many threads.
_drawing = threading.Lock()
_WIDTH, _HEIGHT = 7.6, 2.6
"""Inches."""
_ROW = 0.30
"""Height of a row of dots, in inches."""
_LEFT = 0.62
"""Room for the numbers left of a chart over weeks, in inches."""
_TEXT = 11
_LEVELS = 3
"""Rows of marks' labels over a chart; a mark that finds no room there keeps its line alone."""
_MOST_TICKS = 11
FEWEST_WEEKS = 6
"""Width of a chart over weeks, so that the first week of all is no wall."""

Legend = tuple[tuple[str, str], ...]
"""(tone, text) of each thing drawn."""


@dataclass(frozen=True)
class Chart:
    """One chart of a page in one language."""

    key: str
    """Names it among the page's charts."""
    caption: str
    svg: str
    legend: Legend = ()


@dataclass(frozen=True)
class Point:
    """A value with its interval, of one row and one language."""

    value: float
    low: float | None
    high: float | None
    lang: str = ""


@dataclass(frozen=True)
class Row:
    """A labelled row of points."""

    label: str
    points: tuple[Point, ...]
    note: str = ""
    """Written at the right edge."""


@dataclass(frozen=True)
class Mark:
    """A moment over the weeks: a vertical line with a label."""

    place: float
    """A week's middle is its number, counted from 0."""
    label: str
    dashed: bool


@dataclass(frozen=True)
class Weeks:
    """The horizontal axis of charts over weeks."""

    mondays: tuple[date, ...]
    """Of each week, those without anything too."""
    marks: tuple[Mark, ...]
    salt: str
    """Tells the charts of one page from those of another."""


@dataclass(frozen=True)
class Line:
    """A value for each week, NaN where there is none, with a band around it where `low` and `high`
    are given."""

    tone: str
    values: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    joined: bool = True
    """False: points alone."""


@dataclass(frozen=True)
class Curve:
    """Points (x, y, low, high) over a scale, each with its interval where it has one."""

    colour: str
    points: Sequence[tuple[float, float, float | None, float | None]]
    label: str = ""
    """In the legend within the picture; empty: none."""
    style: str = "o-"


def dots(rows: Sequence[Row], lang: Lang, *, unit: bool) -> str:
    """Values with intervals, a row each. `unit`: the scale is 0 to 1."""
    # Where languages are told apart, what is of neither is drawn in neither's colour.
    told_apart = any(point.lang for row in rows for point in row.points)
    of_both = INK if told_apart else TONES["zh"]
    with _canvas(len(rows) * _ROW + 0.55) as (figure, axes):
        for place, row in enumerate(rows):
            step = 0.34 / max(len(row.points) - 1, 1)
            for number, point in enumerate(row.points):
                at = place + (number * step - 0.17 if len(row.points) > 1 else 0.0)
                colour = TONES[point.lang] if point.lang else of_both
                if point.low is not None and point.high is not None:
                    axes.hlines(at, point.low, point.high, color=colour, lw=2, alpha=0.55)
                axes.plot(
                    point.value, at, _MARK.get(point.lang, "o"), color=colour, ms=5, clip_on=False
                )
            if row.note:
                axes.text(1.015, place, row.note, transform=axes.get_yaxis_transform(),
                          va="center", color=MUTED, fontsize=9)  # fmt: skip
        axes.set_yticks(range(len(rows)), [row.label for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        if unit:
            axes.set_xlim(-0.015, 1.015)
        else:
            axes.set_xlim(left=0)
        _calm(axes)
        return _svg(figure, f"dots {lang} {[row.label for row in rows]}")


def histogram(values: Mapping[Lang, FloatArray], x_label: str, y_label: str) -> str:
    """How values of single reports, 0 to 1, are spread."""
    edges = np.linspace(0, 1, 21)
    with _canvas(2.5, left=0.09) as (figure, axes):
        for lang, found in values.items():
            counts, _ = np.histogram(found[np.isfinite(found)], edges)
            axes.stairs(counts, edges, color=TONES[lang], lw=1.6)
            axes.stairs(counts, edges, color=TONES[lang], fill=True, alpha=0.12)
        axes.set_xlim(0, 1)
        axes.yaxis.set_major_locator(_whole_numbers())
        _over_scale(axes, x_label, y_label)
        return _svg(figure, f"histogram {x_label}")


def curves(
    drawn: Sequence[Curve],
    x_label: str,
    y_label: str,
    *,
    level: float | None = None,
    ticks: Sequence[str] = (),
    unit: bool = False,
) -> str:
    """Points with vertical intervals over a scale. `level`: a dashed line; `ticks`: names of the
    places 0, 1, ...; `unit`: the vertical scale is 0 to 1."""
    with _canvas(3.0, left=0.09) as (figure, axes):
        for curve in drawn:
            for x, _, low, high in curve.points:
                if low is not None and high is not None:
                    axes.vlines(x, low, high, color=curve.colour, lw=2, alpha=0.55)
            places = [point[0] for point in curve.points]
            values = [point[1] for point in curve.points]
            axes.plot(
                places, values, curve.style, color=curve.colour, ms=5, lw=1, label=curve.label
            )
        if level is not None:
            axes.axhline(level, ls="--", lw=1, color=MUTED)
        if ticks:
            axes.set_xticks(range(len(ticks)), ticks)
        axes.set_ylim(*((-0.02, 1.02) if unit else (0, None)))
        if any(curve.label for curve in drawn):
            axes.legend(frameon=False, fontsize=9, ncols=2)
        _over_scale(axes, x_label, y_label)
        return _svg(figure, f"curves {x_label} {y_label}")


def lines(
    weeks: Weeks,
    name: str,
    drawn: Sequence[Line],
    *,
    percent: bool = False,
    top: float | None = None,
    least: float = 1.0,
    limit: float | None = None,
) -> str:
    """Lines over the weeks from 0 up to `top`, else a little over the highest value and `least`.

    `percent`: shares of 0 to 1; `limit`: a dashed line.
    """
    with _weekly(weeks) as (figure, axes):
        places = range(len(weeks.mondays))
        if limit is not None:
            axes.axhline(limit, color=TONES["limit"], lw=1, ls=(0, (4, 3)))
        for line in drawn:
            colour = TONES[line.tone]
            if line.low:
                axes.fill_between(places, line.low, line.high, color=colour, alpha=0.16, lw=0)
                axes.vlines(places, line.low, line.high, color=colour, alpha=0.3, lw=2)
            style = "o-" if line.joined else "D"
            axes.plot(places, line.values, style, color=colour, ms=5, lw=1.6, clip_on=False)
        highest = max(
            (v for line in drawn for v in (*line.values, *line.high) if v == v), default=0
        )
        if percent:
            _percent(axes, highest if top is None else top)
        else:
            axes.set_ylim(0, max(least, 1.08 * highest) if top is None else top)
        return _svg(figure, f"{weeks.salt} {name}")


def bars(
    weeks: Weeks,
    name: str,
    drawn: Sequence[tuple[str, Sequence[float]]],
    *,
    percent: bool = False,
    beside: bool = False,
) -> str:
    """Bars over the weeks, of `drawn` (tone, length in each week) one on the other or `beside` one
    another. `percent`: shares of 0 to 1."""
    with _weekly(weeks) as (figure, axes):
        places = np.arange(len(weeks.mondays))
        bottom = np.zeros(len(places))
        width = 0.84 / len(drawn) if beside else 0.82
        for number, (tone, values) in enumerate(drawn):
            at = places + (number - (len(drawn) - 1) / 2) * width * beside
            axes.bar(at, values, width, bottom, color=TONES[tone])
            if not beside:
                bottom = bottom + np.asarray(values)
        highest = max(max(values) for _, values in drawn) if beside else bottom.max()
        if percent:
            _percent(axes, 1.0)
        else:
            axes.set_ylim(0, max(4, 1.06 * highest))
            axes.yaxis.set_major_locator(_whole_numbers())
        return _svg(figure, f"{weeks.salt} {name}")


def stacked(salt: str, names: Sequence[str], rows: Sequence[tuple[str, Sequence[int]]]) -> str:
    """Horizontal bars: one for each of `names`, put together of `rows` (tone, length in each bar),
    with its total at its end."""
    with _canvas(_HEIGHT) as (figure, axes):
        figure.subplots_adjust(left=0.33, right=0.93, top=0.98, bottom=0.13)
        lefts = [0] * len(names)
        for tone, counts in rows:
            axes.barh(range(len(names)), counts, 0.62, lefts, color=TONES[tone])
            lefts = [left + count for left, count in zip(lefts, counts, strict=True)]
        for place, total in enumerate(lefts):
            axes.annotate(
                str(total),
                (total, place),
                (5, 0),
                textcoords="offset points",
                va="center",
                fontsize=_TEXT,
            )
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(max(len(names), 5) - 0.4, -0.6)
        axes.xaxis.set_major_locator(_whole_numbers())
        _calm(axes)
        axes.tick_params(labelsize=_TEXT)
        return _svg(figure, salt)


def themed(svg: str) -> str:
    """Return the picture with colours that the page may set."""
    for name, tone in TONES.items():
        svg = svg.replace(tone, f"var(--page-{name}, {tone})")
    return svg


@contextmanager
def _canvas(height: float, left: float = 0.34) -> Iterator[tuple[Figure, Axes]]:
    """A figure kept out of pyplot's global state. One at a time in a process."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with (
        _drawing,
        matplotlib.rc_context({"svg.fonttype": "none", "font.size": 10, "text.color": INK}),
        warnings.catch_warnings(),
    ):
        # Matplotlib measures with its own font, which has no Chinese; the browser draws with its.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
        figure = Figure(figsize=(_WIDTH, height))
        FigureCanvasSVG(figure)
        bottom = 0.34 if left > 0.2 else 0.52
        figure.subplots_adjust(left=left, right=0.9, top=1 - 0.08 / height, bottom=bottom / height)
        yield figure, figure.add_subplot()


@contextmanager
def _weekly(weeks: Weeks) -> Iterator[tuple[Figure, Axes]]:
    """A chart over the weeks, with a line for each mark."""
    labels = _labels(weeks)
    levels = 1 + max((level for _, level, _ in labels), default=-1)
    height = _HEIGHT + 0.2 * max(levels - 1, 0)
    with _canvas(height, left=0.09) as (figure, axes):
        figure.subplots_adjust(
            left=_LEFT / _WIDTH,
            right=1 - 0.14 / _WIDTH,
            top=1 - (0.12 + 0.2 * levels) / height,
            bottom=0.5 / height,
        )
        axes.set_xlim(-0.6, len(weeks.mondays) - 0.4)
        _week_ticks(axes, weeks.mondays)
        _calm(axes)
        axes.grid(visible=False, axis="x")
        axes.grid(axis="y", color=RULE, lw=0.7)
        axes.tick_params(labelsize=_TEXT)
        for mark in weeks.marks:
            axes.axvline(mark.place, color=INK, lw=1.1, ls=(0, (5, 3)) if mark.dashed else "-")
        for mark, level, align in labels:
            axes.annotate(
                mark.label,
                (mark.place, 1),
                (3 if align == "left" else -3, 3 + 14.4 * level),
                xycoords=axes.get_xaxis_transform(),
                textcoords="offset points",
                ha=align,
                color=TONES["turn"],
                fontsize=_TEXT,
            )
        yield figure, axes


def _labels(weeks: Weeks) -> list[tuple[Mark, int, str]]:
    """(mark, row, alignment) of each label that finds room."""
    weeks_a_point = len(weeks.mondays) / (72 * (_WIDTH - _LEFT - 0.14))
    taken = [-1.0] * _LEVELS
    found = []
    for mark in weeks.marks:
        # Chinese characters are twice as wide as the rest.
        width = sum(12.0 if ord(c) > 0x2E80 else 7.0 for c in mark.label) * weeks_a_point
        right = mark.place + width > len(weeks.mondays) - 0.4
        start = mark.place - width if right else mark.place
        level = next((row for row in range(_LEVELS) if taken[row] < start), None)
        if level is not None:
            taken[level] = start + width
            found.append((mark, level, "right" if right else "left"))
    return found


def _week_ticks(axes: Axes, mondays: Sequence[date]) -> None:
    """The weeks' Mondays, the year under the first and under each new one."""
    places = range(0, len(mondays), -(-len(mondays) // _MOST_TICKS))
    texts, year = [], 0
    for place in places:
        monday = mondays[place]
        texts.append(f"{monday:%m-%d}\n{monday.year if monday.year != year else ' '}")
        year = monday.year
    axes.set_xticks(places, texts)


def _percent(axes: Axes, highest: float) -> None:
    """A scale of whole quarters that ends at the first round share over `highest`."""
    high = next((limit for limit in (0.1, 0.2, 0.5) if highest <= limit), 1.0)
    steps = [high * part / 4 for part in range(5)]
    axes.set_ylim(0, high * 1.04)
    axes.set_yticks(steps, [f"{100 * step:.3g}%" for step in steps])


def _over_scale(axes: Axes, x_label: str, y_label: str) -> None:
    axes.set_xlabel(x_label, color=MUTED)
    axes.set_ylabel(y_label, color=MUTED)
    _calm(axes)
    axes.grid(axis="y", color=RULE, lw=0.7)


def _whole_numbers() -> Locator:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=5, integer=True)


def _calm(axes: Axes) -> None:
    """Leave a baseline and light vertical lines."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    axes.tick_params(length=0, colors=MUTED, labelcolor=INK)
    axes.tick_params(axis="x", labelcolor=MUTED)
    axes.grid(axis="x", color=RULE, lw=0.7)
    axes.set_axisbelow(True)


def _svg(figure: Figure, salt: str) -> str:
    """Return an SVG element: no XML head, no date, no fixed fonts, fit to its column. `salt` keeps
    its ids apart from those of the page's other charts."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": salt, "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    # Ids are unique within a figure only; the page has many.
    mark = f"f{zlib.crc32(salt.encode()):x}"
    text = re.sub(r'\bid="', f'id="{mark}-', text)
    text = re.sub(r'(href="|url\()#', rf"\1#{mark}-", text)
    text = re.sub(r"<style type.*?</style>", "", text, flags=re.DOTALL)
    return re.sub(r" font-family: [^;\"]*;", "", text)
