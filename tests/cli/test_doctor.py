"""The doctor examines the chosen profile's own parts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer

from radraft.cli.doctor import doctor
from radraft.cli.output import Output
from radraft.core.errors import SettingsError
from radraft.llm import checkpoint, starter_model
from radraft.vision_encoder import shipped
from radraft.vision_encoder.shipped import EDITIONS, Edition

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PROFILE = """
name: mine
checkpoint: {kind: path, path: FOLDER}
image_way: pixels
chat_format: model
template: instruct
languages: [zh, en]
covers: [{modality: DX, body_part: "", view: frontal}]
context_tokens: 4096
answers: written
notice: {zh: 仅供研究。, en: Research use only.}
"""


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One with a vLLM, and nothing else of its own."""
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho vllm 0.0\n")
    program.chmod(0o755)
    monkeypatch.setenv("RADRAFT_VLLM_PYTHON", str(program))
    monkeypatch.setenv("RADRAFT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("RADRAFT_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"")
    return folder


def examined(
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    folder: Path | None = None,
) -> tuple[dict[str, Any], list[str], int]:
    """(what was found, codes of the problems, exit status)."""
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("FOLDER", str(folder or tmp_path / "gone")), encoding="utf-8")
    monkeypatch.setenv("RADRAFT_PROFILE", str(path))
    status = 0
    try:
        doctor(Output(json=True))
    except typer.Exit as end:
        status = end.exit_code
    found = json.loads(capsys.readouterr().out)
    return found, [problem["code"] for problem in found["problems"]], status


def test_a_whole_profile_is_well(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    found, codes, status = examined(PROFILE, tmp_path, monkeypatch, capsys, weights)
    assert (codes, status, found["ok"]) == ([], 0, True)
    assert (found["profile"], found["checkpoint"]) == ("mine", str(weights))
    assert found["warnings"] == []


def test_a_checkpoint_and_a_template_that_do_not_exist_are_both_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    text = PROFILE.replace("template: instruct", "template: no-such-template")
    found, codes, status = examined(text, tmp_path, monkeypatch, capsys)
    assert sorted(codes) == ["checkpoint_not_found", "template_not_found"]
    assert status == 1
    # Not the starter's.
    assert found["checkpoint"] is None


@pytest.mark.parametrize("gone", ["config.json", "model.safetensors"])
def test_half_a_checkpoint_is_told(
    gone: str, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (weights / gone).unlink()
    _, codes, status = examined(PROFILE, tmp_path, monkeypatch, capsys, weights)
    assert (codes, status) == (["checkpoint_incomplete"], 1)


def test_earlier_studies_need_a_template_that_shows_them(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    text = PROFILE.replace("template: instruct", "template: starter\npriors: 1")
    _, codes, status = examined(text, tmp_path, monkeypatch, capsys, weights)
    assert (codes, status) == (["template_without_priors"], 1)


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_starter_that_is_not_built_is_told(
    edition: Edition,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RADRAFT_PROFILE", starter_model.PROFILES[edition])
    with pytest.raises(typer.Exit):
        doctor(Output(json=True))
    found = json.loads(capsys.readouterr().out)
    assert [problem["code"] for problem in found["problems"]] == ["starter_not_built"]
    built = checkpoint.folder(tmp_path / "cache", edition)
    built.mkdir(parents=True)
    doctor(Output(json=True))
    found = json.loads(capsys.readouterr().out)
    assert (found["problems"], found["checkpoint"]) == ([], str(built))


def test_a_weight_file_of_the_second_edition_that_is_missing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its folder: the first edition has one of the same name."""
    copy = shutil.copytree(shipped.FOLDERS[2], tmp_path / "trained2")
    (copy / "heads.safetensors").unlink()
    monkeypatch.setitem(shipped.FOLDERS, 2, copy)  # type: ignore[arg-type]
    monkeypatch.setenv("RADRAFT_PROFILE", "starter2")
    with pytest.raises(typer.Exit):
        doctor(Output(json=True))
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert "starter_weights_changed" in [problem["code"] for problem in problems]
    assert any("trained2/heads.safetensors" in problem["en"] for problem in problems)


def test_a_hub_model_says_whether_it_is_pinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    local = "{kind: path, path: FOLDER}"
    loose = "{kind: hub, id: some/model, revision: main, pinned: false}"
    found, codes, status = examined(PROFILE.replace(local, loose), tmp_path, monkeypatch, capsys)
    assert (codes, status) == ([], 0)
    assert found["checkpoint"] == "some/model, revision main (not pinned)"
    assert [warning["code"] for warning in found["warnings"]] == ["checkpoint_not_pinned"]
    pinned = f"{{kind: hub, id: some/model, revision: {COMMIT}}}"
    found, _, _ = examined(PROFILE.replace(local, pinned), tmp_path, monkeypatch, capsys)
    assert found["warnings"] == []
    assert found["checkpoint"] == f"some/model, revision {COMMIT}"


def test_a_profile_that_is_none_is_an_error_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RADRAFT_PROFILE", str(tmp_path / "nothing.yaml"))
    with pytest.raises(SettingsError) as error:
        doctor(Output(json=True))
    assert error.value.code == "profile_not_found"
