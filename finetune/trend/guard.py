"""The guard against the loop feeding on itself.

The next adapter learns from signed text. Where readers sign what the model wrote without looking,
it learns from itself: its figures improve and it drifts. Two signs together raise a warning:

- over the last `WINDOW` weeks at least `HIGH` of the signed characters are untouched model text,
- and corrections, deletions and additions per report fell by more than `FALL` against the `WINDOW`
  weeks before.

Both windows need `FEWEST` signatures on drafts, and the earlier one
`FEWEST_CHANGES` changed sentences, so that a quiet week raises nothing. The limits are choices,
not measurements: a warning is a reason to read a sample of signed reports again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from radraft.finetune.trend.values import Figures, Slope

WINDOW = 4
"""Weeks of each of the two windows."""
HIGH = 0.90
"""Share of the signed characters, 0 to 1."""
FALL = 0.50
"""Part of the earlier changes per report that is gone, 0 to 1."""
FEWEST = 20
FEWEST_CHANGES = 10
_FEWEST_WEEKS = 3


def suspicious(recent: Figures, earlier: Figures) -> bool:
    """Whether the rule above holds."""
    share = recent.untouched_share
    if share is None or share < HIGH:
        return False
    if min(recent.signed, earlier.signed) < FEWEST or earlier.changes < FEWEST_CHANGES:
        return False
    return recent.changes / recent.signed < (1 - FALL) * earlier.changes / earlier.signed


def slope(weeks: Sequence[int], values: Sequence[float]) -> Slope | None:
    """The least-squares line of `values` over `weeks` (numbers of weeks, all different).

    None below three weeks: two points leave nothing to judge the line by.
    """
    n = len(weeks)
    if n < _FEWEST_WEEKS:
        return None
    mean_x, mean_y = sum(weeks) / n, sum(values) / n
    spread = sum((x - mean_x) ** 2 for x in weeks)
    per_week = sum((x - mean_x) * (y - mean_y) for x, y in zip(weeks, values, strict=True)) / spread
    left = sum(
        (y - mean_y - per_week * (x - mean_x)) ** 2 for x, y in zip(weeks, values, strict=True)
    )
    reach = t_quantile(n - 2) * math.sqrt(left / (n - 2) / spread)
    return Slope(per_week, per_week - reach, per_week + reach, n)


def t_quantile(freedom: int) -> float:
    """The value that Student's t stays within, both sides, 95% of the time."""
    low, high = 1.9, 13.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < 0.95 else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """P(|T| < t), Abramowitz and Stegun 26.7.3 and 26.7.4."""
    theta = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(theta), math.cos(theta)
    odd = freedom % 2
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for step in range(1 + odd, freedom, 2):
        total += term
        term *= cosine**2 * step / (step + 1)
    return 2 / math.pi * (theta + sine * total) if odd else sine * total
