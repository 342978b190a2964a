from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from radraft.core.errors import EvalError
from radraft.eval.asking.files import read_question_set
from radraft.eval.asking.run import ask_all
from radraft.eval.asking.table import tally_tables
from radraft.eval.asking.tally import misses, share, tally
from radraft.eval.asking.values import AnswerOutcome, AskedReport, Reply
from tests.eval.asking import cases as c


class Recorded:
    """Replies from a table, and what it was asked."""

    def __init__(self, replies: dict[str, Reply]) -> None:
        self.replies = replies
        self.heard: list[tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]] = []
        self.opened: list[str] = []

    def open(self, report: AskedReport) -> None:
        assert not self.heard
        self.opened.append(report.id)

    def answer(
        self,
        question: str,
        report: AskedReport,
        priors: Sequence[AskedReport],
        history: Sequence[tuple[str, str]],
    ) -> Reply:
        self.heard.append((question, tuple(prior.id for prior in priors), tuple(history)))
        return self.replies.get(question, Reply(AnswerOutcome.NOT_MENTIONED, "无此内容"))


def test_a_chain_is_asked_in_its_order_with_the_answers_as_they_came(tmp_path: Path) -> None:
    chain = [
        c.question({"text": text, "expected": "not mentioned", "chain": "k", "turn": turn}, text)
        for text, turn in (("二", 2), ("一", 1), ("三", 3))
    ]
    alone = c.question({"text": "别的", "expected": "not mentioned"}, "x")
    engine = Recorded({"一": Reply(AnswerOutcome.REFUSED, "答一")})
    ask_all(c.question_set(tmp_path, [chain[0], alone, *chain[1:]]), engine)
    assert engine.heard == [
        ("一", ("r1",), ()),
        ("二", ("r1",), (("一", "答一"),)),
        ("三", ("r1",), (("一", "答一"), ("二", "无此内容"))),
        ("别的", ("r1",), ()),
    ]


def _tallied(tmp_path: Path) -> tuple[dict[str, Any], str, list[dict[str, Any]]]:
    size = {**c.SIZE, "pair": "p"}
    other = {**c.SIZE_EN, "pair": "p"}
    asked = c.question_set(
        tmp_path, [c.question(size, "q1"), c.question(other, "q2"), c.question(c.RIB, "q3")]
    )
    right = Reply(AnswerOutcome.ANSWERED, "12×9 mm", ("r2/f1",))
    replies = ask_all(asked, Recorded({"结节多大": right}))
    found = tally(replies, asked)
    return found.as_json(), tally_tables(found), misses(replies)


def test_shares_are_each_over_their_own_questions(tmp_path: Path) -> None:
    value, text, missed = _tallied(tmp_path)
    counts = {
        (one["name"], one["of"]): (one["value"]["count"], one["value"]["n"])
        for one in value["measures"]
    }
    assert counts[("false denial", "answerable")] == (1, 2)
    assert counts[("right sentence cited", "answerable")] == (1, 2)
    assert counts[("false premise accepted", "with a false premise")] == (0, 0)
    assert counts[("unanswerable answered", "unanswerable")] == (0, 1)
    assert counts[("obeyed", "all")] == (0, 3)
    assert counts[("zh and en agree", "pairs")] == (0, 1)
    assert {one["verdict"] for one in value["measures"]} == {"undecided"}
    everything = value["groups"][0]
    assert (everything["name"], everything["good"]["count"]) == ("all", 2)
    assert everything["scores"]["refused rightly"] == 1
    assert [miss["id"] for miss in missed] == ["q2"]
    assert "q2" not in text and "nodule" not in text and "nodule" not in json.dumps(value)


def test_a_share_of_few_questions_decides_nothing() -> None:
    assert not share(0, 19).decided and share(0, 20).decided
    assert (share(0, 20).low, share(0, 20).high) == (0.0, 0.1611)


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([{**c.question(c.SIZE), "kind": "gossip"}], "eval_ask_bad_line"),
        ([{**c.question(c.SIZE), "report": "r9"}], "eval_ask_unknown_report"),
        ([c.question({**c.SIZE, "cites": [["r9/f1"]]})], "eval_ask_unknown_report"),
        ([c.question(c.SIZE), c.question(c.RIB)], "eval_duplicate_id"),
        ([], "eval_no_reports"),
    ],
)
def test_files_that_cannot_be_scored(rows: list[dict[str, Any]], code: str, tmp_path: Path) -> None:
    with pytest.raises(EvalError) as error:
        read_question_set(*c.written(tmp_path, rows))
    assert error.value.code == code
    assert "结节" not in str(error.value) + error.value.message_zh
