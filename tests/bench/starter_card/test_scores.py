"""AUROC and F1, and their intervals over patients."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from radraft.bench.starter_card.scores import AurocScores, LabelScores, difference, figures
from radraft.bench.starter_card.values import groups

RESAMPLES = 200


def _auroc(scores: list[float], answers: list[float]) -> AurocScores:
    return AurocScores(("a",), np.array(scores)[:, None], np.array(answers)[:, None])


def test_auroc_is_the_share_of_pairs_in_order() -> None:
    found = _auroc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]).corpus()
    assert found["a"] == pytest.approx(0.75)


def test_unknown_answers_are_not_looked_at() -> None:
    nan = float("nan")
    known = _auroc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    more = _auroc([0.1, 0.4, 0.35, 0.8, 9.0, -9.0], [0, 0, 1, 1, nan, nan])
    assert known.corpus() == more.corpus()


def test_the_mean_is_over_the_questions_named() -> None:
    scores = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    answers = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    found = AurocScores(("a", "b", "c"), scores, answers, ("a", "b")).corpus()
    assert (found["a"], found["b"], found["mean"]) == (1.0, 0.0, 0.5)


def test_an_interval_holds_its_value_and_says_nothing_where_all_answers_are_alike() -> None:
    random = np.random.default_rng(0)
    answers = (random.random(80) < 0.5).astype(float)
    scores = random.normal(size=80) + answers
    patients = groups([str(one // 2) for one in range(80)])
    found = figures(_auroc(list(scores), list(answers)), patients, resamples=RESAMPLES)["a"]
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    alike = figures(_auroc([0.1, 0.2], [1, 1]), groups(["x", "y"]), resamples=RESAMPLES)["a"]
    assert (alike.value, alike.low) == (None, None)


def test_images_of_one_patient_are_drawn_together() -> None:
    """The same image five times over is no more evidence than once."""
    random = np.random.default_rng(1)
    answers = (random.random(40) < 0.5).astype(float)
    scores = random.normal(size=40) + answers
    once = figures(
        _auroc(list(scores), list(answers)),
        groups([f"{one:02}" for one in range(40)]),
        resamples=RESAMPLES,
    )
    often = figures(
        _auroc(list(np.repeat(scores, 5)), list(np.repeat(answers, 5))),
        groups([f"{one:02}" for one in range(40) for _ in range(5)]),
        resamples=RESAMPLES,
    )
    assert once == often


def test_the_difference_of_a_system_with_itself_is_nothing() -> None:
    truth = np.array([[True], [False], [True]])
    scores = LabelScores(("a",), truth, ~truth)
    found = difference(scores, scores, "f1_micro", groups(["x", "y", "z"]), resamples=RESAMPLES)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_f1_by_hand() -> None:
    truth = np.array([[True, False], [True, True], [False, False]])
    said = np.array([[True, True], [False, True], [False, False]])
    found = LabelScores(("a", "b"), truth, said).corpus()
    assert found["precision_micro"] == pytest.approx(2 / 3)
    assert found["recall_micro"] == pytest.approx(2 / 3)
    assert found["f1_micro"] == pytest.approx(2 / 3)
    assert found["f1/a"] == pytest.approx(2 / 3)
    assert found["f1_macro"] == pytest.approx(2 / 3)


def test_silence_has_no_precision_and_a_label_without_positives_is_in_no_mean() -> None:
    truth = np.array([[True, False], [True, False]])
    found = LabelScores(("a", "b"), truth, np.zeros_like(truth)).corpus()
    assert found["f1_micro"] == 0.0
    assert math.isnan(found["precision_micro"])
    assert math.isnan(found["f1/b"])
    assert found["f1_macro"] == 0.0
    stated = np.array([[True, True], [True, True]])
    assert LabelScores(("a", "b"), truth, stated).corpus()["f1_macro"] == 1.0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=12))
def test_f1_is_the_harmonic_mean(pairs: list[tuple[bool, bool]]) -> None:
    truth, said = (np.array([[pair[at]] for pair in pairs]) for at in (0, 1))
    found = LabelScores(("a",), truth, said).corpus()
    precision, recall = found["precision_micro"], found["recall_micro"]
    if precision > 0 and recall > 0:
        harmonic = 2 / (1 / precision + 1 / recall)
        assert found["f1_micro"] == pytest.approx(harmonic)
        assert LabelScores(("a",), said, truth).corpus()["f1_micro"] == found["f1_micro"]
