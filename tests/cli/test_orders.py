"""`radraft orders`, over messages that came."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from radraft.cli.main import app
from radraft.pipeline.order_intake import OrderIntake
from radraft.store.database import Store
from tests.hl7_messages import order_message


@pytest.fixture
def received(sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("RADRAFT_DATA_DIR", str(tmp_path / "data"))
    intake = OrderIntake(sqlite_store)
    for message in (order_message("C1"), order_message("C2", patient="")):
        intake.receive(message.encode(), site="site-a", source="test")
    return sqlite_store


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["orders", *arguments])
    return done.exit_code, done.stdout


def test_the_list_names_what_is_kept_and_nobody(received: Store) -> None:
    code, text = run("list")
    assert code == 0
    assert "hl7_patient_missing" in text
    assert "no study yet" in text
    for word in ("PLANTED", "Planted", "植入", "咳嗽"):
        assert word not in text, word
    _, raw = run("list", "--json")
    found = json.loads(raw)
    assert [message["control_id"] for message in found["messages"]] == ["C2"]
    assert [order["state"] for order in found["orders"]] == ["placed"]
    assert json.loads(run("list", "--asked", "--json")[1])["orders"] == []


def test_a_kept_message_is_shown_read_again_and_dropped(received: Store) -> None:
    number = str(json.loads(run("list", "--json")[1])["messages"][0]["number"])
    code, text = run("show", number)
    assert code == 0
    assert "魏^植入" in text
    assert run("retry") == (3, f"Taken: 0\n{number}: hl7_patient_missing\n")
    assert run("drop", number)[0] == 0
    assert run("retry") == (0, "Taken: 0\n")
    assert run("drop", number)[0] != 0
    assert run("show", "999")[0] != 0
