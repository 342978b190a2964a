"""The watched folder: nothing is taken while it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.core.errors import SettingsError
from radraft.exchange.watched_folder import Watcher
from radraft.pipeline.inbox import Inbox
from radraft.store.database import Store
from tests.exchange.builders import QUIET_S, Clock, film_file, states


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "watched"
    made.mkdir()
    return made


@pytest.fixture
def watcher(folder: Path, inbox: Inbox) -> Watcher:
    return Watcher(folder, inbox, site="site-a", quiet_s=QUIET_S, clock=inbox.clock)


def test_a_file_moves_once_it_has_not_changed_for_the_quiet_time(
    watcher: Watcher, folder: Path, sqlite_store: Store, clock: Clock, inbox: Inbox
) -> None:
    path = film_file(folder / "below")
    content = path.read_bytes()
    assert watcher.poll() == 0
    clock.wait(QUIET_S - 1)
    assert watcher.poll() == 0
    clock.wait(1)
    assert watcher.poll() == 1
    assert not path.exists()
    assert [one.read_bytes() for one in inbox.waiting.iterdir()] == [content]
    assert states(sqlite_store) == {"waiting": 1}


def test_a_file_that_grows_waits_on(watcher: Watcher, folder: Path, clock: Clock) -> None:
    path = film_file(folder)
    watcher.poll()
    clock.wait(QUIET_S)
    with path.open("ab") as writer:
        writer.write(b"more")
    assert watcher.poll() == 0
    clock.wait(QUIET_S)
    assert watcher.poll() == 1


def test_a_file_that_is_open_for_writing_waits_on(
    watcher: Watcher, folder: Path, clock: Clock
) -> None:
    path = film_file(folder)
    watcher.poll()
    clock.wait(QUIET_S)
    with path.open("ab"):
        assert watcher.poll() == 0
    clock.wait(QUIET_S)
    assert watcher.poll() == 1


def test_what_is_no_dicom_moves_too_and_links_stay(
    watcher: Watcher, folder: Path, clock: Clock, tmp_path: Path
) -> None:
    (folder / "notes.txt").write_text("no DICOM at all")
    outside = film_file(tmp_path)
    (folder / "link.dcm").symlink_to(outside)
    watcher.poll()
    clock.wait(QUIET_S)
    assert watcher.poll() == 1
    assert [path.name for path in folder.iterdir()] == ["link.dcm"]
    assert outside.exists()


def test_an_empty_file_stays(watcher: Watcher, folder: Path, clock: Clock) -> None:
    (folder / "empty.dcm").touch()
    watcher.poll()
    clock.wait(QUIET_S)
    assert watcher.poll() == 0
    assert (folder / "empty.dcm").exists()


def test_a_folder_that_is_not_there_is_named(inbox: Inbox, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        Watcher(tmp_path / "none", inbox, site="site-a", quiet_s=1, clock=inbox.clock)
    assert error.value.code == "watch_dir_unusable"
