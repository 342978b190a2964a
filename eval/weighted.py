"""Text scores that score many resamples in one matrix product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from radraft.eval.text.parts import Part, divide
from radraft.eval.text.score import TextScores
from radraft.eval.values import FloatArray, IntArray, Measure


@dataclass(frozen=True)
class WeightedTexts:
    """`TextScores`, with what `bootstrap.Weighable` asks for.

    Their corpus values follow from sums over reports, and the sums of all resamples at once are
    the draws' counts times the statistics.
    """

    scores: TextScores

    @property
    def measures(self) -> tuple[Measure, ...]:
        """As the scores'."""
        return self.scores.measures

    @property
    def notes(self) -> tuple[str, ...]:
        """As the scores'."""
        return self.scores.notes

    @property
    def per_report(self) -> Mapping[str, FloatArray]:
        """As the scores'."""
        return self.scores.per_report

    def corpus(self, index: IntArray | None = None) -> dict[str, float]:
        """As the scores'."""
        return self.scores.corpus(index)

    def corpus_weighted(self, weights: FloatArray) -> dict[str, FloatArray]:
        """Corpus values for each row of `weights`, shape (resamples, n); NaN where undefined."""
        return {
            measure.name: values[:, column]
            for part, rows in zip(self.scores.parts, self._rows, strict=True)
            for values in [_values(part, rows, weights)]
            for column, measure in enumerate(part.measures)
        }

    @cached_property
    def _rows(self) -> tuple[FloatArray | None, ...]:
        """Values of single reports where a corpus value is their mean."""
        return tuple(
            part.per_report() if part.pooled is None else None for part in self.scores.parts
        )


def _values(part: Part, rows: FloatArray | None, weights: FloatArray) -> FloatArray:
    if part.pooled is not None:
        return part.pooled(weights @ part.stats.astype(np.float64, copy=False))
    assert rows is not None
    known = np.isfinite(rows)
    return divide(weights @ np.where(known, rows, 0.0), weights @ known.astype(np.float64))
