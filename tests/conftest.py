"""Stores to test with, how far tests go, and which of them stay together in one worker process.

Every test that takes `store` runs on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

# Before anything imports torch. Two workers share the machine's cores, and the threads of an
# OpenMP team spin while they wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from radraft.core.settings import Settings
from radraft.store.database import Store, open_store
from tests import passed_on, quick_passwords, scale
from tests.postgres import Cluster, running_cluster
from tests.s3 import s3, s3_service
from tests.vllm_fixtures import starter_endpoint, starter_profile, starter_server, vllm_settings

__all__ = [
    "s3",
    "s3_service",
    "starter_endpoint",
    "starter_profile",
    "starter_server",
    "vllm_settings",
]

_numbers = count(1)

# No deadline: how long an example takes says nothing on a shared machine.
hypothesis.settings.register_profile("quick", deadline=None, max_examples=50)
hypothesis.settings.register_profile("full", deadline=None, max_examples=500)
hypothesis.settings.load_profile("full" if scale.FULL else "quick")

TOGETHER = ("tests/integration/", "tests/stress/", "tests/ui/")
"""Folders whose tests one worker process runs: those of one vLLM, and those of one Chromium."""


ABOUT_PROCESSES = (
    "tests/studies/test_worker.py", "tests/studies/test_fuzz.py", "tests/studies/test_read",
    "tests/studies/deid/", "tests/pipeline/test_file_check.py",
    "tests/pipeline/test_killed_ingest.py", "tests/ui/api/test_full_frames.py",
    "tests/exchange/test_silent_peers.py",
)  # fmt: skip
"""Tests of the processes that open untrusted files."""


class ByScope(LoadScopeScheduling):  # type: ignore[misc]
    """pytest-xdist's scheduler that keeps tests together which share what is costly to set up."""

    def _split_scope(self, nodeid: str) -> str:
        return _scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByScope:
    """Give each worker a whole folder of `TOGETHER` or a whole file at a time."""
    config.option.loadscopereorder = False
    return ByScope(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to `make stress` what `tests/scale.py` leaves to it, and put the tests in order."""
    scale.leave_to_stress(items)
    _sort(items)


def _sort(items: list[pytest.Item]) -> None:
    """Put the longest scopes first, or at the end one worker would wait for the other.

    Within one: tests of the shared vLLM after those that start a vLLM of their own, since there is
    memory for one at a time; tests in the browser last, since as long as Playwright runs no other
    test can have an event loop.
    """
    scopes = {item: _scope(item.nodeid) for item in items}
    slow = Counter(scope for item, scope in scopes.items() if item.get_closest_marker("slow"))

    def order(item: pytest.Item) -> tuple[int, int, str, bool]:
        scope = scopes[item]
        together = TOGETHER.index(scope) if scope in TOGETHER else len(TOGETHER)
        return together, -slow[scope], scope, _is_late(item)

    items.sort(key=order)


def _scope(nodeid: str) -> str:
    file = nodeid.split("::")[0]
    return next((folder for folder in TOGETHER if file.startswith(folder)), file)


def _is_late(item: pytest.Item) -> bool:
    return not {"starter_server", "browser"}.isdisjoint(getattr(item, "fixturenames", ()))


@pytest.fixture(autouse=True)
def log_of_its_own() -> Iterator[None]:
    """Take back the log that a test began: a process writes one, and the next test is another."""
    root, ours = logging.getLogger(), logging.getLogger("radraft")
    before, level = list(root.handlers), ours.level
    yield
    if root.handlers != before:
        for handler in set(root.handlers) - set(before):
            handler.close()
        root.handlers[:] = before
        ours.setLevel(level)


@pytest.fixture(scope="session", autouse=True)
def quick_hashes() -> None:
    """Hash passwords with next to no work; `tests/core/test_passwords.py` has the product's."""
    quick_passwords.use()


@pytest.fixture(scope="session", autouse=True)
def processes_that_wait() -> Iterator[None]:
    """End at last what `processes_passed_on` kept."""
    yield
    passed_on.end()


@pytest.fixture(autouse=True)
def processes_passed_on(request: pytest.FixtureRequest) -> Iterator[None]:
    """Pass the processes that open files on from one reader to the next, but where they are what
    is tested."""
    if request.node.nodeid.startswith(ABOUT_PROCESSES):
        yield
        return
    with passed_on.passing():
        yield


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
