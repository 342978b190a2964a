"""Migrations stand by themselves: what they did once they do for ever."""

from __future__ import annotations

import ast
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from radraft.core.settings import Settings
from radraft.store import cases, leases, migrations
from radraft.store.cases import CaseState
from radraft.store.database import open_store
from radraft.store.leases import Owner
from radraft.store.tables import PatientKeyRow
from tests.builders import add_case

FOLDER = Path(migrations.__file__).parent
BEFORE_LEASES = Path(__file__).parents[1] / "fixtures" / "stores" / "b9e49d5-today" / "radraft.db"
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


@pytest.mark.parametrize("before", ["0001", "0005", "0006"])
def test_a_study_taken_in_before_can_be_found_by_its_patient(tmp_path: Path, before: str) -> None:
    """A database of an earlier schema with a study, brought to today's."""
    settings = Settings(data_dir=tmp_path / "data")
    store = open_store(settings)
    with store.begin() as session:
        case_id = add_case(session)
        wanted = set(session.scalars(sa.select(PatientKeyRow.key)))
    store.close()
    assert wanted
    with sqlite3.connect(settings.data_dir / "radraft.db") as connection:
        if before < "0006":
            connection.execute("DROP TABLE prior_links")
            connection.execute("DROP TABLE patient_keys")
        if before < "0005":
            for table in ("key_image_choices", "study_instances", "case_quality", "acquisitions",
                          "quality_refusals", "arrivals", "openings", "adapter_moves",
                          "gate_records", "shadow_drafts", "adapters"):  # fmt: skip
                connection.execute(f"DROP TABLE {table}")
            connection.execute("ALTER TABLE key_images DROP COLUMN window_name")
            connection.execute("ALTER TABLE training_pairs DROP COLUMN seconds")
        connection.execute("DROP TABLE draft_leases")
        connection.execute("UPDATE alembic_version SET version_num = ?", (before,))
    connection.close()
    store = open_store(settings)
    with store.read() as session:
        rows = session.execute(sa.select(PatientKeyRow.case_id, PatientKeyRow.key)).all()
    store.close()
    assert {tuple(row) for row in rows} == {(case_id, key) for key in wanted}


def test_what_was_being_drafted_before_there_were_leases_waits_again(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    store = open_store(settings)
    with store.begin() as session:
        case_id = add_case(session)
        leases.claim_case(session, case_id, Owner())
    store.close()
    with sqlite3.connect(settings.data_dir / "radraft.db") as connection:
        connection.execute("DROP TABLE draft_leases")
        connection.execute("UPDATE alembic_version SET version_num = '0006'")
    connection.close()
    store = open_store(settings)
    with store.read() as session:
        assert cases.get_case(session, case_id).state is CaseState.RECEIVED
        assert leases.leases(session) == ()
    store.close()
