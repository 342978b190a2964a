"""Strokes of a part of a frame: whether there are enough for text, and where its letters part."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Gray = npt.NDArray[np.uint8]
STEP = 24
"""Grey levels over two pixels that the edge of a letter has."""
_LEAST_GAP = 2


def density(part: Gray) -> float:
    """Share of pixels at an edge, in the rarer of the two directions: letters have 0.06 and more,
    ribs, lines and tubes below 0.05."""
    return min(float(_steps(view).mean()) for view in (part, part.T))


def inked(band: Gray, least: int) -> npt.NDArray[np.bool_]:
    """For each column, whether at least `least` of its pixels are at an upright edge."""
    return np.asarray(_steps(band).sum(axis=0) >= least)


def letters(part: Gray) -> list[tuple[int, int]]:
    """First column and column after the last of each letter of a level line of a few letters."""
    strokes = _steps(part) | _steps(part.T).T
    filled = np.concatenate([[False], strokes.any(axis=0), [False]])
    starts = np.flatnonzero(filled[1:] & ~filled[:-1])
    ends = np.flatnonzero(~filled[1:] & filled[:-1])
    found: list[tuple[int, int]] = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if found and start - found[-1][1] < _LEAST_GAP:
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return found


def _steps(part: Gray) -> npt.NDArray[np.bool_]:
    values = part.astype(np.int16)
    steps = np.zeros(part.shape, bool)
    steps[:, 1:-1] = np.abs(values[:, 2:] - values[:, :-2]) >= STEP
    return steps
