"""The course of a run as a picture: both losses, and AUROC on the validation split."""

from __future__ import annotations

import io
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from radraft.core import run_folder

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, RULE = "#1f2a37", "#d9dfe5"
COLOURS = ("#17648a", "#b86a1e", "#3f7d4e", "#8a4a7d", "#5d6b7a", "#a33b3b")
SPAN = 50
"""Most steps that a point of a loss curve averages: single batches differ too much to read."""


def loss_svg(folder: Path) -> str:
    """Return the SVG of the log in a run's folder."""
    import matplotlib
    from matplotlib.figure import Figure

    lines = run_folder.read_log(folder)
    steps = np.array([line["step"] for line in lines])
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "loss", "text.color": INK}):
        figure = Figure(figsize=(7.6, 5.2), layout="constrained")
        losses, scores = figure.subplots(2, 1, sharex=True)
        for colour, name in zip(COLOURS, ("label", "contrast"), strict=False):
            values = _smooth(np.array([line[name] for line in lines]))
            losses.plot(steps[len(steps) - len(values) :], values, color=colour, label=name)
        _finish(losses, "training loss, running mean")
        by_set = _mean_by_set(lines)
        for number, (source, points) in enumerate(by_set.items()):
            colour = COLOURS[number % len(COLOURS)]
            scores.plot(*zip(*points, strict=True), "o-", ms=4, color=colour, label=source)
        _finish(scores, "validation AUROC, mean of heads")
        scores.set_xlabel("step")
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _smooth(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Running means; each stands at its last step, so the first steps have none."""
    span = max(1, min(SPAN, len(values) // 4))
    return np.convolve(values, np.full(span, 1 / span), mode="valid")


def _mean_by_set(lines: list[dict[str, object]]) -> dict[str, list[tuple[int, float]]]:
    """Set -> (step, mean AUROC over its heads)."""
    found: dict[str, list[tuple[int, float]]] = {}
    for line in lines:
        valid = line.get("valid")
        if not isinstance(valid, dict):
            continue
        values: dict[str, list[float]] = defaultdict(list)
        for name, value in valid.items():
            values[name.split("/")[0]].append(value)
        for source, scores in values.items():
            step = line["step"]
            assert isinstance(step, int)
            found.setdefault(source, []).append((step, float(np.mean(scores))))
    return found


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.grid(color=RULE, lw=0.7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9)
