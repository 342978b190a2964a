"""The inbox: durable, once, and never half."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from radraft.core.errors import StorageError
from radraft.core.settings import Settings
from radraft.exchange.incoming_files import keep_file
from radraft.exchange.values import KeepOutcome
from radraft.pipeline._group_commit import GroupCommit
from radraft.pipeline.inbox import Inbox
from radraft.store import arrivals
from radraft.store.database import Store
from tests.exchange.builders import Clock, film, film_file, states
from tests.studies import builders


def keep(inbox: Inbox, path: Path) -> KeepOutcome:
    return keep_file(path, inbox, source="CT1", site="site-a")


def test_the_bytes_are_kept_as_they_came(inbox: Inbox, tmp_path: Path) -> None:
    path = film_file(tmp_path)
    assert keep(inbox, path) is KeepOutcome.STORED
    [kept] = inbox.waiting.iterdir()
    assert kept.read_bytes() == path.read_bytes()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_the_row_says_who_sent_what_and_when(
    inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    keep(inbox, film_file(tmp_path))
    with sqlite_store.read() as session:
        [study] = arrivals.waiting_studies(session)
        [arrival] = arrivals.waiting(session, study)
    assert arrival.sop_uid == film().SOPInstanceUID
    assert arrival.study_uid == study.study_uid == film().StudyInstanceUID
    assert (arrival.source, arrival.site, arrival.received_at) == ("CT1", "site-a", clock.now)
    assert film().StudyInstanceUID not in repr(arrival) + repr(study)


def test_the_same_object_is_stored_once(store: Store, tmp_path: Path) -> None:
    path = film_file(tmp_path)
    other = Inbox(tmp_path / "data", store)
    assert [keep(other, path), keep(other, path)] == [KeepOutcome.STORED, KeepOutcome.KNOWN]
    assert len(list(other.waiting.iterdir())) == 1
    assert states(store) == {"waiting": 1}
    other.close()


def test_an_object_is_the_same_whoever_wrote_its_file_meta(inbox: Inbox, tmp_path: Path) -> None:
    path = film_file(tmp_path)
    content = path.read_bytes()
    changed = tmp_path / "other-preamble.dcm"
    changed.write_bytes(b"X" * 128 + content[128:])
    assert [keep(inbox, path), keep(inbox, changed)] == [KeepOutcome.STORED, KeepOutcome.KNOWN]


def test_the_same_uid_with_other_bytes_is_kept_beside(
    inbox: Inbox, sqlite_store: Store, tmp_path: Path
) -> None:
    keep(inbox, film_file(tmp_path))
    changed = film_file(tmp_path, AccessionNumber="OTHER")
    assert keep(inbox, changed) is KeepOutcome.STORED
    assert states(sqlite_store) == {"waiting": 2}


def test_what_is_no_dicom_is_kept_too(inbox: Inbox, sqlite_store: Store, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no DICOM at all")
    assert keep(inbox, tmp_path / "notes.txt") is KeepOutcome.STORED
    with sqlite_store.read() as session:
        assert [waiting_study.study_uid for waiting_study in arrivals.waiting_studies(session)] == [
            ""
        ]


def test_deflated_and_big_endian_headers_are_understood(
    inbox: Inbox, sqlite_store: Store, tmp_path: Path
) -> None:
    from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

    for number, syntax in enumerate((DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian)):
        keep(inbox, builders.write(film(number), tmp_path / f"{number}.dcm", syntax))
    with sqlite_store.read() as session:
        [study] = arrivals.waiting_studies(session)
        assert len(arrivals.waiting(session, study)) == 2


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file of this process may grow above `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_nothing_half_written_remains(inbox: Inbox, sqlite_store: Store, tmp_path: Path) -> None:
    path = film_file(tmp_path)
    with files_of_at_most(path.stat().st_size - 1), pytest.raises(OSError, match="too large"):
        keep(inbox, path)
    assert list(inbox.waiting.iterdir()) == []
    assert states(sqlite_store) == {}
    assert keep(inbox, path) is KeepOutcome.STORED


def test_space_that_must_stay_free_is_not_used(sqlite_store: Store, tmp_path: Path) -> None:
    full = Inbox(tmp_path / "data", sqlite_store, spare=1 << 60)
    with pytest.raises(OSError, match="No space"):
        keep(full, film_file(tmp_path))
    assert list(full.waiting.iterdir()) == []
    full.close()


def test_a_database_that_fails_leaves_no_file(
    inbox: Inbox, sqlite_store: Store, tmp_path: Path
) -> None:
    import sqlalchemy as sa

    with sqlite_store.begin() as session:
        session.execute(
            sa.text(
                "CREATE TRIGGER full BEFORE INSERT ON arrivals "
                "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )
        )
    with pytest.raises(StorageError):
        keep(inbox, film_file(tmp_path))
    assert list(inbox.waiting.iterdir()) == []


def test_a_start_removes_what_was_never_acknowledged(
    inbox: Inbox, sqlite_store: Store, tmp_path: Path
) -> None:
    keep(inbox, film_file(tmp_path))
    [kept] = inbox.waiting.iterdir()
    inbox.close()
    (inbox.waiting / "half.dcm").write_bytes(b"half")
    (inbox.quarantine / "half.dcm").write_bytes(b"half")
    again = Inbox(tmp_path / "data", sqlite_store)
    assert list(again.waiting.iterdir()) == [kept]
    assert list(again.quarantine.iterdir()) == []
    again.close()


def test_nothing_is_removed_while_another_process_may_be_writing(
    inbox: Inbox, sqlite_store: Store, tmp_path: Path
) -> None:
    (inbox.waiting / "being-written.dcm").write_bytes(b"half")
    second = Inbox(tmp_path / "data", sqlite_store)
    assert (inbox.waiting / "being-written.dcm").exists()
    second.close()


def test_threads_that_come_meanwhile_share_one_commit() -> None:
    batches: list[list[int]] = []
    started, go_on = threading.Event(), threading.Event()

    def commit(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        started.set()
        assert go_on.wait(30)
        return [10 * item for item in items]

    group = GroupCommit(commit)
    results: dict[int, int] = {}
    threads = [
        threading.Thread(target=lambda n=n: results.__setitem__(n, group(n))) for n in range(9)
    ]
    threads[0].start()
    assert started.wait(30)
    for thread in threads[1:]:
        thread.start()
    while len(group._pending) < 8:
        threading.Event().wait(0.001)
    go_on.set()
    for thread in threads:
        thread.join()
    assert results == {n: 10 * n for n in range(9)}
    assert [len(batch) for batch in batches] == [1, 8]


def test_all_that_share_a_failed_commit_hear_of_it() -> None:
    def commit(items: Sequence[int]) -> list[int]:
        raise OperationalError("", {}, OSError())

    with pytest.raises(OperationalError):
        GroupCommit(commit)(1)


def test_other_settings_have_no_inbox_open(tmp_path: Path) -> None:
    from radraft.pipeline.intake import wanted

    assert not wanted(Settings(data_dir=tmp_path))
    assert wanted(Settings(data_dir=tmp_path, dicom_port=104))
