"""The values that cross the boundaries of `prompts/`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from radraft.studies.values import KeyImages
from radraft.vision_encoder.values import StudyEmbedding


@dataclass(frozen=True)
class TextPart:
    """A piece of prompt text."""

    text: str
    type: Literal["text"] = "text"


@dataclass(frozen=True)
class ImagePart:
    """A place in the prompt where key image `index` (0-based) goes."""

    index: int
    type: Literal["image"] = "image"


@dataclass(frozen=True)
class Message:
    """One chat message."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[TextPart | ImagePart, ...]


@dataclass(frozen=True)
class DraftRequest:
    """Everything one draft depends on. Pixels and vectors enter `request_sha` by their hashes."""

    case_id: str
    messages: tuple[Message, ...]
    images: KeyImages = field(repr=False, compare=False)
    embeddings: StudyEmbedding | None = field(repr=False, compare=False)
    """None for profiles that take pixels."""
    priors: tuple[str, ...]
    """Case ids of earlier studies named in the prompt."""
    template_id: str
    template_sha: str
    adapter_id: str | None
    request_sha: str
    """Canonical hash of messages, image ids, encoder id, template and adapter."""
