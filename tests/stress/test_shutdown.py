"""SIGTERM under load: 140 studies wait to be taken in, 140 cases for a draft, a full batch is being
drafted, and vLLM hangs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.store import arrivals
from radraft.store.arrivals import ArrivalState
from radraft.store.database import Store, open_store
from tests.cli.test_shutdown import announced, counts, ends, held, serving, until
from tests.exchange.builders import film_file
from tests.pipeline.test_draft_worker import Model, served, waiting_case
from tests.scale import scaled

pytestmark = [pytest.mark.stress, pytest.mark.slow]

MANY = 140


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(Settings(data_dir=tmp_path / "data"))
    yield opened
    opened.close()


@pytest.mark.parametrize("turn", range(scaled(1, full=3)))
def test_the_service_ends_with_140_studies_waiting(store: Store, tmp_path: Path, turn: int) -> None:
    for number in range(MANY):
        waiting_case(store, number)
    folder = tmp_path / "watched"
    folder.mkdir()
    for number in range(MANY):
        film_file(folder, number, study=1000 + number)
    model = Model(hold=threading.Event())
    with (
        served(model) as endpoint,
        serving(
            tmp_path / "data",
            llm_url=endpoint.url,
            llm_key=endpoint.key,
            watch_dir=str(folder),
            quiet_s="0",
        ) as child,
    ):
        until(child, announced(tmp_path / "data"))
        assert model.asked.acquire(timeout=120)
        until(child, lambda: taken(store) > turn)
        waiting_before = taken(store)
        assert ends(child) == 0
        assert model.hold is not None
        model.hold.set()
    assert held(store) == 0
    assert sum(counts(store).values()) >= MANY + waiting_before


def taken(store: Store) -> int:
    with store.read() as session:
        return arrivals.counts(session)[ArrivalState.TAKEN]
