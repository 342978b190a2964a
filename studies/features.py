"""What the choice of slices and the quality gate ask of a vision encoder."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from radraft.studies.values import KeyImages

Floats = npt.NDArray[np.float32]


class FeatureExtractor(Protocol):
    """Gives each key image a vector of features."""

    @property
    def encoder_id(self) -> str:
        """Return the id of the encoder that the features come from."""

    def extract(self, images: KeyImages) -> Floats:
        """Return (images, d), one row for each image in their order.

        EncodingError where an image cannot be embedded.
        """
