"""Scores small enough to work out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from radraft.eval.values import Better, FloatArray, IntArray, Measure

MEAN = Measure("mean", Better.HIGHER, "Mean of the values.")
COST = Measure("cost", Better.LOWER, "Mean of the values, as a cost.")
RATE = Measure("rate", Better.NEITHER, "Mean of the defined values.")


@dataclass(frozen=True)
class Given:
    """Means of given values; `rate` over those that are not NaN."""

    values: FloatArray
    rates: FloatArray | None = None

    @property
    def measures(self) -> tuple[Measure, ...]:
        return (MEAN, COST, RATE)

    @property
    def per_report(self) -> Mapping[str, FloatArray]:
        return {"mean": self.values, "rate": self._rates}

    def corpus(self, index: IntArray | None = None) -> dict[str, float]:
        at = np.arange(self.values.size) if index is None else index
        rates = self._rates[at]
        rates = rates[np.isfinite(rates)]
        mean = float(self.values[at].mean())
        return {
            "mean": mean,
            "cost": mean,
            "rate": float(rates.mean()) if rates.size else float("nan"),
        }

    @property
    def _rates(self) -> FloatArray:
        return self.values if self.rates is None else self.rates


@dataclass(frozen=True)
class GivenWeighted(Given):
    """The same, for many resamples at once."""

    def corpus_weighted(self, weights: FloatArray) -> dict[str, FloatArray]:
        mean = weights @ self.values / weights.sum(axis=1)
        return {"mean": mean, "cost": mean, "rate": mean}
