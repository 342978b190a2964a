"""Two receivers with data folders of their own on one database: neither touches what the other
received, and what one cannot give any more the other takes in once it is sent again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from radraft.core.settings import Settings
from radraft.exchange.incoming_files import keep_file
from radraft.exchange.values import KeepOutcome
from radraft.pipeline.inbox import Inbox
from radraft.store import arrivals, inbox_name
from radraft.store.database import Store, open_store
from radraft.store.tables import ArrivalRow
from tests.exchange.builders import QUIET_S, Clock, completing, film_file, states

pytestmark = pytest.mark.slow


@pytest.fixture
def servers(
    store: Store, store_settings: Settings, tmp_path: Path, clock: Clock
) -> Iterator[tuple[Inbox, Inbox]]:
    """Two inboxes on one database, in two data folders."""
    other = tmp_path / "other"
    other.mkdir()
    pair = Inbox(store_settings.data_dir, store, clock=clock), Inbox(other, store, clock=clock)
    yield pair
    for inbox in pair:
        inbox.close()


def arrive(inbox: Inbox, path: Path) -> KeepOutcome:
    return keep_file(path, inbox, source="CT1", site="site-a")


def run(store: Store, inbox: Inbox) -> int:
    return completing(store, inbox, inbox.waiting.parent / "scratch").run()


def test_a_server_leaves_what_another_received_alone(
    servers: tuple[Inbox, Inbox], store: Store, tmp_path: Path, clock: Clock
) -> None:
    first, second = servers
    arrive(first, film_file(tmp_path, 1))
    clock.wait(QUIET_S)
    assert run(store, second) == 0
    assert states(store) == {"waiting": 1}
    assert run(store, first) == 1
    assert states(store) == {"taken": 1}


def test_a_study_that_still_comes_in_elsewhere_is_not_complete_here(
    servers: tuple[Inbox, Inbox], store: Store, tmp_path: Path, clock: Clock
) -> None:
    first, second = servers
    arrive(first, film_file(tmp_path, 1))
    clock.wait(QUIET_S - 1)
    arrive(second, film_file(tmp_path, 2))
    clock.wait(QUIET_S - 1)
    assert run(store, first) == 0
    clock.wait(1)
    assert (run(store, first), run(store, second)) == (1, 1)
    assert states(store) == {"taken": 2}


def test_what_is_sent_again_to_another_server_is_taken_in_there(
    servers: tuple[Inbox, Inbox], store: Store, tmp_path: Path, clock: Clock
) -> None:
    """The first one's disk is gone with what it had acknowledged."""
    first, second = servers
    path = film_file(tmp_path, 1)
    arrive(first, path)
    shutil.rmtree(first.waiting)
    assert arrive(second, path) is KeepOutcome.STORED
    assert arrive(second, path) is KeepOutcome.KNOWN
    clock.wait(QUIET_S)
    assert run(store, second) == 1
    assert states(store) == {"taken": 1}


def test_what_moved_to_another_server_meanwhile_is_its_own_there(
    servers: tuple[Inbox, Inbox], store: Store, tmp_path: Path
) -> None:
    first, second = servers
    path = film_file(tmp_path, 1)
    arrive(first, path)
    with store.read() as session:
        [study] = arrivals.waiting_studies(session)
        gathered = arrivals.waiting(session, study, first.name)
    assert len(gathered) == 1
    arrive(second, path)
    for settle in (first.take, first.lost):
        settle(gathered)
    first.refuse([], "not_an_image")
    assert states(store) == {"waiting": 1}
    with store.read() as session:
        [arrival] = arrivals.waiting(session, study, second.name)
    assert (second.waiting / arrival.file).exists()


def test_what_an_older_version_received_belongs_to_the_folder_that_it_lies_in(
    store: Store, store_settings: Settings, tmp_path: Path, clock: Clock
) -> None:
    folder = store_settings.data_dir
    before = Inbox(folder, store, clock=clock)
    arrive(before, film_file(tmp_path, 1))
    before.close()
    (folder / inbox_name.NAME).unlink()
    with store.begin() as session:
        session.execute(update(ArrivalRow).values(inbox=""))
    other = tmp_path / "other"
    other.mkdir()
    stranger = Inbox(other, store, clock=clock)
    clock.wait(QUIET_S)
    assert run(store, stranger) == 0
    again = Inbox(folder, store, clock=clock)
    assert run(store, again) == 1
    for inbox in (stranger, again):
        inbox.close()


def test_an_inbox_keeps_its_name(store: Store, store_settings: Settings) -> None:
    names = []
    for _ in range(2):
        inbox = Inbox(store_settings.data_dir, store)
        names.append(inbox.name)
        inbox.close()
    assert names[0] == names[1] == inbox_name.read(store_settings.data_dir)
    reopened = open_store(store_settings)
    reopened.close()
