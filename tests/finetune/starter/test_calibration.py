"""Chances that hold, and statements that are as precise as they must be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from radraft.finetune.starter import calibration, statement_points
from radraft.finetune.starter.calibration import Known
from radraft.finetune.starter.statement_points import StatementPoint, lower_bound, point
from radraft.vision_encoder.chances import Scale

PLAIN = Scale(1.0, 0.0)


def films(count: int, slope: float, shift: float, seed: int = 0) -> Known:
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, count)
    right = random.random(count) < Scale(slope, shift).chance(logits)
    patients = tuple(str(number // 2) for number in range(count))
    return Known("films", "pneumonia", logits, right, patients)


def test_out_of_fold_chances_hold_where_the_sigmoid_does_not() -> None:
    known = films(3000, 0.5, -1.5)
    (chances,) = calibration.out_of_fold([known])
    raw = PLAIN.chance(known.logits)
    assert calibration.calibration_error(raw, known.right) > 0.15
    assert calibration.calibration_error(chances, known.right) < 0.03


def test_a_film_has_no_say_in_its_own_chance() -> None:
    known = films(200, 1.0, 0.0)
    (before,) = calibration.out_of_fold([known])
    own = calibration.folds(known) == calibration.fold_of("7")
    answers = np.where(own, ~known.right, known.right)
    changed = Known(known.source, known.head, known.logits, answers, known.patients)
    (after,) = calibration.out_of_fold([changed])
    assert np.array_equal(before[own], after[own])
    assert not np.array_equal(before[~own], after[~own])


def test_a_finding_of_few_positives_stays_near_its_set() -> None:
    many, few = films(2000, 1.0, -1.0), films(20, 1.0, -1.0, seed=1)
    shared = calibration.set_scale([many, few])
    alone, held = calibration.scale(few, None), calibration.scale(few, shared)
    assert abs(held.slope - shared.slope) < abs(alone.slope - shared.slope)


def test_calibration_error_by_hand() -> None:
    chances = np.array([0.1, 0.1, 0.9, 0.9])
    right = np.array([False, True, True, True])
    # Two bins of two films: |0.5 - 0.1| and |1 - 0.9|.
    assert calibration.calibration_error(chances, right) == pytest.approx((0.4 + 0.1) / 2)
    assert np.isnan(calibration.calibration_error(np.array([]), np.array([], dtype=bool)))


def test_lower_bound_is_wilsons() -> None:
    # Newcombe 1998, table I: 81 of 263.
    assert lower_bound(81, 263) == pytest.approx(0.2553, abs=1e-4)
    assert lower_bound(0, 29) == pytest.approx(0.0, abs=1e-9)


def test_nineteen_right_statements_are_too_few_and_twenty_enough() -> None:
    for count, stated in ((19, None), (20, 0.6)):
        found = point(PLAIN, np.full(count, 0.9), np.ones(count, dtype=bool))
        assert found.present == stated


def test_what_is_right_too_seldom_is_only_possible_or_not_said() -> None:
    right = np.arange(100) % 100
    for share, words in ((80, (0.6, 0.4)), (55, (None, 0.4)), (30, (None, None))):
        found = point(PLAIN, np.full(100, 0.95), right < share)
        assert (found.present, found.possible) == words


def test_where_nearly_all_are_ill_a_low_chance_states_nothing() -> None:
    # All would be precise; a film whose own chance is low is not called ill for that.
    random = np.random.default_rng(0)
    chances = random.random(1000)
    found = point(PLAIN, chances, np.ones(1000, dtype=bool))
    assert found.present == statement_points.PRESENT
    assert found.possible == statement_points.POSSIBLE


def test_a_finding_is_denied_only_where_films_like_this_do_not_have_it() -> None:
    sound = np.zeros(100, dtype=bool)
    assert point(PLAIN, np.full(100, 0.01), sound).denied == 0.02
    assert point(PLAIN, np.full(100, 0.03), sound).denied is None
    assert point(PLAIN, np.full(19, 0.01), sound[:19]).denied is None
    ill = sound.copy()
    ill[:3] = True
    assert point(PLAIN, np.full(100, 0.01), ill).denied is None


@given(st.floats(-9, 9), st.floats(0, 5))
def test_a_higher_score_never_says_less(logit: float, more: float) -> None:
    at = StatementPoint(PLAIN, 0.7, 0.5, 0.02)
    order = ["denied", "", "possible", "present"]
    assert order.index(at.word(logit + more)) >= order.index(at.word(logit))


@given(st.floats(-9, 9))
def test_what_may_never_be_said_never_is(logit: float) -> None:
    assert StatementPoint(PLAIN, None, None, None).word(logit) == ""
