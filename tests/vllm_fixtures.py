"""A real vLLM with the starter, shared by every test of a run that takes `starter_server`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.llm.profiles import Profile, load_profile
from radraft.llm.server import Endpoint, ManagedServer


@pytest.fixture(scope="session")
def starter_profile() -> Profile:
    return load_profile("starter")


@pytest.fixture(scope="session")
def vllm_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A data folder of this run's own, and the user's cache, where the starter is kept."""
    cache = Path(os.environ.get("RADRAFT_CACHE_DIR", "~/.cache/radraft"))
    return Settings(data_dir=tmp_path_factory.mktemp("vllm"), cache_dir=cache)


@pytest.fixture(scope="session")
def starter_server(vllm_settings: Settings, starter_profile: Profile) -> Iterator[ManagedServer]:
    """The starter, watched: a test that kills it finds it back."""
    server = ManagedServer(vllm_settings, starter_profile)
    try:
        server.start()
        server.wait_ready()
        server.watch()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def starter_endpoint(starter_server: ManagedServer) -> Endpoint:
    """Where the starter answers; the same after every restart."""
    return starter_server.endpoint
