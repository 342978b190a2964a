"""Stores to test with, how far tests go, and which of them stay together in one worker process.

Every test that takes `store` runs on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

# Before anything imports torch. Two workers share the machine's cores, and the threads of an
# OpenMP team spin while they wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest

from radraft.core.settings import Settings
from radraft.store.database import Store, open_store
from tests import scale
from tests.postgres import Cluster, running_cluster
from tests.vllm_fixtures import starter_endpoint, starter_profile, starter_server, vllm_settings

__all__ = ["starter_endpoint", "starter_profile", "starter_server", "vllm_settings"]

_numbers = count(1)

# No deadline: how long an example takes says nothing on a shared machine.
hypothesis.settings.register_profile("quick", deadline=None, max_examples=50)
hypothesis.settings.register_profile("full", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("full" if scale.FULL else "quick")

ONE_WORKER = {"starter_server": "vllm", "workstation": "workstation"}
"""Fixtures that cost much to set up -> the group of tests that share one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put each test into the group that one worker process runs, the longest groups first.

    A group is a file, whose tests share the fixtures of their module, or all tests of a fixture
    in `ONE_WORKER`. Long groups first, or at the end one worker would wait for the other.
    """
    groups = {item: _group(item) for item in items}
    slow = Counter(group for item, group in groups.items() if item.get_closest_marker("slow"))
    first = {group: rank for rank, group in enumerate(ONE_WORKER.values())}
    items.sort(key=lambda item: (first.get(groups[item], len(first)), -slow[groups[item]]))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(groups[item]))


def _group(item: pytest.Item) -> str:
    fixtures = getattr(item, "fixturenames", ())
    for fixture, group in ONE_WORKER.items():
        if fixture in fixtures:
            return group
    return item.nodeid.split("::")[0]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One PostgreSQL for the whole worker process."""
    with running_cluster() as running:
        yield running


@pytest.fixture(scope="session")
def migrated(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A migrated database to copy, and the data folder whose secret it belongs to."""
    folder = tmp_path_factory.mktemp("migrated")
    cluster.create("migrated")
    open_store(Settings(data_dir=folder, database_url=cluster.url("migrated"))).close()
    return "migrated", folder


@pytest.fixture(scope="session")
def migrated_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of an empty SQLite store, to copy: migrating takes ten times as long."""
    folder = tmp_path_factory.mktemp("migrated-sqlite") / "data"
    open_store(Settings(data_dir=folder)).close()
    return folder


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store_settings(
    request: pytest.FixtureRequest, tmp_path: Path, migrated_folder: Path
) -> Iterator[Settings]:
    """Settings of an empty store, once for each database."""
    folder = tmp_path / "data"
    if request.param == "sqlite":
        shutil.copytree(migrated_folder, folder)
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
def sqlite_store(tmp_path: Path, migrated_folder: Path) -> Iterator[Store]:
    """An empty store on SQLite only: for tests of other things than the store."""
    shutil.copytree(migrated_folder, tmp_path / "data", dirs_exist_ok=True)
    opened = open_store(Settings(data_dir=tmp_path / "data"))
    yield opened
    opened.close()
