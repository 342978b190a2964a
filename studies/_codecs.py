"""Decoders for what pydicom has no permissively licensed plug-in for, as pydicom plug-ins.

JPEG lossless, 12-bit JPEG and JPEG XL through imagecodecs (BSD), JPEG 2000 and HTJ2K through
openjpeg (MIT).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt
from pydicom.pixels.common import PhotometricInterpretation as Photometric
from pydicom.pixels.decoders.base import get_decoder

if TYPE_CHECKING:
    from pydicom.pixels.decoders.base import DecodeRunner

LABEL = "radraft"
_SYNTAX = "1.2.840.10008.1.2.4."
_JPEG = frozenset(_SYNTAX + tail for tail in ("50", "51", "57", "70"))
_JPEG_2000 = frozenset(_SYNTAX + tail for tail in ("90", "91", "201", "202", "203"))
JPEG_XL = frozenset(_SYNTAX + tail for tail in ("110", "111", "112"))
"""Not known to pydicom as transfer syntaxes (PS3.5 A.4.12), so decoded beside it."""
DECODER_DEPENDENCIES = dict.fromkeys(_JPEG | _JPEG_2000, ("imagecodecs", "pylibjpeg-openjpeg"))
"""pydicom asks plug-ins for this name."""


def register() -> None:
    """Make the decoders known to pydicom, once in a process."""
    for uids, function in ((_JPEG, "decode_jpeg"), (_JPEG_2000, "decode_jpeg_2000")):
        for decoder in map(get_decoder, uids):
            if LABEL not in decoder.available_plugins:
                decoder.add_plugin(LABEL, (__name__, function))


def load() -> None:
    """Import the libraries that decode."""
    import imagecodecs
    import jpeg_ls  # noqa: F401
    import openjpeg.utils  # noqa: F401
    import PIL.Image  # noqa: F401

    register()
    for name in ("jpeg8_decode", "jpegxl_decode"):
        # Loaded by the first use of the name.
        getattr(imagecodecs, name)


def is_available(uid: str) -> bool:
    """Return whether `uid` can be decoded; pydicom asks plug-ins."""
    return uid in DECODER_DEPENDENCIES


def decode_jpeg(src: bytes, runner: DecodeRunner) -> bytearray:
    """Return one frame of JPEG, any process that libjpeg-turbo knows, colour by pixel."""
    import imagecodecs

    # What libjpeg guesses from the markers is often wrong in DICOM; the data set knows.
    space = "YCBCR" if str(runner.photometric_interpretation).startswith("YBR") else "RGB"
    colour = runner.samples_per_pixel == 3
    more: dict[str, Any] = {"colorspace": space, "outcolorspace": "RGB"} if colour else {}
    # libjpeg-turbo 3 reads the lossless processes too; the other decoders of them were seen to
    # write out of bounds on damaged code.
    array = imagecodecs.jpeg8_decode(src, **more)
    if colour:
        runner.set_option("photometric_interpretation", Photometric.RGB)
        runner.set_option("planar_configuration", 0)
    runner.set_option("bits_allocated", 8 * array.dtype.itemsize)
    return bytearray(np.ascontiguousarray(array).tobytes())


def decode_jpeg_2000(src: bytes, runner: DecodeRunner) -> bytearray:
    """Return one frame of JPEG 2000 or HTJ2K, colour by pixel."""
    from openjpeg.utils import decode_pixel_data

    frame = bytearray(decode_pixel_data(src, version=2, **runner.options))
    if runner.photometric_interpretation in (Photometric.YBR_ICT, Photometric.YBR_RCT):
        runner.set_option("photometric_interpretation", Photometric.RGB)
    runner.set_option("planar_configuration", 0)
    precision = runner.get_option("j2k_precision", runner.bits_stored)
    runner.set_option("bits_allocated", 8 if precision <= 8 else 16 if precision <= 16 else 32)
    return frame


def decode_jpeg_xl(stream: BinaryIO, frame: int, frames: int) -> npt.NDArray[Any]:
    """Return one frame of JPEG XL: (rows, columns) or RGB; `stream` stands at the offset table."""
    import imagecodecs
    from pydicom.encaps import get_frame

    code = get_frame(stream, frame, number_of_frames=frames)
    return np.asarray(imagecodecs.jpegxl_decode(code, numthreads=1))
