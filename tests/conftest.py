"""Stores to test with: every test that takes `store` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import hypothesis
import pytest

from radraft.core.settings import Settings
from radraft.store.database import Store, open_store
from tests.postgres import Cluster, running_cluster
from tests.vllm_fixtures import starter_endpoint, starter_profile, starter_server, vllm_settings

__all__ = ["starter_endpoint", "starter_profile", "starter_server", "vllm_settings"]

_numbers = count(1)

# No deadline: how long an example takes says nothing on a shared machine.
hypothesis.settings.register_profile("radraft", deadline=None, max_examples=50)
hypothesis.settings.load_profile("radraft")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One PostgreSQL for the whole run."""
    with running_cluster() as running:
        yield running


@pytest.fixture(scope="session")
def migrated(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A migrated database to copy, and the data folder whose secret it belongs to."""
    folder = tmp_path_factory.mktemp("migrated")
    cluster.create("migrated")
    open_store(Settings(data_dir=folder, database_url=cluster.url("migrated"))).close()
    return "migrated", folder


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings of an empty store, once for each database."""
    folder = tmp_path / "data"
    if request.param == "sqlite":
        yield Settings(data_dir=folder)
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    template, made_with = request.getfixturevalue("migrated")
    name = f"test_{next(_numbers)}"
    cluster.create(name, template)
    folder.mkdir()
    (folder / "site.secret").write_bytes((made_with / "site.secret").read_bytes())
    yield Settings(data_dir=folder, database_url=cluster.url(name))
    cluster.drop(name)


@pytest.fixture
def store(store_settings: Settings) -> Iterator[Store]:
    """An empty store, once for each database."""
    opened = open_store(store_settings)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    """An empty store on SQLite only: for tests of other things than the store."""
    opened = open_store(Settings(data_dir=tmp_path / "data"))
    yield opened
    opened.close()
