"""What an encoder makes of labelled images, true or with a part covered; computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from radraft.core import canonical
from radraft.core.file_hash import file_sha256
from radraft.eval.cache import Cache
from radraft.eval.values import FloatArray
from radraft.vision_encoder.config import load_config
from radraft.vision_encoder.preprocess import letterbox
from radraft.vision_encoder.train.augment import cover_border, cover_lungs
from radraft.vision_encoder.train.data import gray

if TYPE_CHECKING:
    from radraft.studies.values import KeyImage
    from radraft.vision_encoder.encode import Encoder

VERSION = 1
"""Counts up when the same image and encoder would give other features."""
AT_ONCE = 64
GRAY = 0.5
"""What the covered lungs are filled with, 0 to 1."""

Pixels: TypeAlias = npt.NDArray[np.uint8]
Progress = Callable[[int, int], None]


class Covered(StrEnum):
    """What part of the image is covered before the encoder sees it."""

    NOTHING = "nothing"
    LUNGS = "lungs"
    """The box that holds the lungs is grey: markers, borders and the body's edge are left."""
    BORDER = "border"
    """A strip along each side is black: markers and redaction boxes are gone."""


@dataclass(frozen=True)
class Features:
    """Of several images, in their order."""

    mean: FloatArray = field(repr=False)
    """(n, d): mean of an image's patch tokens, which is what the finding heads read."""
    pooled: FloatArray = field(repr=False)
    """(n, e): unit-length image embeddings."""


def features(
    paths: Sequence[Path],
    encoder: Encoder,
    cache: Cache,
    *,
    covered: Covered = Covered.NOTHING,
    progress: Progress = lambda done, total: None,
) -> Features:
    """Through the encoder that serves. Images of which a part is covered are brought to its size
    first, so that this is the same share of each. TrainingError `training_data_missing`."""
    key = {
        "features": VERSION,
        "encoder": encoder.encoder_id,
        "covered": covered.value,
        "images": images_sha(paths),
    }
    kept = cache.get(key)
    if kept is None:
        found = _compute(paths, encoder, covered, progress)
        cache.put(key, None, found)
    else:
        found = kept[1]
    return Features(found["mean"].astype(np.float64), found["pooled"].astype(np.float64))


def images_sha(paths: Sequence[Path]) -> str:
    """Hash of the images' files in order."""
    return canonical.sha256([file_sha256(path) for path in paths])


def cover(pixels: Pixels, covered: Covered) -> Pixels:
    """(rows, columns) with a part covered."""
    import torch

    if covered is Covered.NOTHING:
        return pixels
    images = torch.from_numpy(pixels.astype(np.float32))[None] / 255
    changed = cover_lungs(images, GRAY) if covered is Covered.LUNGS else cover_border(images)
    found: Pixels = np.rint(changed[0].numpy() * 255).astype(np.uint8)
    return found


def key_image(path: Path, covered: Covered = Covered.NOTHING) -> KeyImage:
    """The image of a file as the line's encoder takes it."""
    from radraft.studies.key_images import from_picture

    pixels = gray(path)
    if covered is not Covered.NOTHING:
        pixels = cover(letterbox(pixels, load_config().size), covered)
    return from_picture(pixels, path.name)


def _compute(
    paths: Sequence[Path], encoder: Encoder, covered: Covered, progress: Progress
) -> dict[str, FloatArray]:
    mean, pooled = [], []
    for start in range(0, len(paths), AT_ONCE):
        images = [key_image(path, covered) for path in paths[start : start + AT_ONCE]]
        for encoded in encoder.encode(images):
            mean.append(encoded.tokens.mean(0))
            pooled.append(encoded.pooled)
        progress(len(mean), len(paths))
    return {"mean": np.stack(mean), "pooled": np.stack(pooled)}
