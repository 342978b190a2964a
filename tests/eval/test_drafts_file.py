"""Drafts of a run on disk: the same when read again, and nothing else taken for one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from radraft.core.errors import EvalError
from radraft.eval.drafts_file import DraftsFile, in_order_of, read_drafts, write_drafts
from radraft.eval.pairs import read_pairs
from radraft.eval.values import NOTHING, Drafted, EvalSet, SetCard, SetItem

DRAFTS = (
    Drafted(
        "b",
        ("左侧胸腔积液。", "心影不大。"),
        ("Left pleural effusion.", "Heart normal."),
        (1.5, None),
    ),
    Drafted("a", (), (), failed="llm_timeout"),
)
GOOD = {"id": "a", "zh": ["右侧气胸。"], "en": ["Right pneumothorax."]}


def written(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_drafts_are_read_as_they_were_written(tmp_path: Path) -> None:
    run = DraftsFile(DRAFTS, "m", quality_gate=True)
    path = tmp_path / "new/drafts.jsonl"
    write_drafts(path, run)
    assert read_drafts(path) == run
    assert [entry.name for entry in path.parent.iterdir()] == ["drafts.jsonl"]
    line = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    stated = {"code": "pleural_effusion", "polarity": "present", "laterality": "left"}
    assert stated in line["findings"]["zh"]
    assert stated in line["findings"]["en"]


def test_drafts_stand_in_the_order_of_the_set(tmp_path: Path) -> None:
    items = tuple(SetItem(key, tmp_path) for key in "ab")
    chosen = EvalSet(SetCard("s", "", "", "all", "0"), items)
    assert [draft.id for draft in in_order_of(chosen, DRAFTS, tmp_path)] == ["a", "b"]
    with pytest.raises(EvalError, match="eval_ids_differ"):
        in_order_of(chosen, DRAFTS[:1], tmp_path)
    other = EvalSet(chosen.card, items[:1])
    with pytest.raises(EvalError, match="eval_ids_differ"):
        in_order_of(other, DRAFTS, tmp_path)


def test_a_study_without_a_draft_states_nothing_against_references(tmp_path: Path) -> None:
    write_drafts(tmp_path / "d", DraftsFile(DRAFTS, "m", quality_gate=True))
    refs = written(tmp_path / "r", *({"id": key, "report": "双肺清晰。"} for key in "ab"))
    pairs = list(read_pairs(refs, tmp_path / "d", "zh"))
    assert [(pair.id, pair.hyp) for pair in pairs] == [
        ("a", NOTHING), ("b", "左侧胸腔积液。\n心影不大。"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"zh": []}, "eval_lengths_differ"),
        ({"zh": "右侧气胸。"}, "eval_wrong_type"),
        ({"en": [1]}, "eval_wrong_type"),
        ({"support": ["1"]}, "eval_wrong_type"),
        ({"failed": 1}, "eval_wrong_type"),
        ({"id": " "}, "eval_bad_id"),
    ],
)
def test_what_is_no_draft_is_refused(row: dict[str, Any], code: str, tmp_path: Path) -> None:
    with pytest.raises(EvalError, match=code):
        read_drafts(written(tmp_path / "d", {**GOOD, **row}))
    with pytest.raises(EvalError, match="eval_duplicate_id"):
        read_drafts(written(tmp_path / "d", GOOD, GOOD))
    with pytest.raises(EvalError, match="eval_no_reports"):
        read_drafts(written(tmp_path / "d"))


def test_a_file_of_sentences_alone_will_do(tmp_path: Path) -> None:
    found = read_drafts(written(tmp_path / "d.jsonl", GOOD))
    assert (found.model, found.quality_gate) == ("d.jsonl", False)
    assert found.drafts == (Drafted("a", ("右侧气胸。",), ("Right pneumothorax.",)),)
