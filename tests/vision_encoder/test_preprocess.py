from __future__ import annotations

import numpy as np
import pytest

from radraft.core.errors import EncodingError
from radraft.vision_encoder.config import EncoderConfig, load_config, parse_config
from radraft.vision_encoder.preprocess import letterbox, preprocess


def test_values_are_scaled_as_the_weights_expect() -> None:
    config = load_config()
    pixels = np.array([[0, 127], [255, 64]], dtype=np.uint8).repeat(128, 0).repeat(128, 1)
    out = preprocess(pixels, config)
    assert out.shape == (256, 256, 3) and out.dtype == np.float32
    expected = (pixels.astype(np.float64) - 127) / 128
    for channel in range(3):
        np.testing.assert_allclose(out[..., channel], expected, atol=1e-6)


@pytest.mark.parametrize(("rows", "columns"), [(400, 100), (100, 400), (1, 5000), (7, 7)])
def test_aspect_is_kept_and_the_rest_is_black(rows: int, columns: int) -> None:
    square = letterbox(np.full((rows, columns), 200, dtype=np.uint8), 64)
    filled = square == 200
    height, width = filled.any(1).sum(), filled.any(0).sum()
    assert (square[~filled] == 0).all()
    assert max(height, width) == 64
    assert height == max(1, round(64 * rows / max(rows, columns)))
    assert width == max(1, round(64 * columns / max(rows, columns)))
    above = int(np.argmax(filled.any(1)))
    assert abs(above - (64 - above - height)) <= 1


def test_shrinking_averages_instead_of_skipping() -> None:
    stripes = np.zeros((512, 512), dtype=np.uint8)
    stripes[:, ::2] = 255
    inner = letterbox(stripes, 64)[8:-8, 8:-8].astype(int)
    assert abs(inner - 128).max() <= 2


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4, 3), dtype=np.uint8),
        np.zeros((4, 4), dtype=np.uint16),
        np.zeros((0, 4), dtype=np.uint8),
    ],
)
def test_what_is_not_8_bit_gray_is_refused(pixels: np.ndarray, tiny_config: EncoderConfig) -> None:
    with pytest.raises(EncodingError) as error:
        preprocess(pixels, tiny_config)
    assert error.value.code == "encoder_pixels_invalid"


def test_a_config_whose_sizes_differ_is_refused(tiny_config: EncoderConfig) -> None:
    with pytest.raises(ValueError, match="differ"):
        parse_config("tiny", tiny_config.raw.replace('"size": 64', '"size": 32'))
