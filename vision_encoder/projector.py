"""The projector: what one image's patch tokens tell the language model. numpy only.

Linear on purpose: the encoder is trained so that findings lie along linear directions of its
tokens' mean, so a linear map loses none of them and needs few examples. The first vector stands for
the whole image, the others for its parts, so that where something lies is not lost.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from math import isqrt
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radraft.core.errors import EncodingError

Array = npt.NDArray[np.float32]

NAMES = ("mean", "scale", "whole.weight", "whole.bias", "part.weight", "part.bias")
SIDE = 2
"""Neighbouring tokens in each direction that one part is the mean of."""


@dataclass(frozen=True)
class Projector:
    """Means of tokens, standardised by `(x - mean) * scale`, through one of two linear maps."""

    projector_id: str
    """`projector@` and the first 16 hex characters of the file's SHA-256."""
    dim: int
    width: int
    _weights: dict[str, Array] = field(repr=False, compare=False)

    @classmethod
    def load(cls, path: Path) -> Projector:
        """Return the projector in a safetensors file, float16 or float32, computed in float32.

        EncodingError `projector_invalid` if the file holds none.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            data = path.read_bytes()
            given = load(data)
            width, dim = given["whole.weight"].shape
        except (OSError, SafetensorError, KeyError, ValueError):
            raise EncodingError("projector_invalid", file=str(path)) from None
        shapes = {name: value.shape for name, value in given.items()}
        types = {value.dtype for value in given.values()}
        if shapes != _shapes(dim, width) or types - {np.dtype(np.float16), np.dtype(np.float32)}:
            raise EncodingError("projector_invalid", file=str(path))
        sha = hashlib.sha256(data).hexdigest()
        weights = {name: value.astype(np.float32) for name, value in given.items()}
        return cls(f"projector@{sha[:16]}", dim, width, weights)

    def project(self, tokens: Array) -> Array:
        """Map (..., n, dim) to (..., 1 + n / 4, width), float32. Each image's result depends on
        it alone.

        EncodingError `projector_width` where the last axis is not `dim`, `projector_grid` where the
        n tokens are no square of an even side.
        """
        if tokens.shape[-1] != self.dim:
            raise EncodingError("projector_width", expected=self.dim, got=tokens.shape[-1])
        count = 1 + (_side(tokens.shape[-2]) // SIDE) ** 2
        # One image a product: BLAS sums in another order for another number of rows.
        images = tokens.reshape(-1, *tokens.shape[-2:])
        out = np.empty((len(images), count, self.width), dtype=np.float32)
        for index, image in enumerate(images):
            out[index] = self._one(image)
        return out.reshape(*tokens.shape[:-2], count, self.width)

    @staticmethod
    def pool(tokens: Array) -> Array:
        """Map (n, dim) tokens of one image, row by row to (1 + n / 4, dim): their mean, then the
        means of 2x2 neighbours, row by row. What the two maps are applied to, not yet standardised.

        EncodingError `projector_grid`.
        """
        side, dim = _side(len(tokens)), tokens.shape[-1]
        exact = tokens.astype(np.float32, copy=False)
        parts = exact.reshape(side // SIDE, SIDE, side // SIDE, SIDE, dim).mean(axis=(1, 3))
        result: Array = np.concatenate([exact.mean(axis=0)[None], parts.reshape(-1, dim)])
        return result

    def _one(self, tokens: Array) -> Array:
        w = self._weights
        pooled = (self.pool(tokens) - w["mean"]) * w["scale"]
        whole = pooled[:1] @ w["whole.weight"].T + w["whole.bias"]
        parts = pooled[1:] @ w["part.weight"].T + w["part.bias"]
        result: Array = np.concatenate([whole, parts])
        return result


def _side(count: int) -> int:
    side = isqrt(count)
    if not side or side * side != count or side % SIDE:
        raise EncodingError("projector_grid", got=count)
    return side


def _shapes(dim: int, width: int) -> dict[str, tuple[int, ...]]:
    shapes = ((dim,), (dim,), (width, dim), (width,), (width, dim), (width,))
    return dict(zip(NAMES, shapes, strict=True))
