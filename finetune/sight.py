"""What the encoder's heads see in a case's stored tokens: how likely a finding, on which side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING

import numpy as np

from radraft.core.errors import EncodingError, NotFound
from radraft.vision_encoder import stored
from radraft.vision_encoder.heads import Array, Heads

if TYPE_CHECKING:
    from radraft.store.objects import Objects


@dataclass(frozen=True)
class Sight:
    """What one head sees in a case's images."""

    logit: float
    """Log odds, the highest among the images."""
    left: float
    """The head's log odds from the half on the patient's left less those from the half on the
    right, in the image of `logit`. Zero is not the middle: most hearts lie on the left."""


def sight(
    objects: Objects, encoder_id: str, heads: Heads, image_ids: Sequence[str]
) -> Mapping[str, Sight]:
    """Head id -> `Sight` over the images whose embedding is stored and whole; empty where none is.

    The sides are those of a frontal film, where the patient's left is the image's right.
    EncodingError `heads_width`, and `projector_grid` where the tokens are no square grid.
    """
    seen = [
        (heads.logits(tokens), _left(heads, tokens))
        for image_id in image_ids
        if (tokens := _tokens(objects, encoder_id, image_id)) is not None
    ]
    if not seen:
        return {}
    logits, lefts = (np.stack(rows) for rows in zip(*seen, strict=True))
    best = logits.argmax(axis=0)
    return {
        name: Sight(float(logits[best[place], place]), float(lefts[best[place], place]))
        for place, name in enumerate(heads.ids)
    }


def _left(heads: Heads, tokens: Array) -> Array:
    side = isqrt(len(tokens))
    if not side or side * side != len(tokens):
        raise EncodingError("projector_grid", got=len(tokens))
    grid = tokens.reshape(side, side, -1)
    half = side // 2
    # A middle column belongs to neither half.
    halves = grid[:, side - half :], grid[:, :half]
    of_left, of_right = (heads.logits(part.reshape(-1, tokens.shape[-1])) for part in halves)
    result: Array = of_left - of_right
    return result


def _tokens(objects: Objects, encoder_id: str, image_id: str) -> Array | None:
    try:
        return stored.read(objects, encoder_id, image_id).tokens
    except (NotFound, stored.Damaged):
        return None
