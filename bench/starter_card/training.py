"""The training runs as the card shows them: few enough points to keep in the repository."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from radraft.core import run_folder
from radraft.core.errors import EvalError
from radraft.eval.result import rounded

POINTS = 120
"""Most points of a curve; each is the mean of the steps it stands for."""
COLOURS = ("#17648a", "#b86a1e", "#3f7d4e", "#8a4a7d", "#5d6b7a", "#a33b3b")
VALID = "valid"
_SHOWN = ("seed", "fraction", "steps")


def read(folder: Path) -> dict[str, Any]:
    """Course of the run in `folder`: `steps`, `curves` (name -> [step, value]) and what `run.json`
    says of it. Curves of the validation split are named `valid/<set>`, or `valid`.

    EvalError `eval_file_missing` where there is no log.
    """
    records = run_folder.read_log(folder)
    if not records:
        raise EvalError("eval_file_missing", file=str(folder / run_folder.LOG))
    series: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for record in records:
        for name, value in _values(record):
            series[name].append((int(record["step"]), value))
    return {
        "steps": int(records[-1]["step"]),
        "curves": {name: _thinned(points) for name, points in series.items()},
        **_said(folder),
    }


def points(folder: Path) -> dict[str, float | str]:
    """The operating points that the pairs in `folder` were made with, by name; `never` where the
    rule of precise statements allows none.

    EvalError `eval_file_missing`.
    """
    path = folder / "points.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))["points"]
    except (OSError, ValueError, KeyError):
        raise EvalError("eval_file_missing", file=str(path)) from None
    return dict(_points("", content))


def _points(name: str, value: Any) -> Iterator[tuple[str, float | str]]:
    if isinstance(value, Mapping):
        for part, own in value.items():
            yield from _points(f"{name} {part}".strip(), own)
    else:
        yield name, "never" if value is None else rounded(float(value)) or 0.0


def svg(name: str, run: Mapping[str, Any]) -> str:
    """The run's curves: training losses above, the validation split below."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    curves: Mapping[str, Sequence[Sequence[float]]] = run["curves"]
    parts = (
        ("training loss", {k: v for k, v in curves.items() if not k.startswith(VALID)}),
        ("validation split", {k: v for k, v in curves.items() if k.startswith(VALID)}),
    )
    drawn = [(title, lines) for title, lines in parts if lines]
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 10}):
        figure = Figure(figsize=(7.6, 2.6 * len(drawn)), layout="constrained")
        FigureCanvasSVG(figure)
        grid = figure.subplots(len(drawn), 1, squeeze=False)
        for (title, lines), axes in zip(drawn, grid[:, 0], strict=True):
            for number, (label, points) in enumerate(lines.items()):
                colour = COLOURS[number % len(COLOURS)]
                axes.plot(*zip(*points, strict=True), color=colour, lw=1.4, label=label)
            axes.set_title(title, loc="left", fontsize=10)
            axes.set_xlabel("step")
            axes.grid(color="#d9dfe5", lw=0.7)
            axes.legend(frameon=False, fontsize=9)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _values(record: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in record.items():
        if name == "step" or value is None:
            continue
        if isinstance(value, Mapping):
            by_set: dict[str, list[float]] = defaultdict(list)
            for key, one in value.items():
                by_set[key.partition("/")[0]].append(float(one))
            for key, several in by_set.items():
                yield f"{name}/{key}", fmean(several)
        else:
            yield name, float(value)


def _thinned(points: Sequence[tuple[int, float]]) -> list[list[float | None]]:
    """Neighbouring points as their mean, at the last one's step."""
    size = -(-len(points) // POINTS)
    groups = (points[start : start + size] for start in range(0, len(points), size))
    return [[group[-1][0], rounded(fmean(value for _, value in group))] for group in groups]


def _said(folder: Path) -> dict[str, Any]:
    try:
        said = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    identity = said.get("identity", {})
    found = {name: said[name] for name in ("started", "finished", "versions") if name in said}
    return found | {name: identity[name] for name in _SHOWN if name in identity}
