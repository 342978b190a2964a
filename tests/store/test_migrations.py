"""Migrations stand by themselves: what they did once they do for ever."""

from __future__ import annotations

import ast
import shutil
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from radraft.core.settings import Settings
from radraft.store import cases, leases, migrations, patient_keys
from radraft.store.cases import CaseState
from radraft.store.database import Store, open_store
from radraft.store.tables import PatientKeyRow

FOLDER = Path(migrations.__file__).parent
STORES = Path(__file__).parents[1] / "fixtures" / "stores"
BEFORE_LEASES = STORES / "b9e49d5-today" / "radraft.db"
ALLOWED = {
    "radraft.core.errors",
    "radraft.store.tables",
    "radraft.store.triggers",
    "radraft.store.migrations",
    "radraft.store.migrations.versions",
    "radraft.store",
}


def imported(path: Path) -> set[str]:
    """The modules of radraft's own that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module == "radraft.store":
                found |= {f"radraft.store.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("radraft")}


def test_no_migration_imports_what_may_change() -> None:
    files = list(FOLDER.rglob("*.py"))
    assert len(files) > 8
    assert set.union(*map(imported, files)) <= ALLOWED


def test_migrations_follow_one_another_in_one_line() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    numbers = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert numbers == sorted(numbers, reverse=True)
    assert migrations.newest() == numbers[0]
    assert len(ScriptDirectory.from_config(config).get_heads()) == 1


def test_a_database_of_today_is_opened_without_reading_the_migrations(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*arguments: object) -> None:
        raise AssertionError("read")

    monkeypatch.setattr(migrations.command, "upgrade", never)
    open_store(Settings(data_dir=tmp_path / "data")).close()


def schema(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    return connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
    ).fetchall()


def test_the_first_six_make_the_schema_that_they_always_made(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'db'}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(FOLDER))
        config.attributes["connection"] = connection
        command.upgrade(config, "0006")
    engine.dispose()
    with (
        sqlite3.connect(tmp_path / "db") as made,
        sqlite3.connect(f"file:{BEFORE_LEASES}?immutable=1", uri=True) as kept,
    ):
        assert schema(made) == schema(kept)
    made.close()
    kept.close()


@pytest.mark.parametrize(
    "name", ["1588ca4-first", "3adb275-flywheel", "e340048-empty-migrations", "b9e49d5-today"]
)
def test_what_earlier_versions_kept_is_found_by_its_patient_and_waits_again(
    tmp_path: Path, name: str
) -> None:
    """Every study has the keys it would have, taken in today, and nobody holds a lease."""
    folder = shutil.copytree(STORES / name, tmp_path / "data")
    with sqlite3.connect(folder / "radraft.db") as connection:
        [(drafting,)] = connection.execute("SELECT count(*) FROM cases WHERE state = 'drafting'")
    connection.close()
    assert drafting > 0
    store = open_store(Settings(data_dir=folder))
    with store.begin() as session:
        kept = set(session.execute(sa.select(PatientKeyRow.case_id, PatientKeyRow.key)).all())
        patient_keys.fill(session)
        again = set(session.execute(sa.select(PatientKeyRow.case_id, PatientKeyRow.key)).all())
        counts = cases.counts(session)
        assert leases.leases(session) == ()
    store.close()
    assert kept == again != set()
    assert counts[CaseState.DRAFTING] == 0
    assert counts[CaseState.RECEIVED] >= drafting
