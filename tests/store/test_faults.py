"""Faults of the storage as radraft's own errors. The faults are real: limits, locks, damage."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from radraft.core.errors import StorageDamaged, StorageError, StorageUnavailable
from radraft.core.settings import Settings
from radraft.reports import turnround
from radraft.reports.turnround import TurnroundClock
from radraft.store import cases, drafts, images, quality, reports
from radraft.store.cases import CaseState
from radraft.store.database import READING, WRITING, Store, open_store
from tests import children
from tests.builders import NAME, add_case, add_drafted, make_images

pytestmark = pytest.mark.slow


@pytest.fixture
def hasty(store: Store, store_settings: Settings) -> Iterator[Store]:
    """The store with little patience."""
    opened = open_store(store_settings.model_copy(update={"database_wait_s": 0.2}))
    yield opened
    opened.close()


def refused(store: Store) -> StorageError:
    with pytest.raises(StorageError) as error, store.begin() as session:
        add_case(session, 99)
    return error.value


def test_who_cannot_write_for_anothers_lock_is_told_so_and_others_read_on(hasty: Store) -> None:
    with hasty.begin() as session:
        case_id = add_case(session)
    with hasty.begin() as holder:
        cases.lock(holder, case_id)
        with pytest.raises(StorageUnavailable) as error, hasty.begin() as session:
            cases.lock(session, case_id)
        assert error.value.code == "database_busy"
        with hasty.read() as session:
            assert cases.worklist(session).total == 1
    with hasty.begin() as session:
        add_case(session, 2)


def test_writers_never_take_the_readers_connections(hasty: Store) -> None:
    with ExitStack() as held:
        for _ in range(sum(WRITING)):
            held.enter_context(hasty.engine.connect())
        assert refused(hasty).code == "database_busy"
        for _ in range(sum(WRITING) + 1):
            session = held.enter_context(hasty.read())
            assert cases.worklist(session).total == 0


def test_readers_that_found_no_connection_are_told_so(hasty: Store) -> None:
    with ExitStack() as held:
        for _ in range(sum(READING)):
            held.enter_context(hasty._reading.connect())
        with pytest.raises(StorageUnavailable) as error, hasty.read() as session:
            cases.worklist(session)
        assert error.value.code == "database_busy"
        with hasty.begin() as session:
            add_case(session)


def limited(settings: Settings, what: str, told: Connection) -> None:
    """Write until no file may grow any more; tell what was kept and how it ended."""
    store = open_store(settings)
    size = (settings.data_dir / "radraft.db-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 400_000, resource.RLIM_INFINITY))
    kept = 0
    try:
        while True:
            if what == "rows":
                with store.begin() as session:
                    add_case(session, kept, history="x" * 50_000)
            else:
                store.objects.put(f"k{kept}", b"x" * 200_000 * (kept + 1))
            kept += 1
    except StorageError as error:
        told.send((error.code, kept))


@pytest.mark.parametrize("what", ["rows", "objects"])
def test_a_disk_that_takes_no_more_is_told_and_what_was_kept_stays(
    tmp_path: Path, what: str
) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    # What is in the database before goes into its file: the limit is for what comes.
    open_store(settings).close()
    ours, theirs = children.context.Pipe(duplex=False)
    child = children.context.Process(target=limited, args=(settings, what, theirs))
    child.start()
    theirs.close()
    code, kept = ours.recv()
    child.join()
    assert code == "disk_full"
    store = open_store(settings)
    with store.read() as session:
        assert cases.worklist(session).total == (kept if what == "rows" else 0)
    if what == "objects":
        assert kept > 0
        assert store.objects.get("k0") == b"x" * 200_000
        assert not store.objects.exists(f"k{kept}")
    store.close()


STATE = ("cases", "state")


def spoil(store: Store, table: str, column: str, value: str, *, case_id: str = "%") -> None:
    with store.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(sa.text(f"DROP TRIGGER IF EXISTS {table}_no_update"))
        else:
            connection.execute(
                sa.text(f"DROP TRIGGER IF EXISTS {table}_append_only_rows ON {table}")
            )
        # Every table spoiled here has a case_id.
        statement = f"UPDATE {table} SET {column} = :value WHERE case_id LIKE :case_id"
        connection.execute(sa.text(statement), {"value": value, "case_id": case_id})


READS: dict[str, Callable[[Session, str], object]] = {
    "case": cases.get_case,
    "draft": drafts.latest,
    "working": reports.current,
    "verdict": quality.verdict,
}


@pytest.mark.parametrize(
    ("table", "column", "value", "read"),
    [
        ("cases", "view", "sideways", "case"),
        ("drafts", "content", '{"half', "draft"),
        ("drafts", "content", "{}", "draft"),
        ("drafts", "image_ids", "[", "draft"),
        ("report_revisions", "content", "null", "working"),
        ("reports", "revision", "77", "working"),
    ],
)
def test_a_damaged_row_is_told_and_what_it_held_is_not(
    store: Store, table: str, column: str, value: str, read: str
) -> None:
    with store.begin() as session:
        case_id = add_drafted(session)
    spoil(store, table, column, value)
    with pytest.raises(StorageDamaged) as error, store.read() as session:
        READS[read](session, case_id)
    assert error.value.code in {"row_damaged", "value_damaged"}
    assert value not in str(error.value.as_json())
    if error.value.code == "row_damaged":
        assert error.value.details["key"] == case_id


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("cases", "state", "lost"),
        ("cases", "issues", "["),
        ("reports", "state", "lost"),
        ("study_identities", "study_time", "yesterday"),
        ("study_identities", "original_keys", "{"),
    ],
)
def test_one_damaged_row_is_named_and_the_rest_of_the_worklist_is_shown(
    store: Store, table: str, column: str, value: str
) -> None:
    with store.begin() as session:
        damaged, whole = add_drafted(session, 1), add_drafted(session, 2)
        cases.set_state(session, (whole,), CaseState.DRAFTED)
    spoil(store, table, column, value, case_id=damaged)
    with store.read() as session:
        shown = cases.worklist(session)
        assert sum(cases.counts(session).values()) == (1 if (table, column) == STATE else 2)
    assert [row.case_id for row in shown.rows] == [whole]
    assert (shown.unreadable, shown.total) == ((damaged,), 2)


def test_a_damaged_time_of_receipt_is_named_on_the_worklist(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session:
        damaged, whole = add_case(session, 1), add_case(session, 2)
    spoil(sqlite_store, "cases", "received_at", "once", case_id=damaged)
    clock = TurnroundClock(turnround.load(None), datetime.now(UTC))
    with sqlite_store.read() as session:
        shown = cases.worklist(session, clock=clock)
    assert ([row.case_id for row in shown.rows], shown.unreadable) == ([whole], (damaged,))


def test_a_damaged_instant_is_told(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session:
        case_id = add_case(session)
    spoil(sqlite_store, "cases", "received_at", "once")
    with pytest.raises(StorageDamaged) as error, sqlite_store.read() as session:
        cases.get_case(session, case_id)
    assert error.value.code == "value_damaged"


@pytest.mark.parametrize("kind", ["png", "i16"])
def test_a_damaged_object_is_told(sqlite_store: Store, kind: str) -> None:
    with sqlite_store.begin() as session:
        case_id = add_case(session)
        given = make_images(case_id)
        images.save(sqlite_store.objects, given)
        cases.add_key_images(session, given)
    key = given.images[0].image_id
    sqlite_store.objects.put(f"images/{key[:2]}/{key}.{kind}", b"damaged")
    with pytest.raises(StorageDamaged) as error, sqlite_store.read() as session:
        images.load(session, sqlite_store.objects, case_id)
    assert error.value.code == "image_damaged"


def test_a_page_of_the_database_that_is_damaged_is_told(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    store = open_store(settings)
    with store.begin() as session:
        for number in range(200):
            add_case(session, number)
    store.close()
    path = settings.data_dir / "radraft.db"
    with sqlite3.connect(path) as connection:
        [(page,)] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'cases'")
        [(size,)] = connection.execute("PRAGMA page_size")
    connection.close()
    store = open_store(settings)
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    with pytest.raises(StorageDamaged) as error, store.read() as session:
        cases.worklist(session)
    assert error.value.code == "database_damaged"
    store.close()


def test_no_error_of_the_database_quotes_what_was_to_be_written(sqlite_store: Store) -> None:
    with pytest.raises(IntegrityError) as error, sqlite_store.begin() as session:
        session.execute(
            sa.text("INSERT INTO patients (patient_ref, patient_id) VALUES (:ref, :name)"),
            [{"ref": "p", "name": NAME}] * 2,
        )
    assert NAME not in str(error.value)
