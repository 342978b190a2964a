"""Chooses the images a draft is made from, and decodes them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radraft.core.errors import StudyRejected
from radraft.studies._sop import RADIOGRAPHS
from radraft.studies.choose import series
from radraft.studies.choose.frames import Clean, Taker, image_id
from radraft.studies.choose.quality import worth
from radraft.studies.choose.radiographs import radiographs
from radraft.studies.choose.sections import FrameSource, sections
from radraft.studies.decode import Decoder
from radraft.studies.features import FeatureExtractor
from radraft.studies.values import DeidStudy, KeyImage, KeyImages

__all__ = ["BUDGET", "from_picture", "image_id", "key_images"]

BUDGET = 4
"""Images of one draft, where a profile says nothing else."""


def key_images(
    study: DeidStudy,
    *,
    budget: int = BUDGET,
    extractor: FeatureExtractor | None = None,
    clean: Clean | None = None,
    decoder: Decoder | None = None,
) -> KeyImages:
    """Return at most `budget` images of a study.

    They are decoded in a subprocess that a bad file cannot outlive: that of `decoder`, which ends
    with the first fault of a study, else one of their own.

    Radiographs: all views, frontal ones first, the best of each. Stacks: slices that cover the
    anatomy and, where `extractor` is given, differ from one another, through the windows of the
    body part; of MR the main weightings. What a Key Object Selection marks comes before anything
    that is chosen. `clean` takes burned-in text out of every frame before `extractor` or
    anybody sees it. StudyRejected with the code of the first fault where no image could be decoded.
    """
    if decoder is None:
        with Decoder() as own:
            return key_images(study, budget=budget, extractor=extractor, clean=clean, decoder=own)
    instances = series.usable(study)
    taker = Taker(decoder, study.case_id, clean)
    if study.modality in RADIOGRAPHS:
        images = radiographs(instances, budget, taker, worth)
    else:
        images = sections(study, instances, budget, FrameSource(taker, extractor))
    if taker.fault is not None:
        # What a bad file did to the process is not there for the next study's.
        decoder.close()
    if not images:
        raise taker.fault or StudyRejected("no_drawable_image")
    return KeyImages(study.case_id, tuple(images))


def from_picture(pixels: npt.NDArray[np.uint8], ref: str = "") -> KeyImage:
    """8-bit (rows, columns) that came with no DICOM around them, as the encoder takes an image."""
    values = pixels.astype(np.int16)
    return KeyImage(image_id(pixels), pixels, values, ref, 0, (128.0, 256.0), 1.0)
