"""Chooses the images a draft is made from, and decodes them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from radraft.errors import StudyRejected
from radraft.studies._sop import RADIOGRAPHS
from radraft.studies.decode import Decoder
from radraft.studies.values import DeidInstance, DeidStudy, KeyImage, KeyImages, View

_LOG = logging.getLogger("radraft.studies")
_MOST_RADIOGRAPHS = 4
_MOST_TRIES = 8
"""Frames tried before a study is given up: each may cost the whole time limit."""
_ORDER = {View.FRONTAL: 0, View.UNKNOWN: 1, View.LATERAL: 2, View.NONE: 3}


def key_images(study: DeidStudy) -> KeyImages:
    """Key images of a study, decoded in a subprocess that a bad file cannot outlive.

    Radiographs: up to four frames, frontal ones first. All else: the middle image of the largest
    series. StudyRejected with the code of the first fault where no image could be decoded.
    """
    radiographs = study.modality in RADIOGRAPHS
    wanted = _MOST_RADIOGRAPHS if radiographs else 1
    candidates = _radiographs(study.instances) if radiographs else _middle(study.instances)
    images: list[KeyImage] = []
    fault: StudyRejected | None = None
    with Decoder() as decoder:
        for number, (instance, frame) in enumerate(candidates):
            if len(images) == wanted or number == _MOST_TRIES:
                break
            try:
                images.append(_key_image(decoder, instance, frame))
            except StudyRejected as error:
                _LOG.warning("%s: an image was left out: %s", study.case_id, error.code)
                fault = fault or error
    if not images:
        raise fault or StudyRejected("no_drawable_image")
    return KeyImages(study.case_id, tuple(images))


def image_id(pixels: npt.NDArray[np.uint8]) -> str:
    """SHA-256 of `rows x columns` in decimal, a line feed, then the pixels row by row."""
    rows, columns = pixels.shape
    digest = hashlib.sha256(f"{rows}x{columns}\n".encode("ascii"))
    digest.update(np.ascontiguousarray(pixels).tobytes())
    return digest.hexdigest()


def from_picture(pixels: npt.NDArray[np.uint8], ref: str = "") -> KeyImage:
    """8-bit (rows, columns) that came with no DICOM around them, as the encoder takes an image."""
    values = pixels.astype(np.int16)
    return KeyImage(image_id(pixels), pixels, values, ref, 0, (128.0, 256.0), 1.0)


def _key_image(decoder: Decoder, instance: DeidInstance, frame: int) -> KeyImage:
    decoded = decoder.frame(instance.path, frame)
    return KeyImage(
        image_id=image_id(decoded.pixels),
        pixels=decoded.pixels,
        values=decoded.values,
        instance_ref=instance.instance_ref,
        frame=frame,
        window=decoded.window,
        score=1.0,
    )


def _radiographs(instances: tuple[DeidInstance, ...]) -> Iterator[tuple[DeidInstance, int]]:
    for instance in sorted(instances, key=lambda one: _ORDER[one.view]):
        for frame in range(min(instance.frames, _MOST_RADIOGRAPHS)):
            yield instance, frame


def _middle(instances: tuple[DeidInstance, ...]) -> Iterator[tuple[DeidInstance, int]]:
    """Frames of the series with the most, from its middle outwards."""
    series: dict[str, list[tuple[DeidInstance, int]]] = {}
    for instance in instances:
        frames = series.setdefault(instance.series_ref, [])
        frames.extend((instance, frame) for frame in range(instance.frames))
    largest = max(series.values(), key=len, default=[])
    middle = len(largest) // 2
    for step in range(len(largest)):
        offset = (step + 1) // 2 if step % 2 else -(step // 2)
        if 0 <= middle + offset < len(largest):
            yield largest[middle + offset]
