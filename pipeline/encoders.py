"""The encoder for those who look at a study before it is a case: loaded once, when first needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from radraft.studies.quality.content import features

if TYPE_CHECKING:
    from radraft.pipeline.draft import VisionModel
    from radraft.store.database import Store
    from radraft.store.objects import Objects
    from radraft.studies.features import FeatureExtractor, Floats
    from radraft.studies.values import KeyImages
    from radraft.vision_encoder.encode import Encoder


@dataclass(frozen=True)
class StoredFeatures:
    """Features of an encoder whose embeddings are stored: no image is embedded twice."""

    encoder: Encoder
    objects: Objects

    @property
    def encoder_id(self) -> str:
        """Return the encoder's id."""
        return self.encoder.encoder_id

    def extract(self, images: KeyImages) -> Floats:
        """Return (images, d). EncodingError as `vision_encoder.encode`."""
        from radraft.vision_encoder.encode import encode

        return features(encode(images, self.encoder, self.objects).tokens)


def extractor_loader(
    store: Store, vision: Callable[[], VisionModel | None] = lambda: None
) -> Callable[[], FeatureExtractor | None]:
    """Return what loads the encoder of `vision`, or the shipped one where the model needs none.

    It gives None where torch is not installed: then rules decide alone.
    """

    @cache
    def load_extractor() -> FeatureExtractor | None:
        if find_spec("torch") is None:
            return None
        from radraft.vision_encoder.encode import Encoder

        known = vision()
        return StoredFeatures(Encoder.load() if known is None else known.encoder, store.objects)

    return load_extractor
