"""What the commands do and say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from radraft.cli import adapt, adapters
from radraft.cli.output import Output
from radraft.core import run_folder
from radraft.core.settings import Settings
from radraft.finetune.adapt import keys
from radraft.finetune.adapt.values import Base, Progress, Stage
from radraft.llm.adapter import Adapter

from .world import SITE, go

JSON, TEXT = Output(json=True), Output(json=False)


def test_a_run_that_has_not_ended_is_the_next_one(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    first = adapt.next_run(settings, "../a b")
    assert first == tmp_path / "adapt" / ".._a_b-1"
    run_folder.begin(first, {})
    assert adapt.next_run(settings, "../a b") == first
    run_folder.finish(first)
    second = adapt.next_run(settings, "../a b")
    assert second.name == ".._a_b-2"
    run_folder.begin(second, {})
    assert adapt.next_run(settings, "../a b") == second
    assert adapt.next_run(settings, "other").name == "other-1"


def test_one_bar_says_what_is_left_of_both_stages() -> None:
    told: list[tuple[str, float]] = []
    tell = adapt.teller(lambda text, part: told.append((text, part)))
    tell(Progress(Stage.SFT, 3, 102, 1.2345, 0.02, 754.0))
    tell(Progress(Stage.DPO, 5, 6, 0.61, 0.98, 31.0))
    assert told == [
        ("Learning what was signed: step 3 of 102, loss 1.234, 13 min left", 0.02),
        ("Preferring it over the draft: step 5 of 6, loss 0.610, less than a minute left", 0.98),
    ]


def test_what_came_of_it() -> None:
    card: dict[str, Any] = {
        "counts": {"new": 270, "replay": 90, "valid": 30, "preferences": 60, "frozen": 40},
        "left_out": {"duplicate": 2, "unread": 5},
        "losses": {"sft": {"valid": 0.51234, "step": 90}, "dpo": {"valid": 0.5, "step": 6}},
        "kept": "dpo",
    }
    made = Adapter("a-" + "0" * 16, "a", "b", {}, 4, None, "", card, datetime.now(UTC))
    assert adapt.told(made, 12.34).splitlines() == [
        "Pairs: 270 new, 90 again, 30 to validate, 60 with a changed draft; 40 frozen, untouched",
        "  left out, duplicate: 2",
        "  left out, unread: 5",
        "Validation loss after sft: 0.5123",
        "Validation loss after dpo: 0.5000",
        "Kept: the weights of dpo. 12.3 minutes",
        "Adapter: a-0000000000000000 (candidate), site a, from the base",
        "next: radraft adapters gate a-0000000000000000",
    ]
    assert "from a-1" in adapt.told(replace(made, parent="a-1"), 1.0)


@pytest.mark.slow
def test_files_travel_by_command(
    settings: Settings,
    ground: Base,
    tiny_sizes: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = go(settings, ground, tmp_path / "run")
    monkeypatch.setenv("RADRAFT_DATA_DIR", str(settings.data_dir))
    adapters.key(out=JSON)
    key = json.loads(capsys.readouterr().out)["key"]
    adapters.export_file(made.adapter_id, tmp_path / "chest", out=JSON)
    sent = json.loads(capsys.readouterr().out)
    assert sent == {"file": str(tmp_path / "chest.radapter"), "key": key}
    monkeypatch.setenv("RADRAFT_DATA_DIR", str(tmp_path / "away"))
    adapters.trust("home", key, out=TEXT)
    assert capsys.readouterr().out == f"home: {key}\n"
    assert keys.trusted(tmp_path / "away") == {key: "home"}
    adapters.import_file(tmp_path / "chest.radapter", "site-b", "李", out=JSON)
    got = json.loads(capsys.readouterr().out)
    assert (got["site"], got["kind"], got["state"]) == ("site-b", "imported", "candidate")
    assert got["card"]["origin"]["site"] == SITE
