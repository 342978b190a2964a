"""`radraft tokens`: made, listed, revoked."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.pipeline.machine_tokens import MachineTokens
from radraft.store.database import open_store
from tests.cli.test_commands import answer, radraft

pytestmark = pytest.mark.slow

MAKE = ("tokens", "add", "ward wall", "--site", "north", "--scope", "read", "--days")


def test_a_token_is_printed_once_and_lets_in_until_it_is_revoked(tmp_path: Path) -> None:
    data = tmp_path / "data"
    made = answer(data, *MAKE, "30")
    secret, token_id = made["secret"], made["token"]["token_id"]
    store = open_store(Settings(data_dir=data))
    tokens = MachineTokens(store)
    assert tokens.by_secret(secret, address="10.0.0.20").name == "ward wall"
    listed = radraft(data, "tokens", "list").stdout
    assert token_id in listed and "read at north" in listed and "usable" in listed
    assert secret not in listed
    assert answer(data, "tokens", "revoke", token_id)["token"]["state"] == "revoked"
    assert [token.state(token.made_at) for token in tokens.every()] == ["revoked"]
    store.close()


@pytest.mark.parametrize("days", ["0", "367"])
def test_a_token_without_an_end_within_a_year_is_not_made(tmp_path: Path, days: str) -> None:
    done = radraft(tmp_path / "data", *MAKE, days)
    assert done.returncode != 0
    assert "token_days_invalid" in done.stderr
    assert answer(tmp_path / "data", "tokens", "list")["tokens"] == []


def test_a_token_that_is_not_there_cannot_be_revoked(tmp_path: Path) -> None:
    done = radraft(tmp_path / "data", "tokens", "revoke", "t-0000000000000000")
    assert done.returncode != 0
    assert "token_not_found" in done.stderr
