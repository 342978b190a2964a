from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from radraft.core.errors import EncodingError
from radraft.vision_encoder.heads import Heads
from tests.vision_encoder.conftest import write_heads

IDS = ("pneumonia", "no_finding", "covid")
TOKENS = np.random.default_rng(3).uniform(0, 6, (16, 12)).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "heads.safetensors"
    write_heads(path, IDS, 12, seed=1)
    return path


def test_they_are_a_linear_layer_on_the_mean_of_the_tokens(path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    layer = torch.nn.Linear(12, 3)
    layer.load_state_dict(load_file(path))
    with torch.inference_mode():
        expected = layer(torch.from_numpy(TOKENS).mean(0))
    heads = Heads.load(path)
    assert (heads.ids, heads.dim) == (IDS, 12)
    np.testing.assert_allclose(heads.logits(TOKENS), expected.numpy(), rtol=1e-5, atol=1e-5)
    scores = heads.scores(TOKENS)
    assert tuple(scores) == IDS
    np.testing.assert_allclose(list(scores.values()), expected.sigmoid().numpy(), atol=1e-6)


def test_float16_and_float32_files_of_the_same_values_answer_the_same(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    write_heads(tmp_path / "half", IDS, 12, seed=1)
    whole = {n: v.astype(np.float32) for n, v in load_file(tmp_path / "half").items()}
    save_file(whole, tmp_path / "whole", metadata={"heads": json.dumps(IDS)})
    one, other = Heads.load(tmp_path / "half"), Heads.load(tmp_path / "whole")
    assert one.scores(TOKENS) == other.scores(TOKENS)


@given(scale=st.floats(-1e6, 1e6))
def test_scores_lie_between_0_and_1_however_far_the_logits(scale: float) -> None:
    weight = np.full((1, 12), scale, dtype=np.float32)
    heads = Heads(("pneumonia",), 12, weight, np.zeros(1, dtype=np.float32))
    score = heads.scores(TOKENS)["pneumonia"]
    assert 0 <= score <= 1
    assert (score > 0.5) == (heads.logits(TOKENS)[0] > 0) or abs(scale) < 1e-6


@pytest.mark.parametrize(
    ("ids", "changes"),
    [
        (["pneumonia", "covid"], {}),
        (["pneumonia", "covid", "covid"], {}),
        ("pneumonia", {}),
        (None, {}),
        (list(IDS), {"bias": None}),
        (list(IDS), {"bias": np.zeros(2, dtype=np.float32)}),
        (list(IDS), {"weight": np.zeros(3, dtype=np.float32)}),
        (list(IDS), {"weight": np.zeros((3, 12), dtype=np.int64)}),
        (list(IDS), {"other": np.zeros(3, dtype=np.float32)}),
    ],
)
def test_a_file_that_holds_no_heads_is_refused(
    tmp_path: Path, path: Path, ids: object, changes: dict[str, Any]
) -> None:
    from safetensors.numpy import load_file, save_file

    tensors = {n: v for n, v in (load_file(path) | changes).items() if v is not None}
    metadata = None if ids is None else {"heads": json.dumps(ids)}
    save_file(tensors, tmp_path / "broken", metadata=metadata)
    with pytest.raises(EncodingError) as error:
        Heads.load(tmp_path / "broken")
    assert error.value.code == "heads_invalid"


@pytest.mark.parametrize("content", [None, b"", b"not safetensors"])
def test_a_missing_or_foreign_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "broken").write_bytes(content)
    with pytest.raises(EncodingError) as error:
        Heads.load(tmp_path / "broken")
    assert error.value.code == "heads_invalid"


def test_tokens_of_another_width_are_refused(path: Path) -> None:
    with pytest.raises(EncodingError) as error:
        Heads.load(path).logits(TOKENS[:, :-1])
    assert error.value.code == "heads_width"
