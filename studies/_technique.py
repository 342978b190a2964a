"""How an image was acquired: the root of its data set, else the groups of its first frame."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from radraft.studies._fields import Fields
from radraft.studies._refused import PARSE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

_MEASURES, _POSITION, _ORIENTATION = 0x00289110, 0x00209113, 0x00209116
_RECONSTRUCTION, _X_RAY, _EXPOSURE, _ANATOMY = 0x00189314, 0x00189325, 0x00189321, 0x00209071
"""Functional group macros of enhanced images (PS3.3 C.7.6.16, C.8.15.3)."""
_REGION, _MEANING = 0x00082218, 0x00080104


def technique(dataset: Dataset, fields: Fields) -> dict[str, Any]:
    """Return what `values.Technique` holds, as JSON."""
    groups = _groups(dataset)

    def numbers(tag: int, count: int, group: int | None = None) -> tuple[float, ...] | None:
        return fields.numbers(tag, count) or _in_group(groups, group, tag, count)

    def number(tag: int, group: int | None = None, other: int | None = None) -> float | None:
        found = fields.numbers(tag, 1) or _in_group(groups, group, other or tag, 1)
        return found[0] if found else None

    spacing = numbers(0x00280030, 2, _MEASURES) or fields.numbers(0x00181164, 2)
    anatomy = _first(groups, _ANATOMY)
    side = anatomy.code(0x00209072) if anatomy else ""
    kernel = _first(groups, _RECONSTRUCTION)
    return {
        "modality": fields.code(0x00080060)[:16],
        "body_part": body_part(dataset, fields),
        "laterality": (fields.code(0x00200062) or fields.code(0x00200060) or side)[:1],
        "image_type": fields.codes(0x00080008),
        "photometric": fields.code(0x00280004)[:16],
        "pixel_spacing": spacing,
        "slice_thickness": number(0x00180050, _MEASURES),
        "position": numbers(0x00200032, 3, _POSITION),
        "orientation": numbers(0x00200037, 6, _ORIENTATION),
        "kernel": (
            fields.text(0x00181210, one_line=True)
            or (kernel.text(0x00181210, one_line=True) if kernel else "")
        )[:64],
        "kvp": number(0x00180060, _X_RAY),
        "exposure_mas": number(0x00181152, _EXPOSURE, 0x00189332),
        "burned_in": fields.code(0x00280301)[:3],
        "manufacturer": fields.text(0x00080070, one_line=True)[:64],
        "model": fields.text(0x00081090, one_line=True)[:64],
        "station": fields.text(0x00081010, one_line=True)[:64],
        "operator": fields.text(0x00081070, one_line=True).split("\\")[0][:64],
        "series_description": fields.text(0x0008103E, one_line=True)[:64],
    }


def body_part(dataset: Dataset, fields: Fields) -> str:
    """Body Part Examined, else the meaning of Anatomic Region Sequence, in upper case."""
    sent = fields.text(0x00180015)
    if not sent:
        anatomy = [item for item in _groups(dataset) for item in _items(item, _ANATOMY)[:1]]
        for place in (dataset, *anatomy):
            for region in _items(place, _REGION)[:1]:
                sent = sent or Fields(region).text(_MEANING, one_line=True)
    return sent.upper()[:64]


def _groups(dataset: Dataset) -> list[Dataset]:
    """Return the functional groups of the first frame, its own before the shared ones."""
    return [item for tag in (0x52009230, 0x52009229) for item in _items(dataset, tag)[:1]]


def _items(dataset: Dataset, tag: int) -> Sequence[Dataset]:
    try:
        if tag not in dataset or dataset[tag].VR != "SQ":
            return []
        items: Sequence[Dataset] = dataset[tag].value or []
        return items
    except PARSE_ERRORS:
        # A damaged description does not cost the image.
        return []


def _first(groups: list[Dataset], tag: int) -> Fields | None:
    return next((Fields(item) for group in groups for item in _items(group, tag)[:1]), None)


def _in_group(
    groups: list[Dataset], group: int | None, tag: int, count: int
) -> tuple[float, ...] | None:
    """`count` finite numbers (DS or FD) of a functional group, or None."""
    for item in (
        functional_group for part in groups for functional_group in _items(part, group or 0)[:1]
    ):
        try:
            value = item[tag].value
            many = value if hasattr(value, "__iter__") and not isinstance(value, str) else [value]
            found = tuple(float(number) for number in many)
        except PARSE_ERRORS:
            continue
        if len(found) == count and all(map(math.isfinite, found)):
            return found
    return None
