"""Packs the text-like parts of a frame close together, so that the detector looks at little."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from radraft.studies.deid.structure import Region

Gray = npt.NDArray[np.uint8]

_MARGIN = 6
"""Pixels of its surroundings that go with a region."""
_GAP = 8
_LEAST_SIDE, _MOST_ROWS = 320, 960
_SMALL = 48
"""Regions less high or wide than this may hold letters of 10 pixels: they are doubled."""


@dataclass(frozen=True)
class Placed:
    """A region of the frame, with margin, and where it lies on its page."""

    region: Region
    row: int
    column: int
    scale: int


@dataclass(frozen=True)
class Page:
    """8-bit image for the detector, its sides multiples of 32, and what lies where on it."""

    image: Gray
    placed: tuple[Placed, ...]


def pages(pixels: Gray, regions: Iterable[Region]) -> Iterator[Page]:
    """Yield all `regions` of `pixels` on as few pages as hold them."""
    wide = sorted(
        (_widened(region, pixels.shape) for region in regions),
        key=lambda region: (region.height * _scale(region), region.width),
        reverse=True,
    )
    width = _width(wide)
    placed: list[Placed] = []
    row = column = depth = 0
    for region in wide:
        scale = _scale(region)
        high, across = region.height * scale + _GAP, region.width * scale + _GAP
        if column and column + across > width:
            row, column, depth = row + depth, 0, 0
        if placed and row + high > _MOST_ROWS:
            yield _page(pixels, placed, width)
            placed, row, column, depth = [], 0, 0, 0
        placed.append(Placed(region, row, column, scale))
        column, depth = column + across, max(depth, high)
    if placed:
        yield _page(pixels, placed, width)


def _scale(region: Region) -> int:
    return 2 if min(region.height, region.width) - 2 * _MARGIN < _SMALL else 1


def _widened(region: Region, shape: tuple[int, ...]) -> Region:
    return Region(
        max(0, region.top - _MARGIN),
        max(0, region.left - _MARGIN),
        min(shape[0], region.bottom + _MARGIN),
        min(shape[1], region.right + _MARGIN),
    )


def _width(regions: list[Region]) -> int:
    """Wide enough for the widest; about square where there are many."""
    area = sum(
        (region.height * _scale(region) + _GAP) * (region.width * _scale(region) + _GAP)
        for region in regions
    )
    widest = max(region.width * _scale(region) + _GAP for region in regions)
    return _rounded(max(widest, int(area**0.5 * 1.1), _LEAST_SIDE))


def _rounded(length: int) -> int:
    return -(-length // 32) * 32


def _page(pixels: Gray, placed: list[Placed], width: int) -> Page:
    import cv2

    bottom = max(tile.row + tile.region.height * tile.scale for tile in placed)
    image = np.zeros((_rounded(bottom), width), np.uint8)
    for tile in placed:
        region = tile.region
        part: npt.NDArray[Any] = pixels[region.top : region.bottom, region.left : region.right]
        if tile.scale > 1:
            part = cv2.resize(
                part, None, fx=tile.scale, fy=tile.scale, interpolation=cv2.INTER_CUBIC
            )
        rows, columns = part.shape
        image[tile.row : tile.row + rows, tile.column : tile.column + columns] = part
    return Page(image, tuple(placed))
