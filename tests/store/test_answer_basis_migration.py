"""Turns of before what an answer rests on was kept are read as they were, after the upgrade too."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from radraft.core.errors import StorageDamaged
from radraft.core.settings import Settings
from radraft.reports.people import typed_person
from radraft.store import migrations, questions
from radraft.store.database import Store, open_store
from radraft.store.questions import AnswerBasis, AnswerSource, SourceRole
from radraft.store.tables import CaseRow, TurnRow

CASE_ID = "c-00000000000000aa"
BASIS = AnswerBasis(
    "series",
    "answered",
    "present",
    (
        AnswerSource(SourceRole.QUOTED, CASE_ID, 1, "f1"),
        AnswerSource(SourceRole.SIZE, "c-00000000000000ab", 2, "f2", "3.2 cm"),
    ),
)
BEFORE = (
    "INSERT INTO turns (case_id, question, answer, lang, citations, refused, version, asked_by,"
    " asked_at) VALUES (?, '多大？', '报告中写道：3 cm。', 'zh', '[\"f1\"]', 0, 1, '赵临床',"
    " '2026-01-02 03:04:05.000000')"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A store of the version before, with one turn."""
    settings = Settings(data_dir=tmp_path / "data")
    settings.data_dir.mkdir()
    database = settings.data_dir / "radraft.db"
    engine = sa.create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.attributes["connection"] = connection
        command.upgrade(config, "0033")
        connection.execute(
            sa.insert(CaseRow).values(
                case_id=CASE_ID, patient_ref="p-1", site="site-a", modality="CT", body_part="CHEST",
                view="frontal", age_band="60-69", sex="F", history="", state="received", issues=(),
                received_at=datetime(2026, 1, 1, tzinfo=UTC),
            )
        )  # fmt: skip
    engine.dispose()
    with sqlite3.connect(database) as connection:
        connection.execute(BEFORE, (CASE_ID,))
    connection.close()
    return settings


def add(store: Store, basis: AnswerBasis | None) -> questions.Turn:
    with store.begin() as session:
        return questions.add_turn(
            session, CASE_ID, question="多大？", answer="!", lang="zh", citations=("f1",),
            refused=False, asked_by=typed_person("赵临床"), version=1, basis=basis,
        )  # fmt: skip


def test_a_turn_from_before_stays_as_it_was_and_a_new_one_has_its_basis(
    settings: Settings,
) -> None:
    store = open_store(settings)
    added = add(store, BASIS)
    with store.read() as session:
        old, new = questions.turns(session, CASE_ID)
    store.close()
    assert (old.answer, old.citations, old.version, old.basis) == (
        "报告中写道：3 cm。", ("f1",), 1, None,
    )  # fmt: skip
    assert new == added and new.basis == BASIS


@pytest.mark.parametrize("kept", ["{", json.dumps([{"role": "else", "case_id": "c"}]), "[1]"])
def test_a_basis_that_cannot_be_read_says_so(settings: Settings, kept: str) -> None:
    store = open_store(settings)
    turn = add(store, BASIS)
    with store.begin() as session:
        row = session.get(TurnRow, turn.turn_id)
        assert row is not None
        row.sources = kept
    with store.read() as session, pytest.raises(StorageDamaged):
        questions.turns(session, CASE_ID)
    store.close()
