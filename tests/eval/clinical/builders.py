"""Scores from mentions written by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radraft.eval.clinical.columns import Priors
from radraft.eval.clinical.compare import Row, compare, events
from radraft.eval.clinical.scores import ClinicalScores
from radraft.reports.findings.statements import statements
from radraft.reports.findings.values import Mention
from radraft.reports.values import Certainty, Laterality

POLARITY = {"+": Certainty.PRESENT, "-": Certainty.ABSENT, "?": Certainty.UNCERTAIN}
SIDE = {
    "": None,
    "L": Laterality.LEFT,
    "R": Laterality.RIGHT,
    "B": Laterality.BILATERAL,
}


def said(text: str) -> list[Mention]:
    """Mentions of `+pneumothorax/L -pleural_effusion ?fracture`."""
    found = []
    for word in text.split():
        code, _, side = word[1:].partition("/")
        found.append(Mention(code, POLARITY[word[0]], SIDE[side]))
    return found


def scored(
    pairs: Sequence[tuple[Sequence[Mention], Sequence[Mention]]], priors: Priors | None = None
) -> ClinicalScores:
    """Scores of (reference, hypothesis) mentions."""
    rows: list[Row] = []
    for report, (ref, hyp) in enumerate(pairs):
        rows += compare(report, statements(ref), statements(hyp))
    return ClinicalScores(events(rows), len(pairs), priors)


def one(ref: str, hyp: str) -> dict[str, float]:
    """Corpus values of one pair of `said` texts."""
    return scored([(said(ref), said(hyp))]).corpus()


def same(first: dict[str, float], second: dict[str, float], *, but: Sequence[str] = ()) -> None:
    """Fail where the two differ in a measure not in `but`."""
    assert first.keys() == second.keys()
    for name in first.keys() - set(but):
        assert np.isclose(first[name], second[name], rtol=0, atol=1e-12, equal_nan=True), name
