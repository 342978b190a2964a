"""Blank key images: nothing to see, everything else as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from radraft.studies.blank import MID_GREY, blank
from radraft.studies.key_images import image_id
from radraft.studies.values import KeyImages
from tests.llm.cases import make_images


@pytest.fixture
def images() -> KeyImages:
    made = make_images(3, size=24)
    return replace(
        made, images=tuple(replace(image, image_id=image_id(image.pixels)) for image in made.images)
    )


def test_all_are_mid_grey_through_their_own_window(images: KeyImages) -> None:
    dark = replace(images.images[0], window=(-612.4, 1500.0))
    after = blank(replace(images, images=(dark, *images.images[1:])))
    assert after.case_id == images.case_id
    for old, new in zip(images.images, after.images, strict=True):
        assert (new.pixels == MID_GREY).all()
        assert new.pixels.shape == old.pixels.shape
        assert new.image_id == image_id(new.pixels) != old.image_id
    assert (after.images[0].values == -612).all()
    assert (after.images[1].values == 128).all()
    assert len({image.image_id for image in after.images}) == 1


def test_one_can_be_left_to_see(images: KeyImages) -> None:
    chosen = images.images[1]
    after = blank(images, but=chosen.image_id)
    assert after.images[1] is chosen
    assert all((after.images[n].pixels == MID_GREY).all() for n in (0, 2))
    assert np.ptp(chosen.pixels) > 0
