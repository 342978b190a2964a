"""The encoder for those who look at a study before it is a case: loaded once, when first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Generic, TypeVar

from radraft.studies.quality.content import features

if TYPE_CHECKING:
    from radraft.pipeline.draft import VisionModel
    from radraft.store.database import Store
    from radraft.store.objects import Objects
    from radraft.studies.features import FeatureExtractor, Floats
    from radraft.studies.values import KeyImages
    from radraft.vision_encoder.encode import Encoder


Loaded = TypeVar("Loaded")


class LoadedOnce(Generic[Loaded]):
    """What `load` gives, loaded when first asked for: of threads that ask at once, one loads.

    What it raises is raised to whoever asked, and the next one tries again.
    """

    def __init__(self, load: Callable[[], Loaded]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._loaded: list[Loaded] = []

    def __call__(self) -> Loaded:
        """Return it."""
        with self._lock:
            if not self._loaded:
                self._loaded.append(self._load())
            return self._loaded[0]


@dataclass(frozen=True)
class StoredFeatures:
    """Features of an encoder whose embeddings are stored: no image is embedded twice."""

    encoder: Encoder
    objects: Objects

    @property
    def encoder_id(self) -> str:
        """Return the encoder's id."""
        return self.encoder.encoder_id

    @property
    def unstored(self) -> UnstoredFeatures:
        """Return what looks with the same encoder and stores nothing."""
        return UnstoredFeatures(self.encoder)

    def extract(self, images: KeyImages) -> Floats:
        """Return (images, d). EncodingError as `vision_encoder.encode`."""
        from radraft.vision_encoder.encode import encode

        return features(encode(images, self.encoder, self.objects).tokens)


@dataclass(frozen=True)
class UnstoredFeatures:
    """Features that are computed and kept nowhere: of pixels in which a name may be burned in."""

    encoder: Encoder

    @property
    def encoder_id(self) -> str:
        """Return the encoder's id."""
        return self.encoder.encoder_id

    def extract(self, images: KeyImages) -> Floats:
        """Return (images, d). EncodingError as `vision_encoder.encode`."""
        import numpy as np

        found = self.encoder.encode(images.images)
        return features(np.stack([embedding.tokens for embedding in found]))


def extractor_loader(
    store: Store, vision: Callable[[], VisionModel | None] = lambda: None
) -> Callable[[], FeatureExtractor | None]:
    """Return what loads the shipped encoder, or takes it of `vision` where the model drafts with
    it: the content heads know no other's tokens.

    It gives None where torch is not installed: then rules decide alone.
    """

    def load_extractor() -> FeatureExtractor | None:
        if find_spec("torch") is None:
            return None
        from radraft.vision_encoder import shipped
        from radraft.vision_encoder.encode import Encoder

        known = vision()
        own = known is None or known.encoder.encoder_id != shipped.encoder_id()
        return StoredFeatures(
            Encoder.load() if known is None or own else known.encoder, store.objects
        )

    return LoadedOnce(load_extractor)
