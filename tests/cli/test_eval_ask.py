"""`radraft eval ask`: what it prints, and what it keeps to itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from radraft.cli import evaluation
from radraft.cli.output import Output
from radraft.core.errors import EvalError
from radraft.core.settings import Settings
from radraft.reports.audit import AuditKind
from radraft.store.database import open_store
from tests.cli.test_commands import answer
from tests.eval.asking import cases as c


def asked(paths: tuple[Path, Path], capsys: pytest.CaptureFixture[str], **more: Any) -> Any:
    evaluation.ask(*paths, out=Output(True), **more)
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_the_engine_is_asked_and_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = c.written(tmp_path, [c.question(c.LUNGS, "q1"), c.question(c.RIB, "q2")])
    value = asked(paths, capsys)
    everything = value["groups"][0]
    assert everything["good"]["n"] == sum(everything["scores"].values()) == 2
    assert everything["scores"]["right"] == everything["scores"]["refused rightly"] == 1
    assert value["failed"] == {} and value["latency_ms"]["p95"] > 0


@pytest.mark.slow
def test_misses_are_listed_only_where_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {**c.LUNGS, "cites": [["r2/f3"]]}
    paths = c.written(tmp_path, [c.question(wrong, "q1")])
    assert "misses" not in asked(paths, capsys)
    value = asked(paths, capsys, list_misses=True)
    assert [(miss["id"], miss["score"]) for miss in value["misses"]] == [("q1", "wrong sentence")]


def test_misses_of_a_hidden_half_are_not_listed(tmp_path: Path) -> None:
    paths = c.written(tmp_path, [c.question(c.RIB)])
    unseen = paths[0].rename(tmp_path / "questions_unseen.jsonl")
    for questions, hidden in ((paths[1], True), (unseen, False)):
        with pytest.raises(EvalError) as error:
            evaluation.ask(
                questions, paths[1], half_hidden=hidden, list_misses=True, out=Output(True)
            )
        assert error.value.code == "eval_ask_hidden"


def exports(data_dir: Path) -> int:
    """How often the audit says that something was taken out."""
    store = open_store(Settings(data_dir=data_dir))
    with store.read() as session:
        kinds = [row[0] for row in session.execute(sa.text("SELECT kind FROM audit_events"))]
    store.close()
    return kinds.count(AuditKind.EXPORT.value)


@pytest.mark.slow
def test_marks_leave_as_a_question_set_and_the_audit_knows(
    tmp_path: Path, migrated_folder: Path
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(migrated_folder, folder)
    value = answer(folder, "eval", "marks", tmp_path / "set")
    assert value["questions"] == value["reports"] == 0
    names = {"questions.jsonl", "reports.jsonl", "judge.jsonl"}
    assert {path.name for path in (tmp_path / "set").iterdir()} == names
    assert exports(folder) == 1
    (tmp_path / "file").write_text("", encoding="utf-8")
    refused = answer(folder, "eval", "marks", tmp_path / "file", code=1)
    assert refused["error"]["code"] == "cannot_write"
