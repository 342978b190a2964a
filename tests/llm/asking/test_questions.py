"""What a question asks for of what is known beside the text."""

from __future__ import annotations

import pytest

from radraft.llm.asking.questions import read_question
from radraft.llm.asking.values import MetadataField

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
