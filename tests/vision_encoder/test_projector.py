from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radraft.errors import EncodingError
from radraft.vision_encoder import projector
from radraft.vision_encoder.projector import Projector

RANDOM = np.random.default_rng(5)
TOKENS = np.clip(RANDOM.normal(0.2, 1.0, (3, 16, 96)), 0, 6).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "projector.safetensors"
    projector.build(path, dim=96, width=64, seed=0)
    return path


def test_it_is_torchs_own_mlp(path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    module = torch.nn.ModuleDict(
        {
            "norm": torch.nn.LayerNorm(96),
            "up": torch.nn.Linear(96, 64),
            "down": torch.nn.Linear(64, 64),
        }
    )
    module.load_state_dict(load_file(path))
    gelu = torch.nn.GELU(approximate="tanh")
    with torch.inference_mode():
        x = module["norm"](torch.from_numpy(TOKENS))
        expected = module["down"](gelu(module["up"](x))).numpy()
    found = Projector.load(path).project(TOKENS)
    assert found.dtype == np.float32 and found.shape == (3, 16, 64)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_output_starts_at_the_language_models_scale(tmp_path: Path, scale: float) -> None:
    path = tmp_path / "full.safetensors"
    projector.build(path, dim=1280, width=640, seed=1)
    tokens = np.clip(RANDOM.normal(0.2, 1.0, (64, 1280)), 0, 6).astype(np.float32) * scale
    out = Projector.load(path).project(tokens.astype(np.float32))
    assert np.sqrt((out**2).mean()) == pytest.approx(projector.TOKEN_RMS, rel=0.1)


def test_an_image_alone_gives_the_same_bytes(path: Path) -> None:
    loaded = Projector.load(path)
    together = loaded.project(TOKENS)
    for index in range(len(TOKENS)):
        assert loaded.project(TOKENS[index]).tobytes() == together[index].tobytes()
    assert loaded.project(TOKENS[:0]).shape == (0, 16, 64)


def test_build_is_deterministic_and_the_id_follows_the_weights(tmp_path: Path, path: Path) -> None:
    same, other = tmp_path / "same", tmp_path / "other"
    projector.build(same, dim=96, width=64, seed=0)
    projector.build(other, dim=96, width=64, seed=1)
    assert same.read_bytes() == path.read_bytes()
    ids = [Projector.load(p).projector_id for p in (path, same, other)]
    assert ids[0] == ids[1] != ids[2] and ids[0].startswith("projector@")
    assert (Projector.load(path).dim, Projector.load(path).width) == (96, 64)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other", "projector.safetensors", "same"]


@pytest.mark.parametrize("content", [None, b"", b"not safetensors", "cut", "other tensors"])
def test_a_file_that_is_no_projector_is_refused(
    tmp_path: Path, path: Path, content: bytes | str | None
) -> None:
    from safetensors.numpy import save

    broken = tmp_path / "broken"
    if content == "cut":
        broken.write_bytes(path.read_bytes()[:-4])
    elif content == "other tensors":
        zeros = np.zeros((4, 4), dtype=np.float32)
        broken.write_bytes(save({"up.weight": zeros, "down.weight": zeros}))
    elif isinstance(content, bytes):
        broken.write_bytes(content)
    with pytest.raises(EncodingError) as error:
        Projector.load(broken)
    assert error.value.code == "projector_invalid"


def test_tokens_of_another_width_are_refused(path: Path) -> None:
    with pytest.raises(EncodingError) as error:
        Projector.load(path).project(np.zeros((2, 95), dtype=np.float32))
    assert error.value.code == "projector_width"
