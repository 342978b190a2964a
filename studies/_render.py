"""One frame of one file as display values, inside a worker."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from radraft.studies import _display, _limits
from radraft.studies._fields import Fields
from radraft.studies._refused import PARSE_ERRORS, Refused
from radraft.studies._source import Source, opened

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Array = npt.NDArray[Any]


def render(path: Path, frame: int) -> tuple[dict[str, Any], bytes]:
    """Shape and window of a frame, then its int16 values and its 8-bit pixels, row by row."""
    try:
        with opened(path) as source:
            stored, photometric = stored_values(source, frame)
            return answered(stored, photometric, source.dataset, frame)
    except Refused as refused:
        return {"code": refused.code, "details": refused.details}, b""
    except RecursionError:
        return {"code": "nested_too_deep"}, b""
    except (RuntimeError, *PARSE_ERRORS):
        return {"code": "pixels_damaged"}, b""


def answered(
    stored: Array, photometric: str, dataset: Dataset, frame: int
) -> tuple[dict[str, Any], bytes]:
    """`render`'s answer for values that are decoded."""
    values, bounds = _display.values(stored, photometric, dataset, frame)
    whole, bounds = _display.to_int16(values, bounds)
    window = _display.window_of(bounds)
    pixels = _display.pixels(whole, window)
    if pixels.min() == pixels.max() and whole.min() != whole.max():
        # A window that leaves nothing to see is a mistake of the sender.
        window = _display.window_of(_display.robust_bounds(whole))
        pixels = _display.pixels(whole, window)
    rows, columns = whole.shape
    message = {"rows": rows, "columns": columns, "window": list(window)}
    return message, whole.astype("<i2").tobytes() + pixels.tobytes()


def stored_values(source: Source, frame: int) -> tuple[Array, str]:
    """Stored values (rows, columns) or (rows, columns, 3), and their photometric interpretation."""
    options = _options(source)
    if not 0 <= frame < options["number_of_frames"]:
        raise Refused("pixels_damaged")
    source.stream.seek(source.pixel_start)
    array, photometric = _decoded(source, frame, options)
    if array.ndim not in {2, 3} or (array.ndim == 3 and array.shape[2] != 3):
        raise Refused("unsupported_pixels")
    if array.shape[:2] != (options["rows"], options["columns"]):
        raise Refused("pixels_damaged")
    return array, photometric


def _decoded(source: Source, frame: int, options: dict[str, Any]) -> tuple[Array, str]:
    from pydicom.pixels.decoders.base import get_decoder

    from radraft.studies import _codecs

    if source.syntax in _codecs.JPEG_XL:
        array = _codecs.decode_jpeg_xl(source.stream, frame, options["number_of_frames"])
        return array, "RGB" if array.ndim == 3 else options["photometric_interpretation"]
    _codecs.register()
    decoder = get_decoder(source.syntax)
    plugin = _codecs.LABEL if _codecs.LABEL in decoder.available_plugins else ""
    shift = _left_aligned_by(source, options)
    options["bits_stored"] += shift
    array, described = decoder.as_array(
        source.stream, index=frame, decoding_plugin=plugin, **options
    )
    return array >> shift if shift else array, str(described["photometric_interpretation"])


def _left_aligned_by(source: Source, options: dict[str, Any]) -> int:
    """Bits below the stored ones, by High Bit (PS3.5 8.1.1): retired, but in old archives."""
    high = Fields(source.dataset).integer(0x00280102)
    if not source.is_native or high is None or high >= options["bits_allocated"]:
        return 0
    return max(0, high + 1 - int(options["bits_stored"]))


def _options(source: Source) -> dict[str, Any]:
    fields = Fields(source.dataset)
    allocated = fields.integer(0x00280100) or 16
    rows, columns = fields.integer(0x00280010) or 0, fields.integer(0x00280011) or 0
    if rows * columns > _limits.MAX_PIXELS:
        raise Refused("too_large")
    options: dict[str, Any] = {
        "rows": rows,
        "columns": columns,
        "samples_per_pixel": fields.integer(0x00280002) or 1,
        "photometric_interpretation": fields.code(0x00280004),
        "pixel_representation": fields.integer(0x00280103) or 0,
        "bits_allocated": allocated,
        "bits_stored": fields.integer(0x00280101) or allocated,
        "number_of_frames": max(1, fields.integer(0x00280008) or 1),
        "pixel_keyword": source.pixel_keyword,
        "pixel_vr": source.pixel_vr,
    }
    if options["samples_per_pixel"] > 1:
        options["planar_configuration"] = fields.integer(0x00280006) or 0
    return options
