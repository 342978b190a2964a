"""Projected tokens: made once, kept by image, encoder, projector and number type."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radraft.store.objects import Objects
from radraft.vision_encoder import torch_file
from radraft.vision_encoder.image_tokens import make_tokens, read_tokens
from radraft.vision_encoder.projector import Projector
from radraft.vision_encoder.values import ImageTokens, StudyEmbedding
from tests.vision_encoder.conftest import write_projector

CASE, ENCODER = "c-1", "encoder@0123456789abcdef"
IDS = ("a" * 64, "b" * 64)


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects.open("", tmp_path / "objects")


@pytest.fixture
def projector(tmp_path: Path) -> Projector:
    write_projector(tmp_path / "p.safetensors", dim=32, width=40, seed=1)
    return Projector.load(tmp_path / "p.safetensors")


@pytest.fixture
def embedding() -> StudyEmbedding:
    random = np.random.default_rng(3)
    tokens = random.standard_normal((2, 64, 32), dtype=np.float32)
    return StudyEmbedding(CASE, IDS, tokens, np.ones((2, 4), dtype=np.float32), {}, ENCODER)


def read(
    objects: Objects,
    projector: Projector,
    *,
    image_ids: tuple[str, ...] = IDS,
    encoder_id: str = ENCODER,
    dtype: torch_file.Dtype = "bfloat16",
) -> ImageTokens | None:
    return read_tokens(
        CASE,
        image_ids,
        encoder_id=encoder_id,
        projector_id=projector.projector_id,
        dtype=dtype,
        objects=objects,
    )


def test_tokens_are_the_projected_embedding_to_the_last_bit(
    objects: Objects, projector: Projector, embedding: StudyEmbedding
) -> None:
    import torch

    made = make_tokens(embedding, projector, "bfloat16", objects)
    projected = torch.from_numpy(projector.project(embedding.tokens)).to(torch.bfloat16)
    for tensor, expected in zip(made.tensors, projected, strict=True):
        loaded = torch.load(io.BytesIO(tensor), weights_only=True)
        assert torch.equal(loaded.view(torch.int16), expected.view(torch.int16))


def test_what_was_made_is_read_in_any_order(
    objects: Objects, projector: Projector, embedding: StudyEmbedding
) -> None:
    assert read(objects, projector) is None
    made = make_tokens(embedding, projector, "bfloat16", objects)
    kept = read(objects, projector)
    assert kept is not None
    assert (kept, kept.tensors) == (made, made.tensors)
    turned = read(objects, projector, image_ids=IDS[::-1])
    assert turned is not None
    assert turned.tensors == made.tensors[::-1]


def test_another_projector_encoder_or_number_type_has_tokens_of_its_own(
    objects: Objects, projector: Projector, embedding: StudyEmbedding, tmp_path: Path
) -> None:
    make_tokens(embedding, projector, "bfloat16", objects)
    write_projector(tmp_path / "q.safetensors", dim=32, width=40, seed=2)
    assert read(objects, Projector.load(tmp_path / "q.safetensors")) is None
    assert read(objects, projector, encoder_id="encoder@other") is None
    assert read(objects, projector, dtype="float16") is None
    assert read(objects, projector, image_ids=(*IDS, "c" * 64)) is None


def test_damaged_tokens_and_those_of_another_image_are_not_taken(
    objects: Objects, projector: Projector, embedding: StudyEmbedding, tmp_path: Path
) -> None:
    make_tokens(embedding, projector, "bfloat16", objects)
    first, second = sorted((tmp_path / "objects" / "image_tokens").rglob("*.pt"))
    whole = first.read_bytes()
    for damaged in (b"", whole[:-1], whole[:100] + b"\0" + whole[101:], second.read_bytes()):
        first.write_bytes(damaged)
        assert read(objects, projector) is None
    first.write_bytes(whole)
    assert read(objects, projector) is not None


def test_a_projector_of_another_encoder_is_refused(
    objects: Objects, projector: Projector, embedding: StudyEmbedding
) -> None:
    wide = replace(embedding, tokens=np.ones((2, 64, 33), dtype=np.float32))
    with pytest.raises(Exception, match="projector_width"):
        make_tokens(wide, projector, "bfloat16", objects)


def test_a_request_is_made_without_torch(tmp_path: Path) -> None:
    """In a process of its own: this one has loaded torch."""
    code = (
        "import sys\n"
        "from radraft.llm.profiles import load_profile\n"
        "from radraft.llm.wire import chat_body\n"
        "from tests.llm.cases import make_request\n"
        "starter = load_profile('starter')\n"
        "body = chat_body(make_request(starter, images=2), starter, 'starter')\n"
        "assert body.count(b'image_embeds\":') == 2, body[:200]\n"
        "assert 'torch' not in sys.modules\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
