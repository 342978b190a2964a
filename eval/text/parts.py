"""What every family of text metrics hands back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from radraft.eval.values import FloatArray, IntArray, Measure

Formula = Callable[[FloatArray], FloatArray]
"""Rows of sufficient statistics, shape (n, k), to rows of values, shape (n, m)."""


@dataclass(frozen=True)
class Part:
    """One family of measures over a set of pairs."""

    measures: tuple[Measure, ...]
    stats: FloatArray
    """Sufficient statistics, shape (n, k), one row a pair."""
    sentence: Formula
    pooled: Formula | None
    """Corpus value from summed statistics; None where the corpus value is the mean over pairs."""

    def per_report(self) -> FloatArray:
        """Sentence-level values, shape (n, m)."""
        return self.sentence(self.stats)

    def corpus(self, index: IntArray | None, per_report: FloatArray) -> FloatArray:
        """Values over the pairs at `index`, shape (m,); NaN where there is nothing to score."""
        if self.pooled is None:
            rows = per_report if index is None else per_report[index]
            known = ~np.isnan(rows)
            total = np.where(known, rows, 0.0).sum(axis=0)
            return divide(total, known.sum(axis=0).astype(np.float64))
        stats = self.stats if index is None else self.stats[index]
        if not len(stats):
            return np.full(len(self.measures), np.nan)
        values: FloatArray = self.pooled(stats.sum(axis=0)[None, :])[0]
        return values

    def corpus_weighted(self, weights: FloatArray, per_report: FloatArray) -> FloatArray:
        """Values for each row of `weights` (how often each pair was drawn), shape (rows, m)."""
        if self.pooled is not None:
            return self.pooled(weights @ self.stats.astype(np.float64, copy=False))
        known = np.isfinite(per_report)
        total = weights @ np.where(known, per_report, 0.0)
        return divide(total, weights @ known.astype(np.float64))


def divide(top: FloatArray, bottom: FloatArray, undefined: float = np.nan) -> FloatArray:
    """`top / bottom`, with `undefined` where `bottom` is zero."""
    out = np.full(np.broadcast_shapes(top.shape, bottom.shape), undefined)
    np.divide(top, bottom, out=out, where=bottom != 0)
    return out
