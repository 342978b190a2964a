"""The values that cross the boundaries of `llm/profile_check`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from radraft.core.errors import message


class Part(StrEnum):
    """What a profile names or needs."""

    WEIGHTS = "weights"
    MEMORY = "memory"
    CONTEXT = "context"
    CHAT_TEMPLATE = "chat_template"
    IMAGE_TOKENS = "image_tokens"
    ENCODER = "encoder"
    PROJECTOR = "projector"
    PROMPT = "prompt"
    LANGUAGES = "languages"
    ADAPTERS = "adapters"
    LICENCE = "licence"
    STANDING = "standing"


class Fit(StrEnum):
    """How a part stands."""

    FITS = "fits"
    UNSURE = "unsure"
    """It may serve, and somebody should know or look."""
    MISSING = "missing"
    """It cannot serve."""


@dataclass(frozen=True)
class CheckedPart:
    """What was found of one part."""

    part: Part
    fit: Fit
    code: str
    """Of the message catalogue."""
    details: Mapping[str, str | int | float] = field(default_factory=dict)

    @property
    def sentences(self) -> tuple[str, str]:
        """Return what a person is told, in Chinese and in English."""
        return message(self.code, self.details)


@dataclass(frozen=True)
class ModelFacts:
    """What a model's configuration says, and its weights' headers."""

    layers: int
    kv_heads: int
    head_dim: int
    context_tokens: int
    """Longest sequence that its positions reach."""
    parameters: float | None
    """Of all tensors; None where no weights are there or their format has no header."""
    stored_bytes: int
    width: int | None = None
    """Hidden size of the language model."""
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The whole configuration; empty where it was published and is not here."""
    tensors: frozenset[str] = field(default_factory=frozenset, repr=False)
    folder: Path | None = None
