"""Key images changed on purpose; the rest of the line sees them as any others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from radraft.eval.looks.values import Change, Perturbation
from radraft.studies.blank import blank
from radraft.studies.key_images import image_id
from radraft.studies.values import KeyImage, KeyImages

VERSION = 1
"""Counts up when a change below gives other pixels for the same image."""

Pixels = npt.NDArray[np.uint8]


def changed(images: KeyImages, perturbation: Perturbation, donor: KeyImages | None) -> KeyImages:
    """`images` changed as `perturbation` says; case, order and number of images stay.

    `donor` is whose images take their place (`shuffled`, `another`): repeated or cut to the same
    number, because the number of images is in the prompt too. ValueError where one is missing.
    """
    match perturbation.change:
        case Change.REPEAT:
            new = images.images
        case Change.BLANK:
            new = blank(images).images
        case Change.NOISE:
            new = tuple(_noise(image, perturbation.seed) for image in images.images)
        case Change.MIRRORED:
            new = tuple(map(_mirrored, images.images))
        case Change.SHUFFLED | Change.ANOTHER:
            if donor is None or not donor.images:
                raise ValueError(f"{perturbation.name} needs a donor's images")
            count = len(donor.images)
            new = tuple(donor.images[i % count] for i in range(len(images.images)))
    return replace(images, images=new)


def _mirrored(image: KeyImage) -> KeyImage:
    return _with(
        image,
        np.ascontiguousarray(image.pixels[:, ::-1]),
        np.ascontiguousarray(image.values[:, ::-1]),
    )


def _noise(image: KeyImage, seed: int) -> KeyImage:
    # Seeded by the image too, so that it does not depend on what else is in the set.
    random = np.random.default_rng([seed, int(image.image_id[:16], 16)])
    order = random.permutation(image.pixels.size)
    shape = image.pixels.shape
    return _with(
        image,
        image.pixels.reshape(-1)[order].reshape(shape),
        image.values.reshape(-1)[order].reshape(shape),
    )


def _with(image: KeyImage, pixels: Pixels, values: npt.NDArray[np.int16]) -> KeyImage:
    # A new id: embeddings are kept by it.
    return replace(image, image_id=image_id(pixels), pixels=pixels, values=values)
