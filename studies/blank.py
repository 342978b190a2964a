"""Blank key images: what a drafted sentence's likelihood is compared with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from radraft.studies.key_images import image_id
from radraft.studies.values import KeyImage, KeyImages

MID_GREY = 128


def blank(images: KeyImages, *, but: str | None = None) -> KeyImages:
    """`images` with every one of them mid-grey of the same size, except those whose id is `but`.

    Case, order and number of images stay. Blank images of one size are one image: they have the
    same id, so they are embedded once.
    """
    return replace(
        images,
        images=tuple(image if image.image_id == but else _blank(image) for image in images.images),
    )


def _blank(image: KeyImage) -> KeyImage:
    pixels = np.full_like(image.pixels, MID_GREY)
    # The window's centre is what mid-grey stands for.
    values = np.full_like(image.values, round(image.window[0]))
    # A new id: embeddings are kept by it.
    return replace(image, image_id=image_id(pixels), pixels=pixels, values=values)
