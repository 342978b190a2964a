"""8-bit gray pixels to the encoder's input."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from radraft.core.errors import EncodingError
from radraft.vision_encoder.config import EncoderConfig, Look
from radraft.vision_encoder.look import even


def preprocess(pixels: npt.NDArray[np.uint8], config: EncoderConfig) -> npt.NDArray[np.float32]:
    """Map (rows, columns) of 0..255 to (size, size, 3), normalised; the same bytes on every
    machine.

    The whole image, as the config's look has it. EncodingError `encoder_pixels_invalid` unless
    `pixels` is a non-empty 8-bit gray image.
    """
    require_gray(pixels)
    film = square(pixels, config.size, config.look)
    return np.stack([table[film] for table in _tables(config)], axis=-1)


def square(pixels: npt.NDArray[np.uint8], size: int, look: Look) -> npt.NDArray[np.uint8]:
    """Map (rows, columns) to (size, size). `plain`: aspect kept, centred on black. `even`: borders,
    resolution and histogram brought to what all films have (`look.even`)."""
    return letterbox(pixels, size) if look == "plain" else letterbox(even(pixels), size)


def require_gray(pixels: npt.NDArray[np.uint8]) -> None:
    """Raise EncodingError `encoder_pixels_invalid` unless `pixels` is a non-empty 8-bit gray
    image."""
    if pixels.ndim != 2 or pixels.dtype != np.uint8 or 0 in pixels.shape:
        raise EncodingError("encoder_pixels_invalid", shape=str(pixels.shape))


def letterbox(pixels: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """`pixels` resized to fit `size` x `size`, aspect kept, on black.

    Pillow's bicubic resampling widens its kernel when it shrinks (antialiasing) and computes in
    fixed point, so the result does not depend on the CPU.
    """
    rows, columns = pixels.shape
    scale = size / max(rows, columns)
    height, width = max(1, round(rows * scale)), max(1, round(columns * scale))
    image = Image.fromarray(np.ascontiguousarray(pixels))
    resized = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
    square = np.zeros((size, size), dtype=np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    square[top : top + height, left : left + width] = resized
    return square


def _tables(config: EncoderConfig) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    levels = np.arange(256) / 255
    return [
        ((levels - mean) / std).astype(np.float32)
        for mean, std in zip(config.mean, config.std, strict=True)
    ]
