"""The values that cross the boundaries of `prompts/`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from radraft.studies.values import KeyImage, KeyImages, View
from radraft.vision_encoder.values import ImageTokens


@dataclass(frozen=True)
class TextPart:
    """A piece of prompt text."""

    text: str
    type: Literal["text"] = "text"


@dataclass(frozen=True)
class ImagePart:
    """A place in the prompt where image `index` (0-based) of `DraftRequest.shown` goes."""

    index: int
    type: Literal["image"] = "image"


@dataclass(frozen=True)
class Message:
    """One chat message."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[TextPart | ImagePart, ...]


class Looked(StrEnum):
    """What is known of a patient's earlier studies of the body part."""

    NOT_LOOKED = "not_looked"
    """Nobody looked, or there was nothing to look by: no usable identity, no body part."""
    NONE = "none"
    UNSURE = "unsure"
    """Only studies of which a person has to say whether they are of the same patient."""
    FOUND = "found"


@dataclass(frozen=True)
class Said:
    """A report's section in both languages, without identity; empty where nothing was written."""

    zh: str
    en: str


@dataclass(frozen=True)
class Prior:
    """A signed earlier study of the same patient, without identity and without a date."""

    case_id: str
    version: int
    """Of the signed report: the newest."""
    days_before: int
    modality: str
    body_part: str
    view: View
    findings: Said
    impression: Said
    image_ids: tuple[str, ...]
    """All its key images."""
    confidence: float
    """0 to 1, that it is the same patient; 1 where a person confirmed it."""
    images: tuple[KeyImage, ...] = field(default=(), repr=False, compare=False)
    """Those of its key images that go with the request."""


@dataclass(frozen=True)
class Priors:
    """What the model is told of earlier studies."""

    looked: Looked
    given: tuple[Prior, ...] = ()
    """Most recent first."""


NOT_LOOKED = Priors(Looked.NOT_LOOKED)


@dataclass(frozen=True)
class DraftRequest:
    """Everything one draft depends on. Pixels and vectors enter `request_sha` by their hashes."""

    case_id: str
    messages: tuple[Message, ...]
    own_image_ids: tuple[str, ...]
    """Of the case's own key images, in reading order."""
    images: KeyImages | None = field(repr=False, compare=False)
    """The case's key images; None for profiles that take their tokens."""
    image_tokens: ImageTokens | None = field(repr=False, compare=False)
    """None for profiles that take pixels."""
    priors: tuple[Prior, ...]
    """Earlier studies shown in the prompt."""
    template_id: str
    template_sha: str
    adapter_id: str | None
    request_sha: str
    """Canonical hash of messages, image ids, encoder id, template, adapter and earlier studies."""

    @property
    def shown(self) -> tuple[KeyImage, ...]:
        """All images whose pixels the prompt holds: the case's own, then those of each earlier
        study."""
        own = self.images.images if self.images is not None else ()
        return (*own, *(image for prior in self.priors for image in prior.images))

    @property
    def image_ids(self) -> tuple[str, ...]:
        """Ids of all images of the prompt: the case's own, then those of each earlier study."""
        earlier = (image.image_id for prior in self.priors for image in prior.images)
        return (*self.own_image_ids, *earlier)
