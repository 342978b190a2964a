"""Seeded bootstrap by report: how much a corpus value would move with other reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from radraft.eval.values import FloatArray, IntArray, Scores

RESAMPLES = 2000
SEED = 20260101
_CHUNK = 50
"""Resamples drawn at once: 50 x 100,000 counts of 8 bytes are 40 MB."""


@runtime_checkable
class Weighable(Protocol):
    """Scores that can score many resamples at once, from how often each report was drawn."""

    def corpus_weighted(self, weights: FloatArray) -> dict[str, FloatArray]:
        """Corpus values for each row of `weights`, shape (resamples, n); NaN where undefined."""


@dataclass(frozen=True)
class Interval:
    """A percentile interval over resamples."""

    low: float
    high: float


def resample(
    scores: Scores,
    n: int,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    on_done: Callable[[int], None] | None = None,
) -> dict[str, FloatArray]:
    """Corpus values over `resamples` draws of `n` reports with repeats, by measure.

    The draws depend on `seed` and `n` only, so two systems scored on the same reports in the same
    order are resampled alike, and the differences of their rows are a paired bootstrap (Koehn,
    EMNLP 2004). `on_done` is called with the number of resamples done so far.
    """
    rows: dict[str, list[FloatArray]] = {measure.name: [] for measure in scores.measures}
    random = np.random.default_rng([seed, n])
    for start in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - start)
        drawn = random.integers(0, n, (size, n), dtype=np.int64)
        for name, values in _score(scores, drawn).items():
            rows[name].append(values)
        if on_done is not None:
            on_done(start + size)
    return {name: np.concatenate(values) for name, values in rows.items()}


def interval(values: FloatArray, level: float = 0.95) -> Interval | None:
    """Percentile interval of the defined `values`.

    None where fewer than nine in ten resamples define the measure: too few reports bear on it.
    """
    defined = values[np.isfinite(values)]
    if values.size == 0 or defined.size < 0.9 * values.size:
        return None
    tail = (1 - level) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _score(scores: Scores, drawn: IntArray) -> dict[str, FloatArray]:
    if isinstance(scores, Weighable):
        counts = np.stack([np.bincount(row, minlength=drawn.shape[1]) for row in drawn])
        return scores.corpus_weighted(counts.astype(np.float64))
    values = [scores.corpus(row) for row in drawn]
    return {
        measure.name: np.array([row[measure.name] for row in values]) for measure in scores.measures
    }
