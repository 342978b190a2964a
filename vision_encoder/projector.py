"""The projector: what one image's patch tokens tell the language model. numpy only.

Linear on purpose: the encoder is trained so that findings lie along linear directions of its
tokens' mean, so a linear map loses none of them and needs few examples. The first vector stands for
the whole image, the others for its parts, so that where something lies is not lost. The parts are a
square of `parts` x `parts` means, however many tokens the encoder gives: 4 x 4 of the shipped
encoder's 8 x 8. A file says how many in its metadata; one without has half of the tokens' side.
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
PARTS = "parts"
"""Of the file's metadata: parts a side, a decimal number."""
SIDE = 2
"""Neighbouring tokens in each direction that one part is the mean of, where no number is said."""


@dataclass(frozen=True)
class Projector:
    """Means of tokens, standardised by `(x - mean) * scale`, through one of two linear maps."""

    projector_id: str
    """`projector@` and the first 16 hex characters of the file's SHA-256."""
    dim: int
    width: int
    parts: int | None
    """Parts a side; None: half of the tokens'."""
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
            given, parts = load(data), parts_of(path)
            width, dim = given["whole.weight"].shape
        except (OSError, SafetensorError, KeyError, ValueError):
            raise EncodingError("projector_invalid", file=str(path)) from None
        shapes = {name: value.shape for name, value in given.items()}
        types = {value.dtype for value in given.values()}
        if shapes != _shapes(dim, width) or types - {np.dtype(np.float16), np.dtype(np.float32)}:
            raise EncodingError("projector_invalid", file=str(path))
        sha = hashlib.sha256(data).hexdigest()
        weights = {name: value.astype(np.float32) for name, value in given.items()}
        return cls(f"projector@{sha[:16]}", dim, width, parts, weights)

    def project(self, tokens: Array) -> Array:
        """Map (..., n, dim) to (..., 1 + parts * parts, width), float32. Each image's result
        depends on it alone.

        EncodingError `projector_width` where the last axis is not `dim`, `projector_grid` where the
        n tokens are no square, or of an odd side where the file says no number of parts.
        """
        if tokens.shape[-1] != self.dim:
            raise EncodingError("projector_width", expected=self.dim, got=tokens.shape[-1])
        count = 1 + _parts(tokens.shape[-2], self.parts) ** 2
        # One image a product: BLAS sums in another order for another number of rows.
        images = tokens.reshape(-1, *tokens.shape[-2:])
        out = np.empty((len(images), count, self.width), dtype=np.float32)
        for index, image in enumerate(images):
            out[index] = self._one(image)
        return out.reshape(*tokens.shape[:-2], count, self.width)

    @staticmethod
    def pool(tokens: Array, parts: int | None = None) -> Array:
        """Map (n, dim) tokens of one image, row by row to (1 + parts * parts, dim): their mean,
        then the means of its parts, row by row. What the two maps are applied to, not yet
        standardised.

        Where `parts` does not divide the tokens' side, neighbouring parts share a row or column of
        tokens, as torch's adaptive pooling has it. EncodingError `projector_grid`.
        """
        side, count, dim = _side(len(tokens)), _parts(len(tokens), parts), tokens.shape[-1]
        exact = tokens.astype(np.float32, copy=False)
        if side % count == 0:
            step = side // count
            means = exact.reshape(count, step, count, step, dim).mean(axis=(1, 3))
        else:
            grid, bounds = exact.reshape(side, side, dim), _bounds(side, count)
            means = np.stack([grid[a:b, c:d].mean((0, 1)) for a, b in bounds for c, d in bounds])
        result: Array = np.concatenate([exact.mean(axis=0)[None], means.reshape(-1, dim)])
        return result

    def _one(self, tokens: Array) -> Array:
        w = self._weights
        pooled = (self.pool(tokens, self.parts) - w["mean"]) * w["scale"]
        whole = pooled[:1] @ w["whole.weight"].T + w["whole.bias"]
        parts = pooled[1:] @ w["part.weight"].T + w["part.bias"]
        result: Array = np.concatenate([whole, parts])
        return result


def parts_of(path: Path) -> int | None:
    """Return how many parts a side the projector file `path` says, None where it does not.

    ValueError where that is no number; OSError and SafetensorError where the file is none.
    """
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        said = (file.metadata() or {}).get(PARTS)
    return None if said is None else int(said)


def metadata(parts: int | None) -> dict[str, str] | None:
    """Return what a projector's file says of its parts."""
    return None if parts is None else {PARTS: str(parts)}


def _side(count: int) -> int:
    side = isqrt(count)
    if not side or side * side != count:
        raise EncodingError("projector_grid", got=count)
    return side


def _parts(count: int, parts: int | None) -> int:
    """Return the parts a side of `count` tokens."""
    side = _side(count)
    if parts is None and side % SIDE == 0:
        return side // SIDE
    if parts is None or not 0 < parts <= side:
        raise EncodingError("projector_grid", got=count)
    return parts


def _bounds(side: int, parts: int) -> list[tuple[int, int]]:
    """Return first and last + 1 row of each part: together they are all rows."""
    return [(i * side // parts, -((i + 1) * side // -parts)) for i in range(parts)]


def _shapes(dim: int, width: int) -> dict[str, tuple[int, ...]]:
    shapes = ((dim,), (dim,), (width, dim), (width,), (width, dim), (width,))
    return dict(zip(NAMES, shapes, strict=True))
