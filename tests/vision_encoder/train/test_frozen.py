"""A head beside a trunk that stays as it is."""

from __future__ import annotations

import numpy as np

from radraft.vision_encoder.train.frozen import fit_head


def films(count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Features, of which the first tells the first target and the second the second."""
    random = np.random.default_rng(0)
    features = random.normal(3.0, 2.0, (count, 6)).astype(np.float32)
    targets = (features[:, :2] > 3.0).astype(np.float32)
    return features, targets


def test_each_target_is_told_by_what_tells_it() -> None:
    features, targets = films()
    head = fit_head(features[:300], targets[:300])
    logits = head.logits(features[300:])
    assert ((logits > 0) == (targets[300:] == 1)).mean() > 0.95
    assert np.abs(head.weight).argmax(1).tolist() == [0, 1]


def test_what_is_unknown_is_not_learnt_from() -> None:
    features, targets = films()
    wrong = targets.copy()
    wrong[:200, 0] = 1 - wrong[:200, 0]
    unknown = targets.copy()
    unknown[:200, 0] = np.nan
    right = (targets[:, 0] == 1)[:, None]
    assert ((fit_head(features, unknown).logits(features)[:, :1] > 0) == right).mean() > 0.95
    assert ((fit_head(features, wrong).logits(features)[:, :1] > 0) == right).mean() < 0.8


def test_what_is_trusted_more_wins() -> None:
    features, targets = films()
    wrong = targets.copy()
    wrong[::2] = 1 - wrong[::2]
    trust = np.ones_like(targets)
    trust[1::2] = 9.0
    said = fit_head(features, wrong, trust).logits(features)
    assert ((said > 0) == (targets == 1)).mean() > 0.95


def test_the_same_films_give_the_same_head() -> None:
    features, targets = films()
    first, again = fit_head(features, targets), fit_head(features, targets)
    assert np.array_equal(first.weight, again.weight)
