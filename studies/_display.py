"""From stored values to what a screen shows (PS3.3 C.11.1, C.11.2; PS3.4 N.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from radraft.studies._limits import MAX_IMAGE_SIDE
from radraft.studies._refused import PARSE_ERRORS

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Bounds = tuple[float, float]
"""The values shown black and white."""
_P_VALUES = 4095.0
_SAMPLE = 1_000_000
_AIR = -1100.0
"""Hounsfield units below which no pixel of a CT is of anything, noise included."""
SCANNERS = frozenset({"CT", "MR", "PT", "NM"})
"""Modalities whose values are measured, and whose images a computer reconstructs."""


@dataclass(frozen=True)
class FullDepth:
    """A frame at its full size."""

    stored: npt.NDArray[np.integer[Any]]
    """(rows, columns) of 16 bits; the modality value is `stored * slope + intercept`, HU for CT."""
    slope: float
    intercept: float
    window: tuple[float, float]
    """(centre, width) of the LINEAR function, in modality values."""
    inverted: bool
    """Whether low values are bright (MONOCHROME1)."""


def values(stored: Array, photometric: str, dataset: Dataset, frame: int) -> tuple[Floats, Bounds]:
    """Values in MONOCHROME2 sense and the bounds of the window to show them with.

    Grey images keep their modality values (HU for CT). Where the VOI transformation is not linear
    (a LUT or a sigmoid), the values are its output, so that a linear window still shows them right.
    """
    if photometric == "PALETTE COLOR" or stored.ndim == 3:
        grey, bounds = _luminance(stored, photometric, dataset)
        return np.rint(_fit(grey)), bounds
    modality = _modality(stored, dataset, frame)
    real = None if _is_windowed(dataset, frame) else _without_padding(modality, stored, dataset)
    shown, bounds = _voi(_fit(modality), real, dataset, frame)
    if photometric == "MONOCHROME1":
        ends = float(shown.min()) + float(shown.max())
        return ends - shown, (ends - bounds[1], ends - bounds[0])
    return shown, bounds


def full_depth(stored: Array, photometric: str, dataset: Dataset, frame: int) -> FullDepth:
    """Return a frame at its full size, as stored wherever 16 bits hold that.

    Where a LUT or a sigmoid makes the contrast of a radiograph, its output stands for the values,
    as in `values`; what scanners measure keeps its modality values whatever the contrast.
    """
    inverted = photometric == "MONOCHROME1"
    if photometric == "PALETTE COLOR" or stored.ndim == 3:
        grey, ends = _luminance(stored, photometric, dataset)
        return FullDepth(np.rint(grey).astype(np.uint16), 1.0, 0.0, window_of(ends), inverted)
    modality = _modality(stored, dataset, frame)
    real = _without_padding(modality, stored, dataset)
    windowed = _is_windowed(dataset, frame)
    shown, bounds = _voi(modality, None if windowed else real, dataset, frame)
    if shown is not modality and str(dataset.get("Modality") or "") in SCANNERS:
        shown, bounds = modality, robust_bounds(real)
    if not ((real > bounds[0]) & (real < bounds[1])).any() and shown is modality:
        # A window that leaves nothing to see is a mistake of the sender.
        bounds = robust_bounds(real)
    group = _group(dataset, frame, "PixelValueTransformationSequence")
    if shown is modality and not group.get("ModalityLUTSequence"):
        low, high = int(stored.min()), int(stored.max())
        for kept in (np.int16, np.uint16):
            if np.iinfo(kept).min <= low and high <= np.iinfo(kept).max:
                return FullDepth(stored.astype(kept), *_rescale(group), window_of(bounds), inverted)
    return _quantized(shown, bounds, inverted=inverted)


def _quantized(shown: Floats, bounds: Bounds, *, inverted: bool) -> FullDepth:
    """Return values that 16 bits do not hold as they are: rounded, or spread over 0 to 32767."""
    low, high = float(shown.min()), float(shown.max())
    if low >= -32768 and high <= 32767 and bool(np.all(shown == np.rint(shown))):
        return FullDepth(shown.astype(np.int16), 1.0, 0.0, window_of(bounds), inverted)
    slope = (high - low) / 32767.0 if high > low else 1.0
    spread = np.rint((shown - low) / np.float64(slope)).astype(np.int16)
    return FullDepth(spread, slope, low, window_of(bounds), inverted)


def robust_bounds(shown: Array) -> Bounds:
    """Return the 0.5th and 99.5th percentile: a few hot or dead pixels do not set the contrast."""
    flat = shown.reshape(-1)
    low, high = np.percentile(flat[:: max(1, flat.size // _SAMPLE)], (0.5, 99.5))
    if high <= low:
        low, high = float(flat.min()), float(flat.max())
    return float(low), float(high) if high > low else float(low) + 1.0


def to_int16(shown: Floats, bounds: Bounds) -> tuple[npt.NDArray[np.int16], Bounds]:
    """Whole numbers: rounded where that loses nothing, else spread over 0 to 32767."""
    low, high = float(shown.min()), float(shown.max())
    fits = low >= -32768 and high <= 32767
    if fits and (high - low >= 255 or bool(np.all(shown == np.rint(shown)))):
        return np.rint(shown).astype(np.int16), bounds
    scale = 32767.0 / (high - low) if high > low else 1.0
    # In double precision: of values near 1e-45 the scale is beyond single's range.
    spread = np.rint((shown - low) * np.float64(scale)).astype(np.int16)
    return spread, ((bounds[0] - low) * scale, (bounds[1] - low) * scale)


def window_of(bounds: Bounds) -> tuple[float, float]:
    """Centre and width of the LINEAR function (PS3.3 C.11.2.1.2.1) with these bounds."""
    width = max(bounds[1] - bounds[0], 1e-3) + 1.0
    return (bounds[0] + bounds[1]) / 2 + 0.5, width


def pixels(whole: npt.NDArray[np.int16], window: tuple[float, float]) -> npt.NDArray[np.uint8]:
    """8-bit pixels of `whole` under the LINEAR function with (centre, width)."""
    centre, width = window
    share = (whole.astype(np.float32) - (centre - 0.5)) / (width - 1.0) + 0.5
    grey: npt.NDArray[np.uint8] = np.rint(np.clip(share, 0.0, 1.0) * 255.0).astype(np.uint8)
    return grey


def _luminance(stored: Array, photometric: str, dataset: Dataset) -> tuple[Floats, Bounds]:
    bits = int((_numbers(dataset, "BitsStored") or [8 * stored.dtype.itemsize])[0])
    if photometric == "PALETTE COLOR":
        from pydicom.pixels.processing import apply_color_lut

        stored = apply_color_lut(stored, dataset)[..., :3]
        bits = 8 * stored.dtype.itemsize
    # Rec. 601: the weights that YBR_FULL itself is defined with (PS3.3 C.7.6.3.1.2).
    grey = np.zeros(stored.shape[:2], dtype=np.float32)
    for channel, weight in enumerate((0.299, 0.587, 0.114)):
        grey += stored[..., channel] * np.float32(weight)
    # Some writers put 8-bit colours into 16-bit tables and samples.
    white = 255.0 if bits <= 8 or int(stored.max()) <= 255 else float(2**bits - 1)
    return grey, (0.0, white)


def _fit(shown: Floats) -> Floats:
    """Return at most `MAX_IMAGE_SIDE` on the longer side, by area averages."""
    longest = max(shown.shape)
    if longest <= MAX_IMAGE_SIDE:
        return shown
    from PIL import Image

    rows, columns = (max(1, round(n * MAX_IMAGE_SIDE / longest)) for n in shown.shape)
    small = Image.fromarray(shown).resize((columns, rows), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32)


def _group(dataset: Dataset, frame: int, keyword: str) -> Dataset:
    """Return the data set that holds an attribute of this frame: a functional group's item or the
    root."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for groups in (*per_frame[frame : frame + 1], *shared[:1]):
        items: Sequence[Dataset] = groups.get(keyword) or []
        if items:
            return items[0]
    return dataset


def _modality(stored: Array, dataset: Dataset, frame: int) -> Floats:
    group = _group(dataset, frame, "PixelValueTransformationSequence")
    if group.get("ModalityLUTSequence"):
        from pydicom.pixels.processing import apply_modality_lut

        return np.asarray(apply_modality_lut(stored, group), dtype=np.float32)
    slope, intercept = _rescale(group)
    result = stored.astype(np.float32)
    if (slope, intercept) != (1.0, 0.0):
        # In place: the largest frames have 40 million pixels.
        result *= np.float32(slope)
        result += np.float32(intercept)
    if np.isfinite(result.min()) and np.isfinite(result.max()):
        return result
    return np.nan_to_num(result, copy=False, posinf=0.0, neginf=0.0)


def _rescale(group: Dataset) -> tuple[float, float]:
    """Return Rescale Slope and Intercept; (1, 0) where there is no slope that can be meant."""
    slope = _numbers(group, "RescaleSlope")
    if not slope or slope[0] == 0:
        return 1.0, 0.0
    return slope[0], (_numbers(group, "RescaleIntercept") or [0.0])[0]


def _is_windowed(dataset: Dataset, frame: int) -> bool:
    group = _group(dataset, frame, "FrameVOILUTSequence")
    widths = _numbers(group, "WindowWidth")
    return bool(_numbers(group, "WindowCenter") and widths and widths[0] > 0)


def _voi(
    modality: Floats, real: Array | None, dataset: Dataset, frame: int
) -> tuple[Floats, Bounds]:
    """`real`: the values without padding, to find a window from; None where one was sent."""
    group = _group(dataset, frame, "FrameVOILUTSequence")
    looked_up = _voi_lut(modality, group)
    if looked_up is not None:
        return looked_up
    if real is not None:
        return modality, robust_bounds(real)
    centre = _numbers(group, "WindowCenter")[0]
    width = _numbers(group, "WindowWidth")[0]
    function = str(group.get("VOILUTFunction") or "LINEAR").upper()
    if function == "SIGMOID":
        exponent = np.clip(-4.0 * (modality - centre) / width, -60.0, 60.0)
        return (_P_VALUES / (1.0 + np.exp(exponent))).astype(np.float32), (0.0, _P_VALUES)
    if function == "LINEAR_EXACT" or width < 1:
        return modality, (centre - width / 2, centre + width / 2)
    return modality, (centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2)


def _voi_lut(modality: Floats, group: Dataset) -> tuple[Floats, Bounds] | None:
    """Return the first VOI LUT applied, or None where there is none that can be."""
    from pydicom.pixels.processing import apply_voi

    try:
        items: Sequence[Dataset] = group.get("VOILUTSequence") or []
        if not items:
            return None
        bits = int(items[0].LUTDescriptor[2])
        shown = apply_voi(np.rint(modality).astype(np.int32), group)
    except PARSE_ERRORS:
        # A damaged look-up table costs the sender's contrast, not the image.
        return None
    return shown.astype(np.float32), (0.0, float(2**bits - 1))


def _without_padding(modality: Floats, stored: Array, dataset: Dataset) -> Array:
    """Return a sample of the values that are of the patient (PS3.3 C.7.5.1.1.2)."""
    step = max(1, stored.size // _SAMPLE)
    modality, stored = modality.reshape(-1)[::step], stored.reshape(-1)[::step]
    padding = _numbers(dataset, "PixelPaddingValue")
    outside = np.zeros(stored.shape, dtype=bool)
    if padding:
        ends = (padding[0], (_numbers(dataset, "PixelPaddingRangeLimit") or padding)[0])
        outside |= (stored >= min(ends)) & (stored <= max(ends))
    if str(dataset.get("Modality") or "") == "CT" and float(modality.min()) < _AIR:
        # Nothing is thinner than air; lossy compression moves the padding off its value.
        outside |= modality < _AIR
    inside = modality[~outside]
    return inside if inside.size else modality


def numbers_of(dataset: Dataset, frame: int, group: str, keyword: str) -> list[float]:
    """Return the finite numbers of an attribute of a frame, from its functional group of that
    keyword or the root; empty where there are none."""
    return _numbers(_group(dataset, frame, group), keyword)


def _numbers(dataset: Dataset, keyword: str) -> list[float]:
    """Finite numbers of an element; empty where it is absent or holds something else."""
    try:
        value = dataset.get(keyword)
        if value is None or value == "":
            return []
        many = (
            value if hasattr(value, "__iter__") and not isinstance(value, str | bytes) else [value]
        )
        numbers = [float(number) for number in many]
    except PARSE_ERRORS:
        return []
    return numbers if all(np.isfinite(numbers)) else []
