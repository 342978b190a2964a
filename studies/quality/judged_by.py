"""What a verdict on one image rests on: what the gate does not cover it says it did not judge."""

from __future__ import annotations

from enum import StrEnum

from radraft.studies import _sop
from radraft.studies.quality.values import StudyQuality
from radraft.studies.values import Study


class JudgedBy(StrEnum):
    """How much of an image was judged, the most first."""

    CONTENT = "content"
    """Header, exposure and sharpness, and by the heads what is on the film: a chest, upright,
    not inverted or mirrored, the lungs not cut off."""
    PIXELS = "pixels"
    """Header, exposure and sharpness: not how the patient was positioned."""
    HEADER = "header"
    """The header alone: slices are judged by their whole series, once it is there."""
    NOTHING = "nothing"
    """No rule is about this kind of image but those of the patient's data."""


def judged_by(study: Study, quality: StudyQuality) -> JudgedBy:
    """Return what the verdict on a study of one image rests on."""
    if study.modality in _sop.RADIOGRAPHS:
        return JudgedBy.PIXELS if quality.heads is None else JudgedBy.CONTENT
    return JudgedBy.HEADER if study.modality in {"CT", "MR"} else JudgedBy.NOTHING
