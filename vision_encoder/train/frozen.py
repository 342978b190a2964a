"""Heads on a trunk that stays as it is: what more its tokens tell, without a new encoder.

A trunk that is trained further gives other tokens, and every projector and language model that
read the old ones would have to be trained anew. A head beside it changes nothing that is served.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

ITERATIONS = 120
DECAY = 1e-3
"""Weight of the squared norm beside the mean cross-entropy, on standardised features."""


@dataclass(frozen=True)
class LinearHead:
    """One or several logits of a feature vector."""

    weight: Floats
    """(outputs, width)"""
    bias: Floats
    """(outputs,)"""

    def logits(self, features: Floats) -> Floats:
        """Map (..., width) to (..., outputs)."""
        result: Floats = features @ self.weight.T + self.bias
        return result


def fit_head(
    features: Floats, targets: Floats, trust: Floats | None = None, decay: float = DECAY
) -> LinearHead:
    """Return the logistic regression of `targets` on `features`.

    features (n, width); targets (n, outputs): 0 to 1, NaN where nothing is known; trust (n,
    outputs): how much each counts. Full batches and L-BFGS: the same data give the same head.
    """
    import torch

    mean = features.mean(0)
    spread = features.std(0) + 1e-3
    x = torch.from_numpy((features - mean) / spread)
    known = ~np.isnan(targets)
    share = known.astype(np.float32) * (np.float32(1) if trust is None else trust)
    share /= np.maximum(share.sum(0), 1e-6)
    y, share_of = torch.from_numpy(np.nan_to_num(targets)), torch.from_numpy(share)
    weight = torch.zeros(targets.shape[1], features.shape[1], requires_grad=True)
    bias = torch.zeros(targets.shape[1], requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        losses = torch.nn.functional.binary_cross_entropy_with_logits(
            x @ weight.T + bias, y, reduction="none"
        )
        total = (losses * share_of).sum() + decay * (weight**2).sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    solver.step(loss)  # type: ignore[no-untyped-call]
    found = weight.detach().numpy() / spread
    return LinearHead(found, bias.detach().numpy() - found @ mean)
