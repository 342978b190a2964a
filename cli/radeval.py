"""`radraft eval radeval`."""

from __future__ import annotations

from pathlib import Path

import typer

from radraft.cli.output import Output
from radraft.core import settings


def score(
    refs: Path, hyps: Path, metrics: tuple[str, ...], weights: Path | None, out: Output
) -> None:
    """Score English report files with RadEval; exit 3 where some metrics cannot be had, 1 where
    none can."""
    from radraft.eval.pairs import read_pairs
    from radraft.eval.radeval.bridge import CLINICAL, RadEvalMetric, score_radeval
    from radraft.eval.radeval.measures import MEASURES
    from radraft.eval.report.markdown import table

    pairs = list(read_pairs(refs, hyps, "en"))
    known = {metric.value: metric for metric in RadEvalMetric}
    if unknown := [name for name in metrics if name not in known]:
        raise typer.BadParameter(f"{unknown[0]}: one of {', '.join(known)}")
    asked = tuple(known[name] for name in metrics) or CLINICAL
    python = settings.program(settings.load().radeval_python)
    with out.waiting("RadEval"):
        found = score_radeval(pairs, asked, python=python, weights=weights)
    rows = [
        [f"`{name}`", f"{value:.4f}", MEASURES[name].better.value, MEASURES[name].definition]
        for name, value in found.scores.items()
        if name in MEASURES
    ]
    missing = [
        f"{metric.value}: {error.code}\n  {error.message_zh}\n  {error.message_en}"
        for metric, error in found.unavailable.items()
    ]
    tables = [table(["measure", "value", "better", "definition"], rows)] if rows else []
    out.result(
        {
            "n": len(pairs),
            "scores": found.scores,
            "unavailable": {m.value: error.as_json() for m, error in found.unavailable.items()},
        },
        "\n".join([*tables, *missing]),
    )
    if missing:
        out.fail(3 if rows else 1)
