"""What the pixels of one image say about how it was taken. Pure numpy, on a reduced copy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radraft.studies.quality.values import Measures

Floats = npt.NDArray[np.float32]
_SIDE = 512
"""Longest side of the reduced copy."""
_BLACK, _WHITE = 2, 253
"""8-bit levels at and beyond which nothing can be told apart any more."""
_PLAIN = 1.5
"""Standard deviation in 8-bit levels below which a row or column shows nothing: collimated."""
_SPOT = 3
"""Pixels between the corners of what is looked at for flatness."""


def measure(
    pixels: npt.NDArray[np.uint8], values: npt.NDArray[np.int16], window: tuple[float, float]
) -> Measures:
    """`pixels` (rows, columns) of 0 to 255, `values` (rows, columns), and the (centre, width) that
    leads from these to those, as `KeyImage` has them."""
    small = _reduced(pixels)
    rows, columns = _field(small)
    inside = small[rows, columns]
    counts = np.bincount(_sampled(pixels)[rows, columns].reshape(-1), minlength=256)
    share = np.cumsum(counts) / counts.sum()
    low, high = (int(np.searchsorted(share, part)) for part in (0.02, 0.98))
    return Measures(
        longest=max(pixels.shape),
        black=float(share[_BLACK]),
        white=float(1 - share[_WHITE - 1]),
        contrast=(high - low) / 255,
        levels=_levels(values, window),
        noise=_noise(inside) / max(high - low, 1),
        sharpness=_sharpness(inside),
        flat=_flat(pixels),
        field=inside.size / small.size,
        corners=_corners(small),
    )


def _step(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return how many rows and columns become one."""
    step = max(1, -(-max(shape) // _SIDE))
    return min(step, shape[0]), min(step, shape[1])


def _sampled(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return every n-th pixel: unlike a mean it keeps what is black or white."""
    down, across = _step(pixels.shape)
    rows, columns = pixels.shape[0] // down * down, pixels.shape[1] // across * across
    return pixels[:rows:down, :columns:across]


def _reduced(pixels: npt.NDArray[np.uint8]) -> Floats:
    """Blocks of n x n pixels as the mean of four of each: enough to tell tissue from noise."""
    down, across = _step(pixels.shape)
    if down == across == 1:
        return pixels.astype(np.float32)
    whole = pixels[: pixels.shape[0] // down * down, : pixels.shape[1] // across * across]
    total = np.zeros(whole[::down, ::across].shape, dtype=np.uint16)
    for top, left in ((0, 0), (0, across // 2), (down // 2, 0), (down // 2, across // 2)):
        total += whole[top::down, left::across]
    mean: Floats = total.astype(np.float32) / np.float32(4)
    return mean


def _field(small: Floats) -> tuple[slice, slice]:
    """Return the part within plain borders; all of it where nothing is shown at all."""
    rows, columns = (np.flatnonzero(small.std(axis=axis) > _PLAIN) for axis in (1, 0))
    if not rows.size or not columns.size:
        return slice(None), slice(None)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _levels(values: npt.NDArray[np.int16], window: tuple[float, float]) -> int:
    """Different values within the window that a sample of the image has, up to 256."""
    down, across = _step(values.shape)
    counts = np.bincount(values[::down, ::across].reshape(-1).astype(np.int32) + 32768)
    low, high = (round(window[0] + side * window[1] / 2) + 32768 for side in (-1, 1))
    return min(256, int((counts[max(low, 0) : max(high, 0) + 1] > 0).sum()))


def _noise(inside: Floats) -> float:
    """Standard deviation of the noise in 8-bit levels, from the differences across the diagonals
    of 2 x 2 pixels (Donoho's estimate on the finest Haar band): edges are rare, noise is
    everywhere."""
    a, b, c, d = _quarters(inside)
    shown = (a > _BLACK) & (a < _WHITE)
    if not shown.any():
        return 0.0
    return float(np.median(np.abs((a - b - c + d)[shown]))) / 2 / 0.6745


def _sharpness(inside: Floats) -> float:
    """Mean step from pixel to pixel over the mean step four times as coarse: 0.25 where nothing
    fine is left, 1 and more where detail goes on to the last pixel."""
    while max(inside.shape) > _SIDE // 2:
        inside = _halved(inside)
    if min(inside.shape) < 16:
        return 0.0
    coarse = _steps(_halved(_halved(inside)))
    return _steps(inside) / coarse if coarse > 0 else 0.0


def _halved(image: Floats) -> Floats:
    a, b, c, d = _quarters(image)
    mean: Floats = (a + b + c + d) / np.float32(4)
    return mean


def _quarters(image: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the four pixels of each 2 x 2, as four images."""
    rows, columns = (n // 2 * 2 for n in image.shape)
    whole = image[:rows, :columns]
    return whole[::2, ::2], whole[::2, 1::2], whole[1::2, ::2], whole[1::2, 1::2]


def _steps(image: Floats) -> float:
    return float(np.abs(np.diff(image, axis=0)).mean() + np.abs(np.diff(image, axis=1)).mean())


def _flat(pixels: npt.NDArray[np.uint8]) -> float:
    """Share of spots where four pixels around are of one and the same gray, black and white ones
    apart: much in what was drawn, little in what a detector saw."""
    step = max(_SPOT, *_step(pixels.shape))
    rows, columns = (max(0, n - _SPOT) for n in pixels.shape)
    a, b, c, d = (
        pixels[top : top + rows : step, left : left + columns : step]
        for top, left in ((0, 0), (0, _SPOT), (_SPOT, 0), (_SPOT, _SPOT))
    )
    if not a.size:
        return 0.0
    gray = (a > _BLACK) & (a < _WHITE)
    return float(((a == b) & (a == c) & (a == d) & gray).mean())


def _corners(small: Floats) -> float:
    """Return how much brighter the upper corners are than the image, as a share of white: above the
    shoulders there is air."""
    rows, columns = (max(1, n // 8) for n in small.shape)
    corners = (small[:rows, :columns].mean() + small[:rows, -columns:].mean()) / 2
    return float(corners - small.mean()) / 255
