"""The values that cross the boundaries of `finetune.train`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[np.float32]
TokenSource = Callable[[str], Tokens]
"""Image id -> its patch tokens (n, dim), as the encoder gave them. KeyError for an unknown one."""


@dataclass(frozen=True)
class Example:
    """One pair as it is exported: what was asked, what is to be written."""

    messages: tuple[dict[str, Any], ...] = field(repr=False)
    """Chat messages of the request; image parts are `{"type": "image"}`."""
    images: tuple[str, ...]
    """Image ids in the order of the image parts."""
    chosen: str = field(repr=False)
    """The report as the model is to write it."""
    rejected: str | None = field(default=None, repr=False)
    """The draft it replaced, for `dpo`."""


@dataclass(frozen=True)
class Encoded:
    """An example as the model takes it."""

    prompt: tuple[int, ...] = field(repr=False)
    """Token ids; each image is one run of image tokens."""
    images: tuple[str, ...]
    chosen: tuple[int, ...] = field(repr=False)
    """Token ids of the report, the end-of-text token last."""
    rejected: tuple[int, ...] | None = field(default=None, repr=False)

    @property
    def length(self) -> int:
        """Tokens of the longest sequence it gives."""
        return len(self.prompt) + max(len(self.chosen), len(self.rejected or ()))


@dataclass(frozen=True)
class Trained:
    """What a run gives."""

    folder: Path
    """With `lora.safetensors`, `lora.json` and `projector.safetensors`."""
    steps: int
    """Of the weights kept: those with the lowest validation loss."""
    valid_loss: float
