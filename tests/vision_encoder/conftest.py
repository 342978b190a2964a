from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
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


def write_heads(
    path: Path, ids: Sequence[str], dim: int, *, seed: int, dtype: npt.DTypeLike = np.float16
) -> None:
    from safetensors.numpy import save_file

    random = np.random.default_rng(seed)
    tensors = {
        "weight": random.standard_normal((len(ids), dim)).astype(dtype),
        "bias": random.standard_normal(len(ids)).astype(dtype),
    }
    save_file(tensors, path, metadata={"heads": json.dumps(list(ids))})


def write_projector(path: Path, *, dim: int, width: int, seed: int) -> None:
    """A float16 projector whose output has about the size that the language model expects."""
    from safetensors.numpy import save_file

    random = np.random.default_rng(seed)
    tensors = {
        "mean": np.full(dim, 0.5),
        "scale": random.uniform(0.5, 2.0, dim),
        "whole.weight": random.standard_normal((width, dim)) * dim**-0.5,
        "whole.bias": random.standard_normal(width),
        "part.weight": random.standard_normal((width, dim)) * dim**-0.5,
        "part.bias": random.standard_normal(width),
    }
    save_file({name: value.astype(np.float16) for name, value in tensors.items()}, path)


@pytest.fixture(scope="session")
def tiny_config() -> EncoderConfig:
    return parse_config("tiny", json.dumps(TINY))


@pytest.fixture(scope="session")
def real_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with the real encoder built in it."""
    cache = tmp_path_factory.mktemp("encoder")
    weights.build(cache)
    return cache
