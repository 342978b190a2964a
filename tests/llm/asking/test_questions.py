"""What a question asks for of what is known beside the text."""

from __future__ import annotations

import pytest

from radraft.llm.asking.lexicon import lexicon
from radraft.llm.asking.questions import read_question
from radraft.llm.asking.values import Kind, MetadataField

AUTHOR, REVIEWER, SIGNED = MetadataField.AUTHOR, MetadataField.REVIEWER, MetadataField.SIGNED_AT


@pytest.mark.parametrize(
    ("question", "fields"),
    [
        ("谁签的？", {AUTHOR, REVIEWER}),
        ("这份报告谁签发的，什么时候？", {AUTHOR, REVIEWER, SIGNED}),
        ("报告什么时候签的？", {SIGNED}),
        ("Who signed and when?", {AUTHOR, REVIEWER, SIGNED}),
        ("Who has signed this report?", {AUTHOR, REVIEWER}),
        ("When was this signed?", {SIGNED}),
        ("签发医生是谁？", {REVIEWER}),
        ("Is there a vascular sign of the chest?", set()),
    ],
)
def test_who_signed_and_when(question: str, fields: set[MetadataField]) -> None:
    assert set(read_question(question, []).fields) == fields


@pytest.mark.parametrize(
    "word",
    ["injection", "hypotension", "confusion", "supine", "swallow", "shall", "while", "value"],
)
def test_a_word_is_not_mended_into_another_that_it_resembles(word: str) -> None:
    assert lexicon().mended(f"was it {word}?") == f"was it {word}?"


def test_a_slip_is_mended() -> None:
    assert lexicon().mended("plueral effuson") == "pleural effusion"


@pytest.mark.parametrize(
    ("question", "sides"),
    [
        ("right腋下那个node多大", {"right"}),
        ("那个left锁骨上的node", {"left"}),
        ("CT复查", set()),
    ],
)
def test_an_english_word_within_chinese_is_read(question: str, sides: set[str]) -> None:
    assert read_question(question).sides == sides


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("scroll down to the liver", Kind.IMAGE),
        ("把关键那一层截图给我", Kind.IMAGE),
        ("Remind me what an air bronchogram is", Kind.DEFINITION),
        ("这个角怎么量的", Kind.DEFINITION),
        ("and how was the man in bed 12", Kind.OUTSIDE),
        ("帮我开个复查单", Kind.DECISION),
        ("Would you stop the heparin?", Kind.DECISION),
        ("Would you say that the heart is large?", Kind.PRESENCE),
        ("How thick is the wall?", Kind.SIZE),
    ],
)
def test_what_no_report_answers_is_told_from_what_one_may(question: str, kind: Kind) -> None:
    assert read_question(question).kind is kind
