"""The regression that the encoder has to beat."""

from __future__ import annotations

import numpy as np
import pytest

from radraft.bench.starter_card import linear
from radraft.bench.starter_card.scores import AurocScores
from radraft.eval.values import FloatArray

RANDOM = np.random.default_rng(0)


def _made(count: int, noise: float) -> tuple[FloatArray, FloatArray]:
    """Features of which the first tells the answer."""
    features = RANDOM.normal(size=(count, 6))
    answers = (features[:, :1] + noise * RANDOM.normal(size=(count, 1)) > 0).astype(np.float64)
    return features, answers


def _auroc(model: linear.Linear, features: FloatArray, answers: FloatArray) -> float:
    return AurocScores(("a",), model.logits(features), answers).corpus()["a"]


def test_it_finds_the_feature_that_tells() -> None:
    model = linear.fit(*_made(300, 0.2), strength=1e-3)
    assert int(np.abs(model.weight[:, 0]).argmax()) == 0
    assert _auroc(model, *_made(200, 0.2)) > 0.95


def test_it_is_at_the_minimum() -> None:
    """The gradient of loss plus penalty is zero there."""
    features, answers = _made(200, 0.5)
    model = linear.fit(features, answers, strength=1e-2)
    inputs = (features - model.mean) * model.scale
    chance = 1 / (1 + np.exp(-model.logits(features)))
    slope = inputs.T @ (chance - answers) / len(answers) + 2 * 1e-2 * model.weight
    assert np.abs(slope).max() < 1e-4
    assert abs(float((chance - answers).mean())) < 1e-4


def test_a_scaled_feature_changes_nothing() -> None:
    features, answers = _made(200, 0.5)
    scaled = features * np.array([1, 10, 100, 1, 1, 0.01]) + 5
    first = linear.fit(features, answers, 1e-2).logits(features)
    second = linear.fit(scaled, answers, 1e-2).logits(scaled)
    assert second == pytest.approx(first, abs=1e-3)


def test_unknown_answers_and_other_questions_do_not_matter() -> None:
    features, answers = _made(200, 0.5)
    nan = np.full((200, 1), np.nan)
    nan[:150] = answers[:150]
    alone = linear.fit(features, nan, 1e-2)
    changed = nan.copy()
    beside = linear.fit(features, np.hstack([changed, 1 - answers]), 1e-2)
    assert beside.weight[:, 0] == pytest.approx(alone.weight[:, 0], abs=1e-3)


def test_the_strength_is_the_one_that_is_best_on_the_validation_split() -> None:
    train, valid = _made(60, 1.0), _made(200, 1.0)
    best = linear.chosen(train, valid)
    worth = {s: _auroc(linear.fit(*train, s), *valid) for s in linear.STRENGTHS}
    assert worth[best.strength] == max(worth.values())


def test_a_question_with_too_few_answers_has_no_say() -> None:
    train, (features, answers) = _made(60, 1.0), _made(200, 1.0)
    rare = np.zeros((200, 1))
    rare[0] = 1
    both = (train[0], np.hstack([train[1], train[1]]))
    chosen = linear.chosen(both, (features, np.hstack([answers, rare])))
    assert chosen.strength == linear.chosen(train, (features, answers)).strength
