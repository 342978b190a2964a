"""The encoder for those who look at a study before it is a case: loaded once, when first needed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from radraft.pipeline.draft import VisionModel
    from radraft.store.database import Store
    from radraft.studies.quality.content import Looking


def looking(
    store: Store, vision: Callable[[], VisionModel | None] = lambda: None
) -> Callable[[], Looking | None]:
    """What gives the encoder of `vision`, or the shipped one where the model needs none; None where
    torch is not installed: then rules decide alone."""

    @cache
    def seen() -> Looking | None:
        if find_spec("torch") is None:
            return None
        from radraft.studies.quality.content import Looking
        from radraft.vision_encoder.encode import Encoder

        known = vision()
        return Looking(Encoder.load() if known is None else known.encoder, store.objects)

    return seen
