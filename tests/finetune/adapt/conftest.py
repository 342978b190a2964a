from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.finetune.adapt import keys, peft_files, travel
from radraft.finetune.adapt.values import Base
from radraft.llm.adapter import Adapter
from radraft.store.database import open_store
from tests.finetune.adapt.sites import QUICK, Site
from tests.finetune.adapt.world import add_signed, go, tiny_base
from tests.finetune.train.conftest import base, projector

__all__ = ["base", "projector"]


@pytest.fixture(scope="session")
def ground(base: Path, projector: Path, tmp_path_factory: pytest.TempPathFactory) -> Base:
    return tiny_base(base, projector, tmp_path_factory.mktemp("heads"))


@pytest.fixture(scope="session")
def signed_folder(migrated_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a site with sixteen signed reports to train on and three of frozen
    patients, to copy: signing them takes longer than most tests."""
    folder = tmp_path_factory.mktemp("signed") / "data"
    shutil.copytree(migrated_folder, folder)
    store = open_store(Settings(data_dir=folder))
    add_signed(store, range(16))
    add_signed(store, range(100, 103), split="held_out")
    store.close()
    return folder


@pytest.fixture
def settings(tmp_path: Path, signed_folder: Path) -> Settings:
    """A site of its own with the reports of `signed_folder`."""
    return Settings(data_dir=shutil.copytree(signed_folder, tmp_path / "data"))


@pytest.fixture(scope="session")
def home(ground: Base, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Adapter]]:
    site = Site(tmp_path_factory.mktemp("home"))
    add_signed(site.store, range(8))
    made = go(site.settings, ground, site.settings.data_dir / "run", QUICK)
    yield site, made
    site.store.close()


@pytest.fixture(scope="session")
def parcel(home: tuple[Site, Adapter], tmp_path_factory: pytest.TempPathFactory) -> Path:
    site, made = home
    target = tmp_path_factory.mktemp("parcel") / "chest"
    return travel.export(made.adapter_id, target, store=site.store, settings=site.settings)


@pytest.fixture
def tiny_sizes(home: tuple[Site, Adapter], monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers of the tiny base's sizes pass for the starter's, whose profile these tests use."""
    site, made = home
    state = peft_files.state(site.settings.adapters_dir / made.adapter_id)
    known = peft_files.sizes({name: value.shape for name, value in state.items()})
    monkeypatch.setattr(peft_files, "sizes_of", lambda weights: known)


@pytest.fixture
def away(home: tuple[Site, Adapter], tiny_sizes: None, tmp_path: Path) -> Iterator[Site]:
    """A site that trusts home."""
    site = Site(tmp_path / "away")
    keys.trust(site.settings.data_dir, "home", keys.public(home[0].settings.data_dir))
    yield site
    site.store.close()
