"""The values that cross the boundaries of `vision_encoder/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class ImageEmbedding:
    """What the encoder saw in one image."""

    image_id: str
    tokens: npt.NDArray[np.float32] = field(repr=False, compare=False)
    """(n, d): patch tokens, row by row from the top left; each value is exact in float16."""
    pooled: npt.NDArray[np.float32] = field(repr=False, compare=False)
    """(e,): the image embedding, unit length."""


@dataclass(frozen=True)
class StudyEmbedding:
    """What the encoder saw in one case's key images."""

    case_id: str
    image_ids: tuple[str, ...]
    tokens: npt.NDArray[np.float32] = field(repr=False, compare=False)
    """(images, n, d): patch tokens, row by row from the top left."""
    pooled: npt.NDArray[np.float32] = field(repr=False, compare=False)
    """(images, e): one unit-length vector an image; e is the encoder's `pooled_dim`, not d."""
    finding_scores: Mapping[str, float]
    """Head id (`heads.Heads.ids`) -> 0 to 1, the highest among the images; empty without images."""
    encoder_id: str
    """Model name and 16 hex characters that name its weights (`shipped.encoder_id`)."""


@dataclass(frozen=True)
class ImageTokens:
    """A case's key images as the language model takes them."""

    case_id: str
    image_ids: tuple[str, ...]
    encoder_id: str
    projector_id: str
    tensors: tuple[bytes, ...] = field(repr=False, compare=False)
    """Of each image in order: its (tokens, width) projected tokens in the model's number type, as
    the file that `torch.load` reads."""


class ByteStore(Protocol):
    """Keeps bytes by key; `store.objects` has the one that is used."""

    def get(self, key: str) -> bytes:
        """Return the bytes under `key`. NotFound where there are none."""

    def put(self, key: str, data: bytes) -> None:
        """Write or replace them."""
