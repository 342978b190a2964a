"""The projector: patch tokens to vectors of the language model's width. numpy only."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radraft.errors import EncodingError

Array = npt.NDArray[np.float32]

TOKEN_RMS = 1.03
"""Root mean square of what the language model gets for a word. Gemma 3 270M's embedding matrix has
0.0408 (measured, dequantised), and vLLM multiplies it by sqrt(640) = 25.3. It does so for words
only: vllm/model_executor/models/gemma3.py, `Gemma3Model.embed_input_ids`, is not applied to image
embeddings, which enter `forward` as `inputs_embeds` unchanged. So the projector gives the scaled
size itself."""
GELU_SECOND_MOMENT = 0.425
"""Mean of gelu(z)^2 over a standard normal z, by numerical integration."""
EPSILON = 1e-5
NAMES = ("norm.weight", "norm.bias", "up.weight", "up.bias", "down.weight", "down.bias")


@dataclass(frozen=True)
class Projector:
    """Layer norm, linear, GELU (tanh form), linear: LLaVA 1.5's projector with a norm before it."""

    projector_id: str
    """`projector@` and the first 16 hex characters of the file's SHA-256."""
    dim: int
    width: int
    _weights: dict[str, Array] = field(repr=False, compare=False)

    @classmethod
    def load(cls, path: Path) -> Projector:
        """The projector in a safetensors file. EncodingError `projector_invalid` if it is none."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            data = path.read_bytes()
            weights: dict[str, Array] = load(data)
            hidden, dim = weights["up.weight"].shape
            width = weights["down.weight"].shape[0]
        except (OSError, SafetensorError, KeyError, ValueError):
            raise EncodingError("projector_invalid", file=str(path)) from None
        shapes = {name: value.shape for name, value in weights.items()}
        types = {value.dtype for value in weights.values()}
        if shapes != _shapes(dim, hidden, width) or types != {np.dtype(np.float32)}:
            raise EncodingError("projector_invalid", file=str(path))
        sha = hashlib.sha256(data).hexdigest()
        return cls(f"projector@{sha[:16]}", dim, width, weights)

    def project(self, tokens: Array) -> Array:
        """(..., n, dim) -> (..., n, width), float32. Each image's result depends on it alone.

        EncodingError `projector_width` where the last axis is not `dim`.
        """
        if tokens.shape[-1] != self.dim:
            raise EncodingError("projector_width", expected=self.dim, got=tokens.shape[-1])
        # One image a product: BLAS sums in another order for another number of rows.
        images = tokens.reshape(-1, *tokens.shape[-2:])
        out = np.empty((*images.shape[:2], self.width), dtype=np.float32)
        for index, image in enumerate(images):
            out[index] = self._one(image.astype(np.float32, copy=False))
        return out.reshape(*tokens.shape[:-1], self.width)

    def _one(self, tokens: Array) -> Array:
        w = self._weights
        centred = tokens - tokens.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(EPSILON))
        normed = centred / spread * w["norm.weight"] + w["norm.bias"]
        hidden = gelu(normed @ w["up.weight"].T + w["up.bias"])
        result: Array = hidden @ w["down.weight"].T + w["down.bias"]
        return result


def gelu(x: Array) -> Array:
    """The tanh form of GELU (Hendrycks and Gimpel 2016), as `torch.nn.GELU("tanh")`."""
    inner = np.float32(np.sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x * x * x)
    result: Array = np.float32(0.5) * x * (1 + np.tanh(inner))
    return result


def build(path: Path, *, dim: int, width: int, seed: int) -> None:
    """Writes a projector at its start: the same arguments give the same bytes. Atomic.

    The norm makes every token's values of mean square 1; the two matrices keep that and end at
    `TOKEN_RMS`, whatever the encoder's own scale.
    """
    from safetensors.numpy import save

    random = np.random.default_rng(seed)
    up = random.standard_normal((width, dim), dtype=np.float32) * np.float32(dim**-0.5)
    down_scale = TOKEN_RMS / np.sqrt(GELU_SECOND_MOMENT * width)
    down = random.standard_normal((width, width), dtype=np.float32) * np.float32(down_scale)
    weights = {
        "norm.weight": np.ones(dim, dtype=np.float32),
        "norm.bias": np.zeros(dim, dtype=np.float32),
        "up.weight": up,
        "up.bias": np.zeros(width, dtype=np.float32),
        "down.weight": down,
        "down.bias": np.zeros(width, dtype=np.float32),
    }
    _write(path, save(weights))


def _shapes(dim: int, hidden: int, width: int) -> dict[str, Any]:
    shapes = ((dim,), (dim,), (hidden, dim), (hidden,), (width, hidden), (width,))
    return dict(zip(NAMES, shapes, strict=True))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    staging = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        staging.replace(path)
    finally:
        staging.unlink(missing_ok=True)
