from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radraft.core.errors import EncodingError
from radraft.vision_encoder.projector import NAMES, Projector
from tests.vision_encoder.conftest import write_projector

RANDOM = np.random.default_rng(5)
TOKENS = np.clip(RANDOM.normal(0.2, 1.0, (3, 64, 96)), 0, 6).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "projector.safetensors"
    write_projector(path, dim=96, width=40, seed=0)
    return path


def test_it_is_two_linear_layers_on_standardised_means(path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    state = {name: value.float() for name, value in load_file(path).items()}
    whole, part = torch.nn.Linear(96, 40), torch.nn.Linear(96, 40)
    whole.load_state_dict({"weight": state["whole.weight"], "bias": state["whole.bias"]})
    part.load_state_dict({"weight": state["part.weight"], "bias": state["part.bias"]})
    grid = torch.from_numpy(TOKENS).transpose(1, 2).unflatten(2, (8, 8))
    quarters = torch.nn.functional.avg_pool2d(grid, 2).flatten(2).transpose(1, 2)
    with torch.inference_mode():
        first = whole((torch.from_numpy(TOKENS).mean(1) - state["mean"]) * state["scale"])
        rest = part((quarters - state["mean"]) * state["scale"])
        expected = torch.cat([first[:, None], rest], 1).numpy()
    found = Projector.load(path).project(TOKENS)
    assert found.dtype == np.float32 and found.shape == (3, 17, 40)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("token", [0, 1, 7, 8, 35, 63])
def test_a_token_reaches_the_whole_and_its_own_part_only(path: Path, token: int) -> None:
    projector = Projector.load(path)
    changed = TOKENS[0].copy()
    changed[token] += 3
    differs = (projector.project(changed) != projector.project(TOKENS[0])).any(axis=1)
    row, column = divmod(token, 8)
    assert set(np.flatnonzero(differs)) == {0, 1 + row // 2 * 4 + column // 2}


def test_pool_gives_the_mean_first() -> None:
    pooled = Projector.pool(TOKENS[0])
    assert pooled.shape == (17, 96)
    np.testing.assert_allclose(pooled[0], TOKENS[0].mean(axis=0), rtol=1e-6)
    # The mean of the parts' means is the whole's.
    np.testing.assert_allclose(pooled[1:].mean(axis=0), pooled[0], rtol=1e-4)


def test_an_image_alone_gives_the_same_bytes(path: Path) -> None:
    loaded = Projector.load(path)
    together = loaded.project(TOKENS)
    for index in range(len(TOKENS)):
        assert loaded.project(TOKENS[index]).tobytes() == together[index].tobytes()
    assert loaded.project(TOKENS[:0]).shape == (0, 17, 40)


def test_float16_and_float32_files_of_the_same_values_project_the_same(
    tmp_path: Path, path: Path
) -> None:
    from safetensors.numpy import load_file, save_file

    save_file({n: v.astype(np.float32) for n, v in load_file(path).items()}, tmp_path / "whole")
    one, other = Projector.load(path), Projector.load(tmp_path / "whole")
    assert one.project(TOKENS).tobytes() == other.project(TOKENS).tobytes()
    assert one.projector_id != other.projector_id


def test_the_id_follows_the_weights(tmp_path: Path, path: Path) -> None:
    same, other = tmp_path / "same", tmp_path / "other"
    write_projector(same, dim=96, width=40, seed=0)
    write_projector(other, dim=96, width=40, seed=1)
    ids = [Projector.load(p).projector_id for p in (path, same, other)]
    assert ids[0] == ids[1] != ids[2] and ids[0].startswith("projector@")
    assert (Projector.load(path).dim, Projector.load(path).width) == (96, 40)


@pytest.mark.parametrize("content", [None, b"", b"not safetensors", "cut"])
def test_a_file_that_is_no_projector_is_refused(
    tmp_path: Path, path: Path, content: bytes | str | None
) -> None:
    broken = tmp_path / "broken"
    if content == "cut":
        broken.write_bytes(path.read_bytes()[:-4])
    elif isinstance(content, bytes):
        broken.write_bytes(content)
    with pytest.raises(EncodingError) as error:
        Projector.load(broken)
    assert error.value.code == "projector_invalid"


@pytest.mark.parametrize(
    "changes",
    [
        *({name: None} for name in NAMES),
        {"part.weight": np.zeros((39, 96), dtype=np.float32)},
        {"mean": np.zeros(95, dtype=np.float32)},
        {"scale": np.zeros(96, dtype=np.int32)},
        {"whole.weight": np.zeros(40, dtype=np.float32)},
        {"norm.weight": np.zeros(96, dtype=np.float32)},
    ],
)
def test_other_tensors_are_refused(tmp_path: Path, path: Path, changes: dict[str, Any]) -> None:
    from safetensors.numpy import load_file, save_file

    tensors = {n: v for n, v in (load_file(path) | changes).items() if v is not None}
    save_file(tensors, tmp_path / "broken")
    with pytest.raises(EncodingError) as error:
        Projector.load(tmp_path / "broken")
    assert error.value.code == "projector_invalid"


def test_tokens_of_another_width_are_refused(path: Path) -> None:
    with pytest.raises(EncodingError) as error:
        Projector.load(path).project(np.zeros((64, 95), dtype=np.float32))
    assert error.value.code == "projector_width"


@pytest.mark.parametrize("count", [0, 1, 9, 15, 32])
def test_tokens_in_no_even_square_are_refused(path: Path, count: int) -> None:
    with pytest.raises(EncodingError) as error:
        Projector.load(path).project(np.zeros((2, count, 96), dtype=np.float32))
    assert error.value.code == "projector_grid"


@pytest.mark.parametrize(("side", "parts"), [(14, 7), (7, 3), (5, 5), (4, 3), (6, 1)])
def test_any_square_of_tokens_is_divided_as_torchs_adaptive_pooling_divides_it(
    side: int, parts: int
) -> None:
    import torch

    tokens = RANDOM.standard_normal((side * side, 8)).astype(np.float32)
    grid = torch.from_numpy(tokens).T.unflatten(1, (side, side))
    expected = torch.nn.functional.adaptive_avg_pool2d(grid, parts).flatten(1).T.numpy()
    found = Projector.pool(tokens, parts)
    assert found.shape == (1 + parts**2, 8)
    np.testing.assert_allclose(found[1:], expected, rtol=1e-4, atol=1e-5)


def test_a_file_says_how_many_parts_it_takes(path: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    said = tmp_path / "said.safetensors"
    save_file(load_file(path), said, metadata={"parts": "3"})
    projector = Projector.load(said)
    assert (projector.parts, Projector.load(path).parts) == (3, None)
    odd = np.ones((2, 49, 96), np.float32)
    assert projector.project(odd).shape == (2, 10, 40)
    for tokens in (np.ones((4, 96), np.float32), np.ones((50, 96), np.float32)):
        with pytest.raises(EncodingError, match="projector_grid"):
            projector.project(tokens)
    with pytest.raises(EncodingError, match="projector_grid"):
        Projector.load(path).project(odd)
    save_file(load_file(path), said, metadata={"parts": "many"})
    with pytest.raises(EncodingError, match="projector_invalid"):
        Projector.load(said)
