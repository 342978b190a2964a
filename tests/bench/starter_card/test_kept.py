"""What was measured is measured again only when something changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from radraft.bench.starter_card.kept import Kept
from radraft.core.errors import EvalError


def test_a_stage_is_computed_once_for_the_same_inputs(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "models" / "starter.json")
    calls: list[int] = []

    def compute() -> dict[str, int]:
        calls.append(1)
        return {"value": len(calls)}

    first = kept.stage("encoder", {"weights": "a"}, compute)
    assert kept.stage("encoder", {"weights": "a"}, compute) == first
    assert len(calls) == 1
    assert kept.stage("encoder", {"weights": "b"}, compute)["values"] == {"value": 2}
    kept.stage("speed", {"weights": "b"}, lambda: {"seconds": 1.5})
    assert kept.read()["encoder"]["values"] == {"value": 2}
    assert set(kept.read()) == {"encoder", "speed"}


def test_a_stage_that_breaks_off_leaves_the_others(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "starter.json")
    kept.stage("encoder", {}, lambda: {"value": 1})

    def broken() -> dict[str, int]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept.stage("speed", {}, broken)
    assert set(kept.read()) == {"encoder"}


@pytest.mark.parametrize("text", ["{", "[]", '{"format": "another", "stages": {}}', "{}"])
def test_another_file_is_not_written_over(tmp_path: Path, text: str) -> None:
    path = tmp_path / "starter.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EvalError) as caught:
        Kept(path).stage("encoder", {}, dict)
    assert caught.value.code == "eval_starter_unreadable"
    assert path.read_text(encoding="utf-8") == text


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    path = tmp_path / "starter.json"
    Kept(path).stage("encoder", {}, lambda: {"zh": "肺"})
    text = path.read_text(encoding="utf-8")
    assert "肺" in text
    assert json.loads(text)["stages"]["encoder"]["values"] == {"zh": "肺"}
    with pytest.raises(ValueError, match="JSON"):
        Kept(path).stage("speed", {}, lambda: {"bad": float("nan")})
