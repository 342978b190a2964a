"""`radraft eval radeval`: what can be had is given, the rest is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from radraft.cli import evaluation
from radraft.cli.output import Output, reporting
from tests.cli.test_eval import EN, jsonl, printed


def test_radeval_without_its_environment_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RADRAFT_RADEVAL_PYTHON", str(tmp_path / "none"))
    refs, hyps = jsonl(tmp_path / "r", EN), jsonl(tmp_path / "h", EN)
    with pytest.raises(typer.Exit) as ended, reporting(Output(True)) as out:
        evaluation.radeval(refs, hyps, out=out)
    assert ended.value.exit_code == 1
    assert "radeval_not_installed" in capsys.readouterr().out


def test_radeval_gives_what_can_be_had_and_names_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    python = tmp_path / "python"
    answer = {"scores": {"bleu": {"bleu": 0.5}}, "unavailable": {"green": ["weights_missing", ""]}}
    python.write_text(f"#!/bin/sh\ncat >/dev/null\necho '{json.dumps(answer)}'\n")
    python.chmod(0o755)
    monkeypatch.setenv("RADRAFT_RADEVAL_PYTHON", str(python))
    refs, hyps = jsonl(tmp_path / "r", EN), jsonl(tmp_path / "h", EN)
    with pytest.raises(typer.Exit) as ended, reporting(Output(True)) as out:
        evaluation.radeval(refs, hyps, ["bleu", "green"], out=out)
    assert ended.value.exit_code == 3
    value = printed(capsys)
    assert value["scores"] == {"bleu": 0.5}
    assert value["unavailable"]["green"]["code"] == "radeval_weights_missing"
    with pytest.raises(typer.BadParameter):
        evaluation.radeval(refs, hyps, ["nothing"], out=Output(True))
