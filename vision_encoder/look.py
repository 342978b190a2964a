"""One look for all films: what tells a set's history from another's and is no part of the chest.

Sets differ in borders, in the size they were reduced to, and in their histogram. An encoder that
sees these learns which set a film came from, and with it what that set's films mostly show.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]

LONGEST = 224
"""Pixels of the longer side: what the smallest set that finer findings are read from has."""
MOST_TRIMMED = 0.2
"""Share of a side that may be border."""
FLAT = 6
"""Gray levels by which the pixels of a border's line differ at most, but for `ODD` of them."""
ODD = 0.03
MARGIN = 2
"""Lines of flat border that may stay: a film without border is not cut."""


def even(pixels: Pixels) -> Pixels:
    """Map a film (rows, columns) to one without borders, at most `LONGEST` long, with as many
    pixels of each gray. Nothing is mirrored or turned.

    The order of grays is kept, so what is denser stays denser. Equalising a film again changes it
    by no more than rounding.
    """
    top, bottom, left, right = frame(pixels)
    film = pixels[top:bottom, left:right]
    scale = LONGEST / max(film.shape)
    if scale < 1:
        height, width = (max(1, round(side * scale)) for side in film.shape)
        image = Image.fromarray(np.ascontiguousarray(film))
        film = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
    return _equalised(film)


def frame(pixels: Pixels) -> tuple[int, int, int, int]:
    """Return (top, bottom, left, right) of what is left without flat borders; at least
    `1 - 2 * MOST_TRIMMED` of each side."""
    top, bottom = _inner(pixels)
    left, right = _inner(pixels[top:bottom].T)
    return top, bottom, left, right


def _inner(lines: Pixels) -> tuple[int, int]:
    low, high = np.quantile(lines, [ODD, 1 - ODD], axis=1)
    flat = high - low <= FLAT
    most = int(len(lines) * MOST_TRIMMED)
    first, last = _run(flat, most), _run(flat[::-1], most)
    return first if first > MARGIN else 0, len(lines) - (last if last > MARGIN else 0)


def _run(flat: npt.NDArray[np.bool_], most: int) -> int:
    """Return how many lines are flat before the first that is not, `most` at most."""
    uneven = np.flatnonzero(~flat[:most])
    return int(uneven[0]) if len(uneven) else most


def _equalised(film: Pixels) -> Pixels:
    counts = np.bincount(film.ravel(), minlength=256).astype(np.float64)
    # The middle of a gray's ranks: a film of one gray becomes the middle gray.
    ranks = (np.cumsum(counts) - counts / 2) / counts.sum()
    table: Pixels = np.round(255 * ranks).astype(np.uint8)
    return table[film]
