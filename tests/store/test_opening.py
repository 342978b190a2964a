"""What a store finds when it is opened: a new site, its own data, or what must not be touched."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from radraft.core.errors import SettingsError, message
from radraft.core.settings import Settings
from radraft.store import cases, site_secret, triggers
from radraft.store.database import Store, open_store
from radraft.store.tables import IMMUTABLE_TABLES
from tests.builders import add_case
from tests.postgres import Cluster

pytestmark = pytest.mark.slow


def refusal(settings: Settings) -> SettingsError:
    with pytest.raises(SettingsError) as error:
        open_store(settings)
    return error.value


@pytest.fixture
def used(tmp_path: Path) -> Settings:
    """A site with one case and an object, closed."""
    settings = Settings(data_dir=tmp_path / "data")
    store = open_store(settings)
    with store.begin() as session:
        add_case(session)
    store.objects.put("images/a", b"pixels")
    store.close()
    return settings


@pytest.mark.parametrize("empty", [True, False])
def test_an_empty_database_beside_an_old_secret_is_no_new_site(used: Settings, empty: bool) -> None:
    secret = (used.data_dir / site_secret.NAME).read_bytes()
    for path in used.data_dir.glob("radraft.db*"):
        path.unlink()
    if empty:
        (used.data_dir / "radraft.db").touch()
    error = refusal(used)
    assert (error.code, error.details) == ("database_lost", {"found": "site.secret, objects"})
    assert "site.secret" in error.message_zh
    assert (used.data_dir / site_secret.NAME).read_bytes() == secret
    # Nothing of another database lies where the old one is restored to.
    assert {path.name for path in used.data_dir.glob("radraft.db*")} <= {"radraft.db"}


def test_an_empty_database_beside_old_objects_is_no_new_site(used: Settings) -> None:
    for path in (*used.data_dir.glob("radraft.db*"), used.data_dir / site_secret.NAME):
        path.unlink()
    error = refusal(used)
    assert (error.code, error.details) == ("database_lost", {"found": "objects"})
    assert not (used.data_dir / site_secret.NAME).exists()


def test_a_database_with_its_tables_but_no_site_is_no_new_site(used: Settings) -> None:
    with sqlite3.connect(used.data_dir / "radraft.db") as connection:
        connection.execute("DELETE FROM site")
    assert refusal(used).code == "database_lost"


def test_once_the_old_data_is_moved_away_a_new_site_begins(used: Settings, tmp_path: Path) -> None:
    (used.data_dir / "radraft.db").unlink()
    assert refusal(used).code == "database_lost"
    used.data_dir.rename(tmp_path / "old")
    store = open_store(used)
    with store.read() as session:
        assert cases.worklist(session).total == 0
    store.close()


def test_a_restored_database_opens_again(used: Settings, tmp_path: Path) -> None:
    shutil.copy(used.data_dir / "radraft.db", tmp_path / "backup")
    (used.data_dir / "radraft.db").unlink()
    assert refusal(used).code == "database_lost"
    shutil.copy(tmp_path / "backup", used.data_dir / "radraft.db")
    store = open_store(used)
    with store.read() as session:
        assert cases.worklist(session).total == 1
    store.close()


def test_a_database_without_its_secret_is_refused_and_gets_no_other(used: Settings) -> None:
    (used.data_dir / site_secret.NAME).unlink()
    assert refusal(used).code == "site_secret_missing"
    assert not list(used.data_dir.glob("site.secret*"))


@pytest.mark.postgres
def test_an_empty_postgresql_beside_old_data_is_refused(used: Settings, cluster: Cluster) -> None:
    cluster.create("empty_one")
    url = cluster.url("empty_one")
    assert refusal(Settings(data_dir=used.data_dir, database_url=url)).code == "database_lost"
    cluster.drop("empty_one")


@pytest.mark.parametrize("committed", [False, True])
def test_a_first_start_that_was_killed_is_gone_on_with(tmp_path: Path, committed: bool) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    open_store(settings).close()
    secret = settings.data_dir / site_secret.NAME
    made = secret.read_bytes()
    # As it was before the secret was put in its place; and before the commit, too.
    secret.rename(settings.data_dir / "site.secret.new")
    if not committed:
        for path in settings.data_dir.glob("radraft.db*"):
            path.unlink()
    store = open_store(settings)
    assert store.secret == made
    store.close()
    assert [path.name for path in settings.data_dir.glob("site.secret*")] == [site_secret.NAME]


def test_another_sites_half_made_secret_is_not_taken(used: Settings) -> None:
    (used.data_dir / site_secret.NAME).unlink()
    (used.data_dir / "site.secret.new").write_bytes(bytes(32))
    assert refusal(used).code == "site_secret_missing"


def test_a_malformed_database_is_told_from_one_that_is_not_there(used: Settings) -> None:
    path = used.data_dir / "radraft.db"
    content = bytearray(path.read_bytes())
    content[100:] = bytes(len(content) - 100)
    path.write_bytes(content)
    assert refusal(used).code == "database_damaged"


def test_a_database_whose_tables_were_dropped_is_damaged(used: Settings) -> None:
    with sqlite3.connect(used.data_dir / "radraft.db") as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DROP TABLE turns")
    error = refusal(used)
    assert (error.code, error.details) == ("database_tables_missing", {"tables": "turns"})


def test_a_database_that_another_process_keeps_locked_is_busy(used: Settings) -> None:
    holder = sqlite3.connect(used.data_dir / "radraft.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    waits = Settings(data_dir=used.data_dir, database_wait_s=0.2)
    assert refusal(waits).code == "database_busy"
    holder.rollback()
    holder.close()
    open_store(waits).close()


def test_a_folder_in_the_place_of_the_database_cannot_be_reached(tmp_path: Path) -> None:
    (tmp_path / "radraft.db").mkdir()
    assert refusal(Settings(data_dir=tmp_path)).code == "database_unreachable"


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("change", "code"),
    [("nobody@", "database_login_refused"), ("postgres@none", "database_unreachable")],
)
def test_postgresql_that_refuses_is_told_from_one_that_is_down(
    cluster: Cluster, tmp_path: Path, change: str, code: str
) -> None:
    user, _, name = change.partition("@")
    url = cluster.url(name or "postgres").replace("postgres@", f"{user}@", 1)
    assert refusal(Settings(data_dir=tmp_path / "data", database_url=url)).code == code


def every_append_only_trigger(store: Store) -> list[tuple[str, str]]:
    """All triggers but those that keep the worklist."""
    dialect = store.engine.dialect.name
    with store.engine.connect() as connection:
        if dialect == "sqlite":
            query = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
        else:
            query = (
                "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON tgrelid = pg_class.oid "
                "WHERE NOT tgisinternal"
            )
        rows = [(row[0], row[1]) for row in connection.execute(sa.text(query))]
    return [(name, table) for name, table in rows if not name.startswith("worklist_")]


def test_every_append_only_trigger_that_is_gone_is_missed_at_the_opening(
    store: Store, store_settings: Settings
) -> None:
    names = every_append_only_trigger(store)
    assert {table for _, table in names} == set(IMMUTABLE_TABLES)
    on = "" if store.engine.dialect.name == "sqlite" else " ON {table}"
    with store.engine.begin() as connection:
        assert triggers.missing(connection) == ()
        for name, table in names:
            connection.execute(sa.text(f"DROP TRIGGER {name}" + on.format(table=table)))
    error = refusal(store_settings)
    assert error.code == "append_only_missing"
    assert error.details["triggers"] == ", ".join(sorted(name for name, _ in names))
    open_store(store_settings, accept_missing_triggers=True).close()


def test_a_trigger_that_does_nothing_under_the_name_of_one_is_missed(
    store: Store, store_settings: Settings
) -> None:
    with store.engine.begin() as connection:
        if store.engine.dialect.name == "sqlite":
            name = "signed_reports_no_update"
            connection.execute(sa.text(f"DROP TRIGGER {name}"))
            connection.execute(
                sa.text(
                    f"CREATE TRIGGER {name} BEFORE UPDATE ON signed_reports BEGIN SELECT 1; END"
                )
            )
        else:
            name = "signed_reports_append_only_rows"
            connection.execute(sa.text(f"ALTER TABLE signed_reports DISABLE TRIGGER {name}"))
    error = refusal(store_settings)
    assert (error.code, error.details) == ("append_only_missing", {"triggers": name})


@pytest.mark.parametrize("code", ["database_lost", "append_only_missing"])
def test_a_refusal_says_what_to_do_in_both_languages(code: str) -> None:
    zh, en = message(code, {"found": "objects", "triggers": "t"})
    assert "备份" in zh
    assert "backup" in en
