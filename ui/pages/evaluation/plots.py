"""Plots as SVG with text kept as text, so that the browser's fonts draw Chinese."""

from __future__ import annotations

import io
import re
import threading
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from radraft.eval.looks.values import Calibration
from radraft.eval.report.words import Both, word
from radraft.eval.values import FloatArray
from radraft.reports.values import Lang

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Locator

INK, MUTED, RULE = "#1f2a37", "#5d6b7a", "#d9dfe5"
COLOUR: Mapping[str, str] = {"zh": "#17648a", "en": "#b86a1e", "": "#17648a"}
MARK: Mapping[str, str] = {"zh": "o", "en": "D", "": "o"}
"""Shape tells the languages apart where colour does not."""
# Matplotlib's settings and warnings belong to the process, and a server draws from many threads.
_drawing = threading.Lock()
_ROW = 0.30
"""Height of a row, in inches."""


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

    label: Both
    points: tuple[Point, ...]
    note: str = ""
    """Written at the right edge."""


def dots(rows: Sequence[Row], ui: Lang, *, unit: bool) -> str:
    """Values with intervals, a row each. `unit`: the scale is 0 to 1."""
    with drawing(len(rows) * _ROW + 0.55) as (figure, axes):
        for place, row in enumerate(rows):
            step = 0.34 / max(len(row.points) - 1, 1)
            for number, point in enumerate(row.points):
                at = place + (number * step - 0.17 if len(row.points) > 1 else 0.0)
                colour = COLOUR[point.lang]
                if point.low is not None and point.high is not None:
                    axes.hlines(at, point.low, point.high, color=colour, lw=2, alpha=0.55)
                axes.plot(point.value, at, MARK[point.lang], color=colour, ms=5, clip_on=False)
            if row.note:
                axes.text(1.015, place, row.note, transform=axes.get_yaxis_transform(),
                          va="center", color=MUTED, fontsize=9)  # fmt: skip
        axes.set_yticks(range(len(rows)), [row.label.get(ui) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        if unit:
            axes.set_xlim(-0.015, 1.015)
        else:
            axes.set_xlim(left=0)
        calm(axes)
        return svg_text(figure, f"dots {ui} {[row.label.en for row in rows]}")


def histogram(values: Mapping[Lang, FloatArray], label: Both, ui: Lang) -> str:
    """How values of single reports, 0 to 1, are spread."""
    edges = np.linspace(0, 1, 21)
    with drawing(2.5, left=0.09) as (figure, axes):
        for lang, found in values.items():
            counts, _ = np.histogram(found[np.isfinite(found)], edges)
            axes.stairs(counts, edges, color=COLOUR[lang], lw=1.6)
            axes.stairs(counts, edges, color=COLOUR[lang], fill=True, alpha=0.12)
        axes.set_xlim(0, 1)
        axes.set_xlabel(label.get(ui), color=MUTED)
        axes.set_ylabel(word("axis_reports").get(ui), color=MUTED)
        axes.yaxis.set_major_locator(whole_numbers())
        calm(axes)
        axes.grid(axis="y", color=RULE, lw=0.7)
        return svg_text(figure, f"histogram {ui} {label.en}")


def curve(calibration: Calibration, ui: Lang) -> str:
    """Share of right sentences by image support, and over all sentences as a dashed line."""
    bins = calibration.bins
    x = [one.mean for one in bins]
    with drawing(3.0, left=0.09) as (figure, axes):
        axes.vlines(
            x,
            [one.share_low for one in bins],
            [one.share_high for one in bins],
            color=COLOUR[""],
            lw=2,
            alpha=0.55,
        )
        axes.plot(x, [one.share for one in bins], "o-", color=COLOUR[""], ms=5, lw=1)
        axes.axhline(calibration.correct / calibration.sentences, ls="--", lw=1, color=MUTED)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel(word("axis_support").get(ui), color=MUTED)
        axes.set_ylabel(word("axis_correct").get(ui), color=MUTED)
        calm(axes)
        axes.grid(axis="y", color=RULE, lw=0.7)
        return svg_text(figure, f"calibration {ui}")


@dataclass(frozen=True)
class Chart:
    """One chart of a page. `key` names its caption among the page's words."""

    key: str
    svg: str
    legend: tuple[tuple[str, str], ...]
    """(colour's name, text)."""


@contextmanager
def drawing(height: float, left: float = 0.34) -> Iterator[tuple[Figure, Axes]]:
    """A figure 7.6 inches wide, kept out of pyplot's global state. One at a time in a process."""
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
        figure = Figure(figsize=(7.6, height))
        FigureCanvasSVG(figure)
        bottom = 0.34 if left > 0.2 else 0.52
        figure.subplots_adjust(left=left, right=0.9, top=1 - 0.08 / height, bottom=bottom / height)
        yield figure, figure.add_subplot()


def whole_numbers() -> Locator:
    """Ticks for counts."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=5, integer=True)


def calm(axes: Axes) -> None:
    """Nothing but a baseline and light vertical lines."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    axes.tick_params(length=0, colors=MUTED, labelcolor=INK)
    axes.tick_params(axis="x", labelcolor=MUTED)
    axes.grid(axis="x", color=RULE, lw=0.7)
    axes.set_axisbelow(True)


def svg_text(figure: Figure, salt: str) -> str:
    """The figure as an SVG element: no XML head, no date, no fixed fonts, fit to its column."""
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
