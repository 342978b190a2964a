"""L2-regularised logistic regression on image features: what the trained encoder has to beat."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from radraft.bench.starter_card.scores import AurocScores
from radraft.eval.values import FloatArray

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Weight of the squared coefficients beside the mean loss, on standardised features."""
STEPS = 200
LEAST = 3
"""Answers of either kind below which a question has no say in the choice of the strength."""


@dataclass(frozen=True)
class Linear:
    """A fitted regression: several yes-or-no questions over the same features."""

    strength: float
    mean: FloatArray = field(repr=False)
    scale: FloatArray = field(repr=False)
    weight: FloatArray = field(repr=False)
    """(features, questions)."""
    bias: FloatArray = field(repr=False)

    def logits(self, features: FloatArray) -> FloatArray:
        """(n, features) -> (n, questions)."""
        found: FloatArray = (features - self.mean) * self.scale @ self.weight + self.bias
        return found


def fit(features: FloatArray, answers: FloatArray, strength: float) -> Linear:
    """The minimum of mean cross-entropy plus `strength` times the squared coefficients.

    features (n, f); answers (n, q): 1, 0, or NaN where nothing is known, which no question looks
    at. The questions do not touch each other.
    """
    import torch

    mean = features.mean(0)
    scale = 1 / np.maximum(features.std(0), 1e-6)
    inputs = torch.from_numpy((features - mean) * scale)
    wanted = torch.from_numpy(np.nan_to_num(answers))
    known = torch.from_numpy(~np.isnan(answers)).double()
    share = known / known.sum(0).clamp(min=1)
    weight = torch.zeros(features.shape[1], answers.shape[1], dtype=torch.float64)
    bias = torch.zeros(answers.shape[1], dtype=torch.float64)
    weight.requires_grad_()
    bias.requires_grad_()
    solver: Any = torch.optim.LBFGS(
        [weight, bias], max_iter=STEPS, tolerance_grad=1e-6, line_search_fn="strong_wolfe"
    )

    def loss() -> float:
        solver.zero_grad()
        losses = torch.nn.functional.binary_cross_entropy_with_logits(
            inputs @ weight + bias, wanted, reduction="none"
        )
        value: Any = (losses * share).sum() + strength * (weight**2).sum()
        value.backward()
        return float(value.detach())

    solver.step(loss)
    return Linear(strength, mean, scale, weight.detach().numpy(), bias.detach().numpy())


def chosen(train: tuple[FloatArray, FloatArray], valid: tuple[FloatArray, FloatArray]) -> Linear:
    """The fit on `train` (features, answers) whose strength has the best mean AUROC on `valid`."""
    features, answers = valid
    yes, no = (answers == 1).sum(0), (answers == 0).sum(0)
    asked = np.flatnonzero((yes >= LEAST) & (no >= LEAST))
    names = tuple(str(column) for column in asked)

    def worth(model: Linear) -> float:
        scores = AurocScores(names, model.logits(features)[:, asked], answers[:, asked])
        return float(np.mean(list(scores.corpus().values())))

    return max((fit(*train, strength) for strength in STRENGTHS), key=worth)
