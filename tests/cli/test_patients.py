"""`radraft patients`: what a person says of studies after a merge."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from radraft.cli.main import app
from radraft.pipeline.order_intake import OrderIntake
from radraft.store import cases
from radraft.store.database import Store
from tests import builders
from tests.hl7_messages import patient_message


@pytest.fixture
def asked(sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("RADRAFT_DATA_DIR", str(tmp_path / "data"))
    with sqlite_store.begin() as session:
        case_id = builders.add_case(session)
    message = patient_message(kind="ADT^A40", patient="NEW-1", prior=builders.PATIENT_ID, sex="M")
    OrderIntake(sqlite_store).receive(message.encode(), site="site-a", source="test")
    return case_id


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["patients", *arguments])
    return done.exit_code, done.stdout


def number(store: Store, case_id: str) -> str:
    with store.read() as session:
        return cases.identity(session, case_id).patient.patient_id


def test_the_list_names_studies_and_nobody(asked: str) -> None:
    code, text = run("list")
    assert code == 0
    assert asked in text
    assert "sex_differs" in text
    for word in ("PLANTED", "Planted", "植入", "NEW-1"):
        assert word not in text, word
    (question,) = json.loads(run("list", "--json")[1])["questions"]
    assert (question["case"], question["doubts"]) == (asked, ["sex_differs"])


def test_a_person_compares_both_and_says(sqlite_store: Store, asked: str) -> None:
    _, text = run("show", asked)
    assert builders.PATIENT_ID in text
    assert "NEW-1" in text
    assert run("confirm", asked)[0] == 0
    assert number(sqlite_store, asked) == "NEW-1"
    assert run("list") == (0, "Nothing is asked.\n")
    assert run("refuse", asked)[0] == 0
    assert number(sqlite_store, asked) == builders.PATIENT_ID


def test_nobody_answers_what_is_not_asked(sqlite_store: Store, asked: str) -> None:
    with sqlite_store.begin() as session:
        other = builders.add_case(session, 2)
    assert run("confirm", "c-0000000000000000")[0] != 0
    assert run("confirm", other)[0] != 0
