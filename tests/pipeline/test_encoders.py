"""Quality is judged with the shipped encoder, whatever a profile drafts with."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.pipeline.draft import VisionModel
from radraft.pipeline.encoders import StoredFeatures, extractor_loader
from radraft.store.database import Store
from radraft.vision_encoder import shipped
from radraft.vision_encoder.encode import Encoder
from radraft.vision_encoder.projector import Projector
from radraft.vision_encoder.source import EncoderSource
from tests.embeds_model import build_encoder
from tests.vision_encoder.conftest import write_projector

pytestmark = pytest.mark.slow


def test_the_judge_keeps_its_encoder(sqlite_store: Store, tmp_path: Path) -> None:
    build_encoder(tmp_path / "vit")
    write_projector(tmp_path / "p.safetensors", dim=32, width=8, seed=1)
    own = Encoder.of(EncoderSource(folder=str(tmp_path / "vit")))
    vision = VisionModel(own, Projector.load(tmp_path / "p.safetensors"))
    found = extractor_loader(sqlite_store, lambda: vision)()
    assert isinstance(found, StoredFeatures)
    assert found.encoder_id == shipped.encoder_id() != own.encoder_id
    # The starter's later editions draft with other eyes too.
    second = VisionModel(Encoder.of(None, edition=2), vision.projector)
    other = extractor_loader(sqlite_store, lambda: second)()
    assert isinstance(other, StoredFeatures)
    assert other.encoder_id == shipped.encoder_id() != second.encoder.encoder_id
    # One that is loaded already is not loaded again.
    known = VisionModel(Encoder.load(), vision.projector)
    again = extractor_loader(sqlite_store, lambda: known)()
    assert isinstance(again, StoredFeatures) and again.encoder is known.encoder
