"""The worklist after an upgrade and after somebody took its triggers away: on both databases."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from radraft.core.errors import SettingsError
from radraft.core.settings import Settings
from radraft.store import cases, migrations, reports, worklist_filling, worklist_triggers
from radraft.store.database import Store, open_store
from radraft.store.tables import WorklistEntryRow
from radraft.store.values import CaseState, WorklistFilter
from radraft.store.worklist_filling import Filling
from tests.builders import actor, add_case, make_report
from tests.store.tampering import signed

STORES = Path(__file__).parents[1] / "fixtures" / "stores"


def entries(store: Store) -> dict[str, dict[str, Any]]:
    with store.read() as session:
        rows = session.execute(sa.select(WorklistEntryRow.__table__))
        return {row.case_id: row._asdict() for row in rows}


def drop(store: Store, name: str) -> None:
    """Take one trigger away."""
    on_table = ""
    if store.engine.dialect.name == "postgresql":
        on_table = f" ON {worklist_triggers.TRIGGERS[name].table}"
    with store.engine.begin() as connection:
        connection.execute(sa.text(f"DROP TRIGGER {name}{on_table}"))


def some_studies(store: Store) -> list[str]:
    """Studies that differ in what the list says of them."""
    with store.begin() as session:
        ids = [add_case(session, number) for number in range(1, 6)]
        reports.save(session, ids[0], make_report(ids[0], 1), base_revision=0,
                     editor=actor("李").who)  # fmt: skip
    return [*ids, signed(store, 7).case_id]


@pytest.mark.parametrize("name", sorted(worklist_triggers.TRIGGERS))
def test_a_trigger_that_is_gone_is_missed_at_the_opening_and_made_by_a_rebuild(
    store: Store, store_settings: Settings, name: str
) -> None:
    case_id = some_studies(store)[0]
    with store.read() as session:
        assert worklist_triggers.missing(session.connection()) == ()
    kept = entries(store)
    drop(store, name)
    with pytest.raises(SettingsError) as refused:
        open_store(store_settings)
    assert refused.value.code == "worklist_triggers_missing"
    assert refused.value.details == {"triggers": name}
    assert "radraft worklist rebuild" in refused.value.message_zh
    with store.begin() as session:
        # As a list that was not kept: of another state, and one line missing.
        this = WorklistEntryRow.case_id == case_id
        session.execute(sa.update(WorklistEntryRow).where(this).values(phase="failed"))
        session.execute(sa.delete(WorklistEntryRow).where(WorklistEntryRow.author == "王医生"))
    mended = open_store(store_settings, accept_worklist=True)
    with mended.begin() as session:
        assert worklist_filling.begin_anew(session) == (name,)
    assert list(worklist_filling.fill(mended)) == [Filling(len(kept), len(kept), changed=2)]
    mended.close()
    assert entries(store) == kept
    open_store(store_settings).close()


def test_a_trigger_that_does_something_else_under_its_name_is_missed(
    store: Store, store_settings: Settings
) -> None:
    changes = [
        "DROP TRIGGER worklist_case",
        "CREATE TRIGGER worklist_case AFTER UPDATE OF state ON cases BEGIN SELECT 1; END",
    ]
    if store.engine.dialect.name == "postgresql":
        changes = [
            "CREATE OR REPLACE FUNCTION worklist_case() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RETURN NULL; END $$"
        ]
    with store.engine.begin() as connection:
        for change in changes:
            connection.execute(sa.text(change))
        assert worklist_triggers.missing(connection) == ("worklist_case",)
    with store.begin() as session:
        worklist_filling.begin_anew(session)
    open_store(store_settings).close()
    with store.begin() as session:
        case_id = add_case(session, 1)
        cases.set_state(session, (case_id,), CaseState.FAILED)
    assert entries(store)[case_id]["phase"] == "failed"


@pytest.mark.postgres
@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE cases DISABLE TRIGGER worklist_case",
        "DROP TRIGGER worklist_case ON cases; CREATE TRIGGER worklist_case AFTER UPDATE OF state "
        "ON cases FOR EACH ROW EXECUTE FUNCTION worklist_case()",
        "DROP TRIGGER worklist_case ON cases; CREATE TRIGGER worklist_case AFTER UPDATE OF state, "
        "site, modality, body_part, received_at, priority ON cases FOR EACH ROW WHEN (1 = 2) "
        "EXECUTE FUNCTION worklist_case()",
    ],
)
@pytest.mark.parametrize("store_settings", ["postgresql"], indirect=True)
def test_a_trigger_that_does_not_fire_whenever_it_should_is_missed(
    store: Store, change: str
) -> None:
    with store.engine.begin() as connection:
        for statement in change.split("; "):
            connection.execute(sa.text(statement))
        assert worklist_triggers.missing(connection) == ("worklist_case",)


def test_the_newest_migration_leaves_the_triggers_that_are_looked_for(store: Store) -> None:
    with store.engine.connect() as connection:
        assert worklist_triggers.missing(connection) == ()


def test_a_filling_that_is_broken_off_goes_on_and_is_told_and_logged(
    store: Store,
    store_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(worklist_filling, "AT_ONCE", 2)
    some_studies(store)
    kept = entries(store)
    with store.begin() as session:
        worklist_filling.begin_anew(session)
        session.execute(sa.delete(WorklistEntryRow))

    class Stopped(Exception):
        pass

    def stop(filling: Filling) -> None:
        assert (filling.studies, filling.total) == (2, 6)
        raise Stopped

    with pytest.raises(Stopped):
        open_store(store_settings, on_filling=stop)
    assert len(entries(store)) == 2
    told: list[Filling] = []
    with caplog.at_level(logging.INFO, "radraft.store"):
        open_store(store_settings, on_filling=told.append).close()
    assert [(filling.studies, filling.changed) for filling in told] == [(4, 2), (6, 4)]
    assert entries(store) == kept
    assert "worklist_filling: 6 of 6 studies" in caplog.text
    told.clear()
    open_store(store_settings, on_filling=told.append).close()
    assert told == []


def test_what_another_transaction_holds_is_listed_once_it_is_free(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL; on SQLite one writes at a time."""
    ids = some_studies(store)
    kept = entries(store)
    with store.begin() as session:
        worklist_filling.begin_anew(session)
        session.execute(sa.delete(WorklistEntryRow))
    if store.engine.dialect.name == "postgresql":
        holder = store.engine.connect()
        case_id = ids[2]
        holder.execute(
            sa.text("UPDATE cases SET state = 'failed' WHERE case_id = :id"), {"id": case_id}
        )
        held = worklist_filling._held

        def release(session: Any, case_ids: Any, *, skip: bool = False) -> tuple[str, ...]:
            if not skip:
                assert tuple(case_ids) == (case_id,)
                holder.commit()
            return held(session, case_ids, skip=skip)

        monkeypatch.setattr(worklist_filling, "_held", release)
        kept[case_id]["phase"] = "failed"
        assert [filling.studies for filling in worklist_filling.fill(store)] == [6]
        holder.close()
    else:
        assert [filling.studies for filling in worklist_filling.fill(store)] == [6]
    assert entries(store) == kept


def at_schema(folder: Path, number: str) -> None:
    """Bring a database to an earlier schema and no further."""
    engine = sa.create_engine(f"sqlite:///{folder / 'radraft.db'}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.attributes["connection"] = connection
        command.upgrade(config, number)
    engine.dispose()


@pytest.mark.parametrize("schema", ["0014", "0015"])
def test_a_store_of_an_earlier_schema_is_filled_and_its_false_authors_are_mended(
    tmp_path: Path, schema: str
) -> None:
    folder = shutil.copytree(STORES / "b9e49d5-today", tmp_path / "data")
    at_schema(folder, schema)
    with sqlite3.connect(folder / "radraft.db") as connection:
        known = connection.execute("SELECT case_id, patient_name FROM study_identities").fetchall()
        if schema == "0015":
            connection.execute(
                "INSERT INTO worklist_entries SELECT case_id, site, modality, body_part, state, 0, "
                "0, received_at, 'nobody', NULL, NULL, NULL, '', '', '', NULL FROM cases"
            )
    connection.close()
    told: list[Filling] = []
    store = open_store(Settings(data_dir=folder), on_filling=told.append)
    try:
        assert told == [Filling(len(known), len(known), changed=len(known))]
        assert "nobody" not in {entry["author"] for entry in entries(store).values()}
        for case_id, name in known:
            with store.read() as session:
                found = cases.worklist(session, wanted=WorklistFilter(search=name))
            assert case_id in {row.case_id for row in found.rows}
        again = entries(store)
        with store.begin() as session:
            worklist_filling.begin_anew(session)
        assert [filling.changed for filling in worklist_filling.fill(store)] == [0]
        assert entries(store) == again
    finally:
        store.close()
