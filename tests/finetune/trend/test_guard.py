"""The guard against the loop feeding on itself."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from radraft.finetune.trend import guard
from radraft.finetune.trend.facts import Known
from radraft.finetune.trend.values import Fact
from radraft.finetune.trend.weeks import figures, trend
from radraft.reports.edits import Edit
from tests.finetune.trend.made import MONDAY, WEEK
from tests.finetune.trend.test_weeks import fact


def reports(count: int, *, changes: int, untouched: int, week: int = 0) -> list[Fact]:
    """`count` reports with `changes` corrected sentences each and `untouched` of 100 characters."""
    edits = {Edit.KEPT: 6, Edit.CORRECTED: changes}
    return [
        fact(MONDAY + week * WEEK, edits=edits, untouched=untouched, characters=100)
        for _ in range(count)
    ]


def test_the_slope_of_a_hand_computed_line() -> None:
    found = guard.slope([0, 1, 2, 4], [1.0, 2.0, 2.0, 5.0])
    assert found is not None
    # Mean 1.75 and 2.5; 8.75 of spread; 8.5 of product; residuals add up to 0.7429.
    assert found.per_week == pytest.approx(8.5 / 8.75)
    reach = 4.30265 * (0.742857 / 2 / 8.75) ** 0.5
    assert found.high - found.per_week == pytest.approx(reach, rel=1e-4)
    assert found.per_week - found.low == pytest.approx(reach, rel=1e-4)
    assert found.weeks == 4


def test_two_weeks_have_no_trend() -> None:
    assert guard.slope([0, 1], [0.2, 0.4]) is None


@pytest.mark.parametrize(
    ("freedom", "value"),
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (8, 2.3060), (30, 2.0423), (50, 2.0086)],
)
def test_students_t_as_tables_have_it(freedom: int, value: float) -> None:
    assert guard.t_quantile(freedom) == pytest.approx(value, abs=5e-5)


@given(
    start=st.floats(-1, 1),
    step=st.floats(-1, 1),
    weeks=st.lists(st.integers(0, 52), min_size=3, max_size=20, unique=True),
)
def test_a_straight_line_is_found_exactly(start: float, step: float, weeks: list[int]) -> None:
    found = guard.slope(weeks, [start + step * week for week in weeks])
    assert found is not None
    assert found.per_week == pytest.approx(step, abs=1e-9)
    assert found.low <= found.per_week <= found.high


def test_untouched_text_and_vanished_corrections_raise_a_warning() -> None:
    earlier = figures(reports(20, changes=2, untouched=70))
    assert guard.suspicious(figures(reports(20, changes=0, untouched=90)), earlier)


@pytest.mark.parametrize(
    ("recent", "earlier"),
    [
        pytest.param((20, 0, 89), (20, 2, 70), id="below the limit"),
        pytest.param((20, 1, 95), (20, 2, 70), id="fell by half, not by more"),
        pytest.param((19, 0, 95), (20, 2, 70), id="too few now"),
        pytest.param((20, 0, 95), (19, 2, 70), id="too few before"),
        pytest.param((20, 0, 95), (20, 0, 90), id="nothing to correct before"),
    ],
)
def test_one_sign_alone_raises_none(
    recent: tuple[int, int, int], earlier: tuple[int, int, int]
) -> None:
    now, before = (
        figures(reports(n, changes=changes, untouched=untouched))
        for n, changes, untouched in (recent, earlier)
    )
    assert not guard.suspicious(now, before)


def test_no_signature_raises_none() -> None:
    assert not guard.suspicious(figures([]), figures([]))


def test_four_weeks_are_held_against_the_four_before() -> None:
    facts = [
        report for week in range(5) for report in reports(7, changes=3, untouched=60, week=week)
    ]
    facts += [one for week in range(5, 9) for one in reports(6, changes=0, untouched=99, week=week)]
    found = trend(Known(tuple(facts), (), ()), "north").guard
    assert (found.recent.signed, found.earlier.signed) == (24, 28)
    assert (found.recent.changes, found.earlier.changes) == (0, 84)
    assert found.recent.untouched_share == pytest.approx(0.99)
    assert found.warning
    assert found.slope is not None
    assert found.slope.weeks == 9
    assert found.slope.low > 0
