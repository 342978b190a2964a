from __future__ import annotations

from itertools import combinations
from math import comb

import pytest
from hypothesis import given, strategies as st

from radraft.finetune.gate.exact import Table, binomial, fisher


def test_fishers_tea() -> None:
    """The lady tasting tea (Fisher 1935): 3 of 4 right by chance in 17 of 70, all 4 in 1 of 70."""
    assert fisher([Table(3, 4, 1, 4)]) == pytest.approx(17 / 70)
    assert fisher([Table(4, 4, 0, 4)]) == pytest.approx(1 / 70)


@given(
    st.integers(0, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
    st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
)
def test_fisher_counts_all_ways_to_draw(now: tuple[int, int], past: tuple[int, int]) -> None:
    (n, hits), (past_n, past_hits) = now, past
    marked = set(range(hits + past_hits))
    draws = list(combinations(range(n + past_n), n))
    expected = sum(len(marked & set(draw)) >= hits for draw in draws) / len(draws)
    assert fisher([Table(hits, n, past_hits, past_n)]) == pytest.approx(expected)


def test_tables_of_one_share_add_up_without_mixing() -> None:
    """Twice the evidence is stronger; and what differs between tables is no rise."""
    one = Table(6, 20, 2, 20)
    assert fisher([one, one]) < fisher([one]) < 0.2
    # More of the batch lies where the share is high anyway: pooled it looks like a rise.
    shifted = [Table(18, 30, 6, 10), Table(1, 10, 3, 30)]
    pooled = Table(19, 40, 9, 40)
    assert fisher([pooled]) < 0.02
    assert fisher(shifted) > 0.4


def test_binomial_by_hand() -> None:
    expected = sum(comb(10, k) * 0.3**k * 0.7 ** (10 - k) for k in range(6, 11))
    assert binomial(6, 10, 0.3) == pytest.approx(expected)
    assert binomial(0, 10, 0.3) == pytest.approx(1.0)


def test_nothing_compared_is_no_rise() -> None:
    assert fisher([]) == 1.0
    assert fisher([Table(5, 5, 0, 0)]) == pytest.approx(1.0)
    assert fisher([Table(0, 5, 0, 9)]) == pytest.approx(1.0)
