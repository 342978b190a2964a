"""The projector that training begins with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from radraft.finetune.starter import projector
from radraft.vision_encoder.heads import Heads
from radraft.vision_encoder.projector import Projector

DIM, WIDTH, HEADS, RMS = 24, 64, 3, 1.03


@pytest.fixture
def heads(tmp_path: Path) -> Heads:
    from safetensors.numpy import save_file

    random = np.random.default_rng(1)
    tensors = {
        "weight": random.standard_normal((HEADS, DIM)).astype(np.float32),
        "bias": np.zeros(HEADS, dtype=np.float32),
    }
    path = tmp_path / "heads.safetensors"
    save_file(tensors, path, metadata={"heads": json.dumps(["a", "b", "c"])})
    return Heads.load(path)


def test_a_finding_points_to_its_name(heads: Heads, tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    tokens = [random.standard_normal((16, DIM)).astype(np.float32) + 3 for _ in range(200)]
    words = random.standard_normal((HEADS, WIDTH)).astype(np.float32)
    tensors = projector.begin(tokens, heads, words, rms=RMS, seed=0)
    projector.write(tmp_path / "p.safetensors", tensors)
    built = Projector.load(tmp_path / "p.safetensors")
    seen = np.stack([built.project(token) for token in tokens])
    assert np.sqrt((seen[:, 0] ** 2).mean()) == pytest.approx(RMS, rel=0.15)
    logits = np.stack([heads.logits(one) for one in tokens])
    along = seen[:, 0] @ words.T
    for head in range(HEADS):
        matches = [np.corrcoef(along[:, head], logits[:, other])[0, 1] for other in range(HEADS)]
        assert int(np.argmax(matches)) == head and matches[head] > 0.8


def test_a_film_is_centred_whatever_the_tokens_scale(heads: Heads) -> None:
    random = np.random.default_rng(4)
    tokens = [5 * random.random((16, DIM)).astype(np.float32) for _ in range(50)]
    words = random.standard_normal((HEADS, WIDTH)).astype(np.float32)
    tensors = projector.begin(tokens, heads, words, rms=RMS, seed=0)
    pooled = np.stack([Projector.pool(token) for token in tokens]).reshape(-1, DIM)
    x = (pooled - tensors["mean"]) * tensors["scale"]
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(x.std(0), 1, rtol=0.05)
