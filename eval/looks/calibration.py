"""Does support tell right sentences from wrong ones?"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from radraft.eval.bootstrap import RESAMPLES, SEED, Interval, interval
from radraft.eval.looks.values import Bin, Calibration, Judged
from radraft.eval.values import FloatArray
from radraft.vision_encoder.auroc import auroc

BoolArray = NDArray[np.bool_]

Z95 = 1.959964
"""0.975 quantile of the standard normal distribution."""


def calibrate(
    judged: Sequence[Judged], *, bins: int = 10, resamples: int = RESAMPLES, seed: int = SEED
) -> Calibration:
    """The share of right sentences by support, in bins of (nearly) equal size, and the AUROC.

    Sentences of equal support are never split over two bins, so there may be fewer bins than
    asked. The AUROC's interval resamples whole reports, because sentences of one report hang
    together; the bins' intervals take sentences as independent and are a little too narrow.
    """
    support = np.array([draft.support for draft in judged], dtype=np.float64)
    right = np.array([draft.correct for draft in judged], dtype=bool)
    bounds = _auroc_interval(judged, support, right, resamples, seed)
    return Calibration(
        bins=_bins(support, right, bins),
        sentences=len(judged),
        correct=int(right.sum()),
        auroc=auroc(support, right),
        auroc_low=bounds.low if bounds else None,
        auroc_high=bounds.high if bounds else None,
    )


def wilson(right: int, total: int) -> tuple[float, float]:
    """95% interval of a share (Wilson, JASA 1927), 0 to 1."""
    share, square = right / total, Z95**2
    centre = (share + square / (2 * total)) / (1 + square / total)
    half = Z95 * sqrt(share * (1 - share) / total + square / (4 * total**2)) / (1 + square / total)
    return max(0.0, centre - half), min(1.0, centre + half)


def _bins(support: FloatArray, right: BoolArray, bins: int) -> tuple[Bin, ...]:
    if not len(support):
        return ()
    edges = np.unique(np.quantile(support, np.linspace(0, 1, bins + 1)))
    # The last edge is the largest value and belongs to the last bin.
    number = np.clip(np.searchsorted(edges, support, side="right") - 1, 0, max(len(edges) - 2, 0))
    found = []
    for bin_ in np.unique(number):
        inside = number == bin_
        total, good = int(inside.sum()), int(right[inside].sum())
        low, high = wilson(good, total)
        own = support[inside]
        found.append(
            Bin(float(own.min()), float(own.max()), float(own.mean()), total, good, low, high)
        )
    return tuple(found)


def _auroc_interval(
    judged: Sequence[Judged],
    support: FloatArray,
    right: BoolArray,
    resamples: int,
    seed: int,
) -> Interval | None:
    rows: dict[str, list[int]] = {}
    for place, one in enumerate(judged):
        rows.setdefault(one.report, []).append(place)
    reports = [np.array(places) for places in rows.values()]
    if not reports:
        return None
    random = np.random.default_rng([seed, len(reports)])
    values = []
    for _ in range(resamples):
        drawn = np.concatenate([reports[i] for i in random.integers(0, len(reports), len(reports))])
        value = auroc(support[drawn], right[drawn])
        values.append(np.nan if value is None else value)
    return interval(np.array(values))
