"""The finding heads: one linear layer on the mean of an image's patch tokens. numpy only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radraft.core.errors import EncodingError

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Heads:
    """Yes-or-no questions that the encoder answers about one image."""

    ids: tuple[str, ...]
    """Finding codes, and names of the training recipe's own (`pneumonia_in_child`)."""
    dim: int
    """Length of the patch tokens."""
    weight: Array = field(repr=False, compare=False)
    """(heads, dim), in the order of `ids`."""
    bias: Array = field(repr=False, compare=False)
    """(heads,)"""

    @classmethod
    def load(cls, path: Path) -> Heads:
        """Return the heads in a safetensors file: `weight` (heads, dim) and `bias` (heads,),
        float16 or float32; metadata `heads` is a JSON list of ids. EncodingError
        `heads_invalid`."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "numpy") as file:
                ids = json.loads(file.metadata()["heads"])
                given = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            raise EncodingError("heads_invalid", file=str(path)) from None
        weight, bias = given.pop("weight", None), given.pop("bias", None)
        if (
            given
            or not isinstance(ids, list)
            or not all(isinstance(item, str) for item in ids)
            or len(set(ids)) != len(ids)
            or weight is None
            or bias is None
            or weight.ndim != 2
            or bias.shape != (len(ids),)
            or len(weight) != len(ids)
            or {weight.dtype, bias.dtype} - {np.dtype(np.float16), np.dtype(np.float32)}
        ):
            raise EncodingError("heads_invalid", file=str(path))
        return cls(tuple(ids), weight.shape[1], weight.astype(np.float32), bias.astype(np.float32))

    @classmethod
    def none(cls, dim: int) -> Heads:
        """Return no heads, for tokens of length `dim`: of an encoder that answers no questions."""
        return cls((), dim, np.zeros((0, dim), np.float32), np.zeros(0, np.float32))

    def logits(self, tokens: Array) -> Array:
        """Map (n, dim) tokens of one image to (heads,) log odds, in the order of `ids`.

        EncodingError `heads_width` where the tokens are not `dim` long.
        """
        if tokens.shape[-1] != self.dim:
            raise EncodingError("heads_width", expected=self.dim, got=tokens.shape[-1])
        mean = tokens.astype(np.float32, copy=False).mean(axis=0)
        result: Array = self.weight @ mean + self.bias
        return result

    def scores(self, tokens: Array) -> Mapping[str, float]:
        """Head id -> 0 to 1, the head's sigmoid. How sure it is, not how often it is right."""
        logits = self.logits(tokens)
        # tanh neither overflows nor warns, however far a logit lies from zero.
        chances = 0.5 * (1 + np.tanh(0.5 * logits.astype(np.float64)))
        return {name: float(value) for name, value in zip(self.ids, chances, strict=True)}
