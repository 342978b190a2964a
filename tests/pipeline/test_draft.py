"""Preparing a case: what is read, what is computed, and what is only looked up."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
from pathlib import Path

import httpx
import numpy as np
import pytest

from radraft.llm.endpoint import Endpoint
from radraft.llm.profiles import load_profile
from radraft.pipeline import draft
from radraft.pipeline.draft import Drafter, VisionModel, blanked
from radraft.prompts.build import request_json
from radraft.prompts.values import DraftRequest
from radraft.store import cases, images
from radraft.store.database import Store
from radraft.studies.blank import blank
from radraft.studies.key_images import image_id
from radraft.studies.values import KeyImage, KeyImages
from radraft.vision_encoder.config import parse_config
from radraft.vision_encoder.heads import Heads
from radraft.vision_encoder.projector import Projector
from tests.builders import add_case
from tests.vision_encoder.conftest import TINY, write_heads, write_projector
from tests.vision_encoder.test_encode import TOKEN_DIM, tiny_encoder

PROFILE = load_profile("starter")


@pytest.fixture
def vision(tmp_path: Path) -> VisionModel:
    write_heads(tmp_path / "heads.safetensors", ["pneumonia"], TOKEN_DIM, seed=4)
    heads = Heads.load(tmp_path / "heads.safetensors")
    write_projector(tmp_path / "p.safetensors", dim=TOKEN_DIM, width=24, seed=1)
    return VisionModel(
        tiny_encoder(parse_config("tiny", json.dumps(TINY)), heads),
        Projector.load(tmp_path / "p.safetensors"),
    )


@pytest.fixture
def objects_folder(sqlite_store: Store, tmp_path: Path) -> Path:
    return tmp_path / "data" / "objects"


def encoded(objects_folder: Path) -> set[str]:
    """Ids of the images that the encoder has seen."""
    return {path.stem for path in (objects_folder / "embeddings").rglob("*.safetensors")}


def film(number: int) -> KeyImage:
    pixels = np.random.default_rng(number).integers(0, 256, (80, 72), dtype=np.uint8)
    values = pixels.astype(np.int16)
    return KeyImage(image_id(pixels), pixels, values, f"i-{number}", 0, (128.0, 256.0), 1.0)


def drafter(vision: VisionModel) -> Drafter:
    """Of a model that nobody serves: nothing is asked of it here."""
    endpoint = Endpoint("http://127.0.0.1:9", "", "starter")
    client = httpx.AsyncClient(trust_env=False)
    return Drafter(PROFILE, endpoint, client, vision, 1.0, asyncio.Semaphore(1))


def taken_in(store: Store, count: int, number: int = 1) -> tuple[str, KeyImages]:
    with store.begin() as session:
        case_id = add_case(session, number)
        chosen = KeyImages(case_id, tuple(map(film, range(count))))
        images.save(store.objects, chosen)
        cases.add_key_images(session, chosen)
    return case_id, chosen


def prepared(
    case_id: str, store: Store, vision: VisionModel, images: KeyImages | None = None
) -> DraftRequest:
    made = draft.prepare(case_id, store=store, profile=PROFILE, vision=vision, images=images)
    assert isinstance(made, DraftRequest)
    return made


def tensors(request: DraftRequest) -> tuple[bytes, ...]:
    assert request.image_tokens is not None
    return request.image_tokens.tensors


def test_a_case_asked_again_reads_no_pixel_and_computes_nothing(
    sqlite_store: Store, vision: VisionModel, objects_folder: Path
) -> None:
    case_id, chosen = taken_in(sqlite_store, 2)
    first = prepared(case_id, sqlite_store, vision)
    assert encoded(objects_folder) == {image.image_id for image in chosen.images}
    # What is gone cannot have been read.
    shutil.rmtree(objects_folder / "images")
    shutil.rmtree(objects_folder / "embeddings")
    again = prepared(case_id, sqlite_store, vision)
    assert tensors(again) == tensors(first)
    assert again.request_sha == first.request_sha
    assert encoded(objects_folder) == set()


def test_the_tokens_are_those_of_the_images_through_encoder_and_projector(
    sqlite_store: Store, vision: VisionModel
) -> None:
    import torch

    case_id, chosen = taken_in(sqlite_store, 2)
    request = prepared(case_id, sqlite_store, vision)
    for tensor, seen in zip(tensors(request), vision.encoder.encode(chosen.images), strict=True):
        expected = torch.from_numpy(vision.projector.project(seen.tokens)).to(torch.bfloat16)
        assert torch.equal(torch.load(io.BytesIO(tensor), weights_only=True), expected)


def test_blank_variants_ask_what_preparing_with_blank_images_asks(
    sqlite_store: Store, vision: VisionModel
) -> None:
    case_id, chosen = taken_in(sqlite_store, 3)
    request = prepared(case_id, sqlite_store, vision)
    shown, without = blanked(request, drafter(vision), sqlite_store)
    assert list(shown) == [image.image_id for image in chosen.images]
    variants = {None: without, **shown}
    for but, variant in variants.items():
        whole = prepared(case_id, sqlite_store, vision, blank(chosen, but=but))
        assert tensors(variant) == tensors(whole)
        assert json.loads(request_json(variant)) == json.loads(request_json(whole))
        assert variant.request_sha == whole.request_sha


def test_one_blank_image_of_a_size_is_encoded_once_for_all_cases(
    sqlite_store: Store, vision: VisionModel, objects_folder: Path
) -> None:
    case_id, chosen = taken_in(sqlite_store, 3)
    request = prepared(case_id, sqlite_store, vision)
    blanked(request, drafter(vision), sqlite_store)
    (grey,) = {image.image_id for image in blank(chosen).images}
    assert encoded(objects_folder) == {*request.own_image_ids, grey}
    # What is gone and not made again was not needed.
    shutil.rmtree(objects_folder / "embeddings")
    other_id, _ = taken_in(sqlite_store, 3, number=2)
    blanked(prepared(other_id, sqlite_store, vision), drafter(vision), sqlite_store)
    assert encoded(objects_folder) == set()
