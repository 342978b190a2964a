from __future__ import annotations

from pathlib import Path

import pytest

from radraft.finetune.adapt.values import Base
from radraft.settings import Settings
from radraft.store.database import open_store
from tests.finetune.adapt.world import add_signed, tiny_base
from tests.finetune.train.conftest import base, projector

__all__ = ["base", "projector"]


@pytest.fixture(scope="session")
def ground(base: Path, projector: Path, tmp_path_factory: pytest.TempPathFactory) -> Base:
    return tiny_base(base, projector, tmp_path_factory.mktemp("heads"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A site with sixteen signed reports to train on and three of frozen patients."""
    made = Settings(data_dir=tmp_path / "data")
    store = open_store(made)
    add_signed(store, range(16))
    add_signed(store, range(100, 103), split="held_out")
    store.close()
    return made
