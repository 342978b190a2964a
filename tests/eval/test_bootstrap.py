"""The bootstrap against theory, and its seeds."""

from __future__ import annotations

import numpy as np
import pytest

from radraft.eval.bootstrap import interval, resample
from tests.eval.scores import Given, GivenWeighted


def values(n: int, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, n)


def test_same_seed_same_resamples_and_another_seed_others() -> None:
    scores = Given(values(30))
    first, again = (resample(scores, 30, resamples=120, seed=5)["mean"] for _ in range(2))
    assert np.array_equal(first, again)
    assert first.shape == (120,)
    assert not np.array_equal(first, resample(scores, 30, resamples=120, seed=6)["mean"])


def test_two_systems_are_resampled_alike() -> None:
    base = values(40)
    one, other = (
        resample(Given(column), 40, resamples=200)["mean"] for column in (base, base + 1.5)
    )
    assert np.allclose(other - one, 1.5)


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    column = values(400)
    bounds = interval(resample(Given(column), 400, resamples=4000)["mean"])
    assert bounds is not None
    half = 1.96 * column.std() / np.sqrt(400)
    assert bounds.low == pytest.approx(column.mean() - half, abs=0.012)
    assert bounds.high == pytest.approx(column.mean() + half, abs=0.012)


def test_scores_that_take_weights_give_the_same() -> None:
    column = values(25)
    slow = resample(Given(column), 25, resamples=101)
    fast = resample(GivenWeighted(column), 25, resamples=101)
    assert np.allclose(slow["mean"], fast["mean"])
    assert fast["mean"].shape == (101,)


def test_a_measure_that_most_reports_do_not_bear_on_has_no_interval() -> None:
    rates = np.full(50, np.nan)
    rates[0] = 1.0
    rows = resample(Given(values(50), rates), 50, resamples=200)["rate"]
    assert np.isnan(rows).any()
    assert interval(rows) is None
    assert interval(np.array([])) is None


def test_one_report_alone_has_an_interval_without_width() -> None:
    bounds = interval(resample(Given(np.array([0.3])), 1, resamples=60)["mean"])
    assert bounds is not None
    assert bounds.low == bounds.high == 0.3


def test_progress_ends_at_the_number_of_resamples() -> None:
    seen: list[int] = []
    resample(Given(values(5)), 5, resamples=120, on_done=seen.append)
    assert seen == [50, 100, 120]
