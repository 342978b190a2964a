"""Takes burned-in text out of a frame; markers of side, view and position stay.

A cheap test says where text may be (`structure`), the detector looks only there, and what it finds
is read. Of what was read only markers are kept; all else becomes black, also what nobody can read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radraft.studies.deid import mosaic, structure
from radraft.studies.deid.lines import Line, lines

Gray = npt.NDArray[np.uint8]
Values = npt.NDArray[np.int16]

SCREEN_LINES = 12
"""Lines from which a frame is a screenshot or a scanned page rather than a film."""


@dataclass(frozen=True)
class Box:
    """A part of a frame that was made black: rows `top` to `bottom`, columns `left` to `right`."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class BurnedInText:
    """What text a frame holds."""

    boxes: tuple[Box, ...]
    """What has to go."""
    markers: tuple[Box, ...]
    """What stays."""
    screenshot: bool
    """So many lines that this is a picture of a screen or of a page."""


@dataclass(frozen=True)
class Cleaned:
    """A frame without its burned-in text, and where that was."""

    pixels: Gray
    values: Values
    boxes: tuple[Box, ...]
    screenshot: bool = False
    """So many lines that this is a picture of a screen or of a page: a person should look."""


def clean(pixels: Gray, values: Values) -> Cleaned:
    """Return the frame with all burned-in text black but markers; the very arrays where there is
    none.

    `pixels` and `values` (rows, columns) as `KeyImage` has them. In `values`, black is the lowest
    value of the frame. Below 10 ms where nothing looks like text. SettingsError where the text
    recognition models are missing.
    """
    found = find(pixels)
    if not found.boxes:
        return Cleaned(pixels, values, (), found.screenshot)
    return Cleaned(
        blackened(pixels, found.boxes, 0),
        blackened(values, found.boxes, values.min()),
        found.boxes,
        found.screenshot,
    )


def find(pixels: Gray) -> BurnedInText:
    """Text of an 8-bit frame (rows, columns), by what must become of it."""
    regions = structure.regions(pixels)
    if not regions:
        return BurnedInText((), (), False)
    found = lines(pixels, mosaic.pages(pixels, regions))
    boxes = tuple(_box(line) for line in found if not line.marker)
    markers = tuple(_box(line) for line in found if line.marker)
    return BurnedInText(boxes, markers, len(boxes) >= SCREEN_LINES)


def blackened(array: npt.NDArray, boxes: tuple[Box, ...], black: object) -> npt.NDArray:  # type: ignore[type-arg]
    """Return a copy of `array` (rows, columns, ...) with `black` in every box."""
    copy = array.copy()
    for box in boxes:
        copy[box.top : box.bottom, box.left : box.right] = black
    return copy


def _box(line: Line) -> Box:
    return Box(line.top, line.left, line.bottom, line.right)
