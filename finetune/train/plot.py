"""The course of a language run as a picture."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from radraft.core import run_folder

INK, RULE, COLOURS = "#1f2a37", "#d9dfe5", ("#17648a", "#b86a1e")
SPAN = 20
"""Most steps that a point of the curve averages."""


def loss_svg(*folders: Path) -> str:
    """The SVG of runs' logs side by side, each under its folder's name where there are several:
    training loss as a running mean, validation loss as points."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "loss", "text.color": INK}):
        figure = Figure(figsize=(7.6, 3.2), layout="constrained")
        places: Any = figure.subplots(1, len(folders), squeeze=False)[0]
        for axes, folder in zip(places, folders, strict=True):
            _course(axes, run_folder.read_log(folder))
            axes.set_title(folder.name if len(folders) > 1 else "")
        places[0].set_ylabel("loss")
        places[0].legend(frameon=False)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _course(axes: Any, log: list[dict[str, Any]]) -> None:
    import numpy as np

    steps, losses = [r["step"] for r in log], np.array([r["loss"] for r in log])
    span = max(1, min(SPAN, len(losses) // 4))
    smooth = np.convolve(losses, np.full(span, 1 / span), mode="valid")
    valid = [(r["step"], r["valid"]) for r in log if "valid" in r]
    axes.plot(steps[span - 1 :], smooth, color=COLOURS[0], label="training, running mean")
    if valid:
        axes.plot(*zip(*valid, strict=True), "o-", ms=4, color=COLOURS[1], label="validation")
    axes.set_xlabel("step")
    axes.grid(color=RULE)
    axes.set_yscale("log")
