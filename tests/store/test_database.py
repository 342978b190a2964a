from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import DBAPIError

from radraft.core.errors import SettingsError
from radraft.core.settings import Settings
from radraft.store import cases
from radraft.store.database import Store, open_store
from radraft.store.tables import IMMUTABLE_TABLES, Base
from tests import children
from tests.builders import add_case

TRIGGERS = {
    "sqlite": "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON tgrelid = pg_class.oid "
    "WHERE NOT tgisinternal",
}


def test_migrations_reach_the_schema_of_the_tables(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        rows = connection.execute(sa.text(TRIGGERS[store.engine.dialect.name])).all()
    per_table = 3 if store.engine.dialect.name == "sqlite" else 2
    listing = {name for name, _ in rows if name.startswith("worklist_")}
    found = [table for name, table in rows if name not in listing]
    assert len(listing) == 5
    assert {table: found.count(table) for table in found} == dict.fromkeys(
        IMMUTABLE_TABLES, per_table
    )


def test_a_second_opening_finds_what_the_first_kept(store: Store, store_settings: Settings) -> None:
    with store.begin() as session:
        case_id = add_case(session)
    again = open_store(store_settings)
    with again.read() as session:
        assert cases.get_case(session, case_id).case_id == case_id
    assert again.secret == store.secret
    again.close()


def test_an_error_undoes_the_transaction(store: Store) -> None:
    with pytest.raises(RuntimeError), store.begin() as session:
        add_case(session)
        raise RuntimeError
    with store.read() as session:
        assert cases.worklist(session).rows == ()


def test_reading_refuses_to_write_and_leaves_the_connection_fit_to(store: Store) -> None:
    with pytest.raises(DBAPIError), store.read() as session:
        add_case(session)
    with store.begin() as session:
        add_case(session)
    with store.read() as session:
        assert len(cases.worklist(session).rows) == 1


def test_reading_sees_one_state_and_waits_for_no_writer(store: Store) -> None:
    with store.read() as reading:
        assert cases.worklist(reading).rows == ()
        with store.begin() as writing:
            add_case(writing)
            assert cases.worklist(reading).rows == ()
        assert cases.worklist(reading).rows == ()


def test_sqlite_keeps_what_it_acknowledged_through_a_power_cut(sqlite_store: Store) -> None:
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30000}
    with sqlite_store.read() as first, sqlite_store.read() as second:
        # Two at once: both the connection that made the file and one that only opened it.
        for session in (first, second):
            connection = session.connection()
            found = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in expected
            }
            assert found == expected


def test_foreign_keys_hold(store: Store) -> None:
    with pytest.raises(DBAPIError), store.begin() as session:
        session.execute(
            sa.text(
                "INSERT INTO turns (turn_id, case_id, question, answer, lang, citations, refused, "
                "asked_by, asked_at) VALUES (1, 'c-none', '', '', 'zh', '[]', :no, '', :now)"
            ).bindparams(no=False, now="2026-01-01 00:00:00")
        )


def test_the_data_folder_is_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    open_store(Settings(data_dir=folder)).close()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "site.secret").stat().st_mode & 0o777 == 0o600
    assert len((folder / "site.secret").read_bytes()) == 32


def test_another_secret_is_refused(store: Store, store_settings: Settings) -> None:
    (store_settings.data_dir / "site.secret").write_bytes(bytes(32))
    with pytest.raises(SettingsError) as error:
        open_store(store_settings)
    assert error.value.code == "site_secret_mismatch"


def test_a_damaged_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "site.secret").write_bytes(b"short")
    with pytest.raises(SettingsError) as error:
        open_store(Settings(data_dir=tmp_path))
    assert error.value.code == "site_secret_damaged"


def test_a_database_from_the_future_is_refused(store: Store, store_settings: Settings) -> None:
    with store.begin() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SettingsError) as error:
        open_store(store_settings)
    assert error.value.code == "database_newer"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("mysql://h/d", "database_url_unsupported"),
        ("sqlite://", "database_url_unsupported"),
        ("not a url", "database_url_unsupported"),
        ("postgresql://user@127.0.0.1:1/none?connect_timeout=2", "database_unreachable"),
    ],
)
def test_database_urls_that_cannot_work(tmp_path: Path, url: str, code: str) -> None:
    with pytest.raises(SettingsError) as error:
        open_store(Settings(data_dir=tmp_path / "data", database_url=url))
    assert error.value.code == code


def test_a_file_in_the_place_of_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingsError) as error:
        open_store(Settings(data_dir=tmp_path / "file"))
    assert error.value.code == "data_dir_unusable"


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "radraft.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(SettingsError) as error:
        open_store(Settings(data_dir=tmp_path))
    assert error.value.code == "database_damaged"


def test_processes_that_open_a_fresh_store_at_once_agree(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    secrets = children.together(children.open_once, settings, processes=4)
    assert len(set(secrets)) == 1
    with sqlite3.connect(tmp_path / "data" / "radraft.db") as connection:
        assert connection.execute("SELECT count(*) FROM site").fetchone() == (1,)
    connection.close()
