from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from radraft.studies.values import KeyImage
from radraft.vision_encoder import weights
from radraft.vision_encoder.config import EncoderConfig, parse_config

TINY = {
    "model_cfg": {
        "embed_dim": 16,
        "vision_cfg": {
            "timm_model_name": "test_efficientnet",
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": "linear",
            "image_size": 64,
        },
        "text_cfg": {
            "context_length": 8,
            "vocab_size": 32,
            "width": 16,
            "heads": 2,
            "layers": 1,
        },
    },
    "preprocess_cfg": {"size": 64, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
}


def key_image(seed: int, rows: int = 90, columns: int = 70) -> KeyImage:
    pixels = np.random.default_rng(seed).integers(0, 256, (rows, columns), dtype=np.uint8)
    return as_key_image(pixels)


def as_key_image(pixels: npt.NDArray[np.uint8]) -> KeyImage:
    image_id = hashlib.sha256(str(pixels.shape).encode() + pixels.tobytes()).hexdigest()
    return KeyImage(image_id, pixels, pixels.astype(np.int16), "ref", 0, (128.0, 256.0), 1.0)


@pytest.fixture(scope="session")
def tiny_config() -> EncoderConfig:
    return parse_config("tiny", json.dumps(TINY))


@pytest.fixture(scope="session")
def real_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with the real encoder built in it."""
    cache = tmp_path_factory.mktemp("encoder")
    weights.build(cache)
    return cache
