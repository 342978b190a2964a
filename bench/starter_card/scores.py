"""AUROC and finding F1 that can be resampled by patient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from radraft.bench.starter_card.values import Figure
from radraft.eval.bootstrap import RESAMPLES, interval, resample
from radraft.eval.result import rounded
from radraft.eval.values import Better, FloatArray, IntArray, Measure, Scores
from radraft.vision_encoder.auroc import auroc

BoolArray = NDArray[np.bool_]
MEAN = "mean"


def figures(
    scores: Scores, patients: Sequence[IntArray], *, resamples: int = RESAMPLES
) -> dict[str, Figure]:
    """Every measure with its interval: whole patients are drawn, since the images of one hang
    together. `patients` has the positions of each one's items."""
    values = scores.corpus()
    rows = resample(ByPatient(scores, tuple(patients)), len(patients), resamples=resamples)
    return {name: _figure(value, rows[name]) for name, value in values.items()}


def difference(
    ours: Scores,
    theirs: Scores,
    measure: str,
    patients: Sequence[IntArray],
    *,
    resamples: int = RESAMPLES,
) -> Figure:
    """`ours` minus `theirs` on the same items; both are resampled alike (Koehn, EMNLP 2004)."""
    count, chosen = len(patients), tuple(patients)
    first, second = (
        resample(ByPatient(system, chosen), count, resamples=resamples)[measure]
        for system in (ours, theirs)
    )
    value = ours.corpus()[measure] - theirs.corpus()[measure]
    return _figure(value, first - second)


@dataclass(frozen=True)
class ByPatient:
    """`Scores` whose unit is the patient."""

    scores: Scores
    patients: tuple[IntArray, ...]
    per_report: Mapping[str, FloatArray] = field(default_factory=dict)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Those of the scores by item."""
        return self.scores.measures

    def corpus(self, index: IntArray | None = None) -> dict[str, float]:
        """Values over the items of the patients at `index`, or over all."""
        if index is None:
            return self.scores.corpus()
        return self.scores.corpus(np.concatenate([self.patients[patient] for patient in index]))


@dataclass(frozen=True)
class AurocScores:
    """How well scores tell yes from no, question by question."""

    names: tuple[str, ...]
    scores: FloatArray = field(repr=False)
    """(items, questions)."""
    answers: FloatArray = field(repr=False)
    """(items, questions): 1, 0, or NaN where nothing is known."""
    averaged: tuple[str, ...] = ()
    """Questions whose mean is the measure `mean`; none for no such measure."""
    per_report: Mapping[str, FloatArray] = field(default_factory=dict)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """One a question, and their mean."""
        names = self.names + ((MEAN,) if self.averaged else ())
        return tuple(Measure(n, Better.HIGHER, "Area under the ROC curve, 0 to 1.") for n in names)

    def corpus(self, index: IntArray | None = None) -> dict[str, float]:
        """AUROC over the items at `index`, or all; NaN where all answers are the same."""
        chosen = slice(None) if index is None else index
        scores, answers = self.scores[chosen], self.answers[chosen]
        found = {
            name: _auroc(scores[:, column], answers[:, column])
            for column, name in enumerate(self.names)
        }
        if self.averaged:
            found[MEAN] = float(np.mean([found[name] for name in self.averaged]))
        return found


F1, PRECISION, RECALL, MACRO = "f1_micro", "precision_micro", "recall_micro", "f1_macro"
_LABEL_MEASURES = (
    Measure(F1, Better.HIGHER, "2TP/(2TP+FP+FN), pooled over (report, label); 0 to 1."),
    Measure(PRECISION, Better.HIGHER, "TP/(TP+FP), pooled; 0 to 1."),
    Measure(RECALL, Better.HIGHER, "TP/(TP+FN), pooled; 0 to 1."),
    Measure(MACRO, Better.HIGHER, "Mean F1 of the labels with a positive; 0 to 1."),
)


@dataclass(frozen=True)
class LabelScores:
    """F1 of labels read from reports, every label of every item known."""

    labels: tuple[str, ...]
    truth: BoolArray = field(repr=False)
    """(items, labels)."""
    said: BoolArray = field(repr=False)
    """(items, labels)."""
    per_report: Mapping[str, FloatArray] = field(default_factory=dict)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Pooled, averaged over labels, and `f1/<label>`."""
        own = (Measure(_own(n), Better.HIGHER, f"F1 of {n}, 0 to 1.") for n in self.labels)
        return (*_LABEL_MEASURES, *own)

    def corpus(self, index: IntArray | None = None) -> dict[str, float]:
        """Values over the items at `index`, or all; NaN where undefined."""
        chosen = slice(None) if index is None else index
        truth, said = self.truth[chosen], self.said[chosen]
        both, stated, there = (
            (truth & said).sum(0).astype(np.float64),
            said.sum(0).astype(np.float64),
            truth.sum(0).astype(np.float64),
        )
        total = stated + there
        own = np.divide(2 * both, total, out=np.full(len(total), np.nan), where=total > 0)
        averaged = own[self.truth.any(0) & (total > 0)]
        return {
            F1: _ratio(2 * both.sum(), total.sum()),
            PRECISION: _ratio(both.sum(), stated.sum()),
            RECALL: _ratio(both.sum(), there.sum()),
            MACRO: float(averaged.mean()) if averaged.size else float("nan"),
            **{_own(name): float(own[at]) for at, name in enumerate(self.labels)},
        }


def as_json(found: Mapping[str, Figure], names: Iterable[str] | None = None) -> dict[str, object]:
    """Figures as plain values: those named, or all."""
    chosen = found if names is None else {name: found[name] for name in names}
    return {name: vars(one) for name, one in chosen.items()}


def _own(label: str) -> str:
    return f"f1/{label}"


def _auroc(scores: FloatArray, answers: FloatArray) -> float:
    known = ~np.isnan(answers)
    value = auroc(scores[known], answers[known] == 1)
    return float("nan") if value is None else value


def _figure(value: float, rows: FloatArray) -> Figure:
    bounds = interval(rows) if np.isfinite(value) else None
    return Figure(
        rounded(value),
        rounded(bounds.low) if bounds else None,
        rounded(bounds.high) if bounds else None,
    )


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below > 0 else float("nan")
