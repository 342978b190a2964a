"""Exact one-sided tests of whether a share has risen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, lgamma, log

import numpy as np

from radraft.eval.values import FloatArray


@dataclass(frozen=True)
class Table:
    """`hits` of `n` now against `past_hits` of `past_n` before."""

    hits: int
    n: int
    past_hits: int
    past_n: int


def fisher(tables: Iterable[Table]) -> float:
    """Chance of as many hits now, if the share had not changed in any of the tables.

    Fisher's exact test; of several tables its exact stratified form, in which a hit counts the more
    the rarer hits are in its table. The weights depend on a table's margins only, which the test
    takes as given, so it stays exact; what differs between tables cannot pass for a rise.
    """
    chances = np.ones(1)
    score = 0
    for table in tables:
        weight = _weight(table)
        steps = np.zeros(weight * table.n + 1)
        steps[::weight] = _hypergeometric(table)
        chances = np.convolve(chances, steps)
        score += weight * table.hits
    return _tail(chances, score)


def binomial(hits: int, n: int, rate: float) -> float:
    """Chance of `hits` or more of `n` at `rate`, which lies between 0 and 1."""
    return _tail(
        np.array(
            [exp(_choose(n, k) + k * log(rate) + (n - k) * log(1 - rate)) for k in range(n + 1)]
        ),
        hits,
    )


def _weight(table: Table) -> int:
    """The log-likelihood ratio of a hit, if a fifth of what was none had become one, in steps of a
    tenth."""
    share = (table.hits + table.past_hits) / (table.n + table.past_n)
    return max(1, round(10 * log(1 + 0.2 * (1 - share) / share))) if share else 1


def _hypergeometric(table: Table) -> FloatArray:
    """Chance of 0, 1... hits now, all hits being drawn anew."""
    total, all_hits = table.n + table.past_n, table.hits + table.past_hits
    chances = np.zeros(table.n + 1)
    for k in range(max(0, all_hits - table.past_n), min(table.n, all_hits) + 1):
        chances[k] = exp(
            _choose(table.n, k) + _choose(table.past_n, all_hits - k) - _choose(total, all_hits)
        )
    return chances


def _choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _tail(chances: FloatArray, start: int) -> float:
    return min(1.0, float(chances[start:].sum()))
