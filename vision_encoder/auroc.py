"""The area under the receiver operating characteristic: does a score tell right from wrong?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def auroc(scores: Floats, right: npt.NDArray[np.bool_]) -> float | None:
    """Return the chance that a right item has a higher score than a wrong one, ties counting half
    (Hanley and McNeil, Radiology 1982). 0.5 says nothing; None where all are right or all wrong."""
    positive = int(right.sum())
    negative = len(right) - positive
    if not positive or not negative:
        return None
    ranks = _ranks(scores)
    return float((ranks[right].sum() - positive * (positive + 1) / 2) / (positive * negative))


def _ranks(values: Floats) -> Floats:
    """Return ranks from 1, equal values sharing their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    mean: Floats = (ends - counts + 1 + ends) / 2
    return mean[inverse]
