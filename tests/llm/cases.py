"""One small case, ready to be drafted: real projector, made-up pixels and tokens."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from radraft.llm.checkpoint import WIDTH
from radraft.llm.profiles import Profile
from radraft.prompts.build import build
from radraft.prompts.values import DraftRequest
from radraft.studies.values import DeidStudy, KeyImage, KeyImages, View
from radraft.vision_encoder.projector import Projector
from radraft.vision_encoder.values import StudyEmbedding
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


def make_request(
    profile: Profile, *, images: int = 1, adapter_id: str | None = None, history: str = "咳嗽三天。"
) -> DraftRequest:
    key_images = make_images(images)
    embedding = make_embedding(key_images) if profile.image_way == "embeds" else None
    return build(
        make_case(history),
        key_images,
        embedding,
        template=profile.template,
        adapter_id=adapter_id,
    )
