"""One frame of one file at full depth and size, and how it lies in the patient, inside a worker."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radraft.studies import _display, _limits, _protocol, _render, _sop
from radraft.studies._fields import Fields
from radraft.studies._refused import PARSE_ERRORS, Refused
from radraft.studies._source import Source, opened

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_SIDE = re.compile(r"[APRLHF]{1,3}")
_CAPTURED = "1.2.840.10008.5.1.4.1.1.7"
"""SOP classes of pictures of a screen begin so (PS3.4 B.5)."""
_FLAT = 48
"""Pixels at the highest value of a frame from which something may be written over it: noise and
bone have a few there, a letter has dozens."""


def full(path: Path, frame: int) -> tuple[dict[str, Any], bytes]:
    """Facts of a frame, then its 16-bit stored values, row by row; where text may be burned into
    it, its 8-bit pixels after them, as `_render.render` has them."""
    try:
        with opened(path) as source:
            return _answer(source, frame)
    except Refused as refused:
        return {"code": refused.code, "details": refused.details}, b""
    except RecursionError:
        return {"code": "nested_too_deep"}, b""
    except (RuntimeError, *PARSE_ERRORS):
        return {"code": "pixels_damaged"}, b""


def _answer(source: Source, frame: int) -> tuple[dict[str, Any], bytes]:
    dataset = source.dataset
    stored, photometric = _render.stored_values(source, frame)
    rows, columns = stored.shape[:2]
    if 2 * rows * columns + _limits.MAX_IMAGE_SIDE**2 > _protocol.MAX_BLOB:
        raise Refused("too_large")
    shown = _display.full_depth(stored, photometric, dataset, frame)
    modality = Fields(dataset).code(0x00080060) or _sop.modality(source.sop_class)
    message = {
        "rows": rows,
        "columns": columns,
        "signed": shown.stored.dtype == np.int16,
        "slope": shown.slope,
        "intercept": shown.intercept,
        "window": list(shown.window),
        "inverted": shown.inverted,
        "unit": "HU" if modality == "CT" and _is_hu(dataset) else "",
        **_place(dataset, frame),
    }
    blob = shown.stored.astype(shown.stored.dtype.newbyteorder("<")).tobytes()
    if _may_hold_text(stored, source, modality):
        seen, pixels = _render.answered(stored, photometric, dataset, frame)
        message |= {"search_rows": seen["rows"], "search_columns": seen["columns"]}
        blob += pixels[2 * seen["rows"] * seen["columns"] :]
    return message, blob


def _is_hu(dataset: Dataset) -> bool:
    """Whether Rescale Type (0028,1054) says nothing else: it need not be there for CT."""
    return Fields(dataset).code(0x00281054) in {"", "HU"}


def _may_hold_text(stored: _render.Array, source: Source, modality: str) -> bool:
    """Whether anything may be written into the pixels: not into what a scanner reconstructed, as
    long as nothing in it is as flat and bright as letters are."""
    fields = Fields(source.dataset)
    reconstructed = (
        modality in _display.SCANNERS
        and stored.ndim == 2
        and (fields.integer(0x00280101) or 8) > 8
        and not source.sop_class.startswith(_CAPTURED)
        and fields.code(0x00280301) != "YES"
    )
    if not reconstructed:
        return True
    return int(np.count_nonzero(stored == stored.max())) >= _FLAT


def _place(dataset: Dataset, frame: int) -> dict[str, Any]:
    """Return how the frame lies in the patient, each fact None or empty where it is not known."""

    def numbers(group: str, keyword: str, count: int) -> list[float] | None:
        found = _display.numbers_of(dataset, frame, group, keyword)
        return found if len(found) == count else None

    fields = Fields(dataset)
    spacing = numbers("PixelMeasuresSequence", "PixelSpacing", 2)
    detector = fields.numbers(0x00181164, 2) if spacing is None else None
    spacing = list(detector) if detector else spacing
    if spacing is not None and not all(0 < side < 1000 for side in spacing):
        spacing, detector = None, None
    sides = fields.codes(0x00200020, 2)
    return {
        "position": numbers("PlanePositionSequence", "ImagePositionPatient", 3),
        "orientation": numbers("PlaneOrientationSequence", "ImageOrientationPatient", 6),
        "spacing": spacing,
        "at_detector": bool(detector),
        "sides": list(sides) if len(sides) == 2 and all(map(_SIDE.fullmatch, sides)) else None,
        "laterality": (fields.code(0x00200062) or fields.code(0x00200060))[:1],
        "space": fields.uid(0x00200052),
    }
