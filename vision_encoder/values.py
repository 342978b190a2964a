"""The values that cross the boundaries of `vision_encoder/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
    """Finding code -> 0 to 1; empty while the encoder is not trained on findings."""
    encoder_id: str
    """Model name and the first 16 hex characters of its weights' SHA-256."""
