"""One small case, ready to be drafted: real projector, made-up pixels and tokens."""

from __future__ import annotations

import hashlib
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from radraft.llm.checkpoint import WIDTH
from radraft.llm.profiles import Profile
from radraft.prompts.build import build
from radraft.prompts.values import DraftRequest
from radraft.store.objects import Objects
from radraft.studies.values import DeidStudy, KeyImage, KeyImages, View
from radraft.vision_encoder.image_tokens import make_tokens
from radraft.vision_encoder.projector import Projector
from radraft.vision_encoder.values import ImageTokens, StudyEmbedding
from tests.vision_encoder.conftest import write_projector

CASE_ID = "c-0123456789abcdef"
DIM = 32


def make_case(history: str = "咳嗽三天，发热。") -> DeidStudy:
    return DeidStudy(CASE_ID, "p-1", "CR", "CHEST", View.FRONTAL, "40-64", "F", history, ())


def make_images(count: int = 1, case_id: str = CASE_ID, size: int = 56) -> KeyImages:
    random = np.random.default_rng(7)
    images = []
    for number in range(count):
        pixels = random.integers(0, 256, (size, size), dtype=np.uint8)
        image_id = hashlib.sha256(pixels.tobytes()).hexdigest()
        values = pixels.astype(np.int16)
        images.append(KeyImage(image_id, pixels, values, f"i-{number}", 0, (128.0, 256.0), 1.0))
    return KeyImages(case_id, tuple(images))


def make_embedding(images: KeyImages, n: int = 64) -> StudyEmbedding:
    random = np.random.default_rng(11)
    count = len(images.images)
    return StudyEmbedding(
        images.case_id,
        tuple(image.image_id for image in images.images),
        random.standard_normal((count, n, DIM), dtype=np.float32),
        np.ones((count, DIM), dtype=np.float32) / np.float32(DIM**0.5),
        {},
        "encoder@0123456789abcdef",
    )


def make_projector(folder: Path) -> Projector:
    path = folder / "projector.safetensors"
    write_projector(path, dim=DIM, width=WIDTH, seed=1)
    return Projector.load(path)


@cache
def _projector() -> Projector:
    with tempfile.TemporaryDirectory() as folder:
        return make_projector(Path(folder))


def make_image_tokens(images: KeyImages) -> ImageTokens:
    """Tokens that the starter takes, of made-up embeddings through a made-up projector."""
    with tempfile.TemporaryDirectory() as folder:
        objects = Objects.open("", Path(folder))
        return make_tokens(make_embedding(images), _projector(), "bfloat16", objects)


def make_request(
    profile: Profile, *, images: int = 1, adapter_id: str | None = None, history: str = "咳嗽三天。"
) -> DraftRequest:
    key_images = make_images(images)
    embeds = profile.image_way == "embeds"
    return build(
        make_case(history),
        None if embeds else key_images,
        make_image_tokens(key_images) if embeds else None,
        template=profile.template,
        adapter_id=adapter_id,
    )
