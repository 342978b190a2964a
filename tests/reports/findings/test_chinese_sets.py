"""Chinese extractor against five sets of sentences of eighteen kinds, written in turn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from radraft.reports.findings.chinese import read
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import counted_as

_DATA = Path(__file__).parent / "data"
_POLARITY = {"present": "+", "absent": "-", "uncertain": "?"}
_SIDE = {"left": "L", "right": "R", "bilateral": "B", None: "N"}


def _lines(name: str) -> list[str]:
    text = (_DATA / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


LINES = [line for letter in "abcde" for line in _lines(f"zh_kinds_{letter}.txt")]


def _says(mention: Mention, statement: str) -> bool:
    """Whether a mention is what a statement says; a side or a size that it leaves out is free."""
    code, polarity, *rest = statement.split()
    side = next((word for word in rest if word in "LRBN"), None)
    size = next((word for word in rest if re.fullmatch(r"[\d.x]+", word)), None)
    return (
        counted_as(mention.code) == counted_as(code)
        and _POLARITY[mention.polarity] == polarity
        and side in (None, _SIDE[mention.laterality])
        and (size is None or mention.size_mm == tuple(map(float, size.split("x"))))
    )


def _answers(answer: str, mentions: tuple[Mention, ...]) -> bool:
    left = list(mentions)
    for statement in filter(str.strip, answer.split(";")):
        said = next((mention for mention in left if _says(mention, statement)), None)
        if said is None:
            return False
        left.remove(said)
    return not left


@pytest.mark.parametrize("line", LINES)
def test_a_sentence_is_read_as_one_of_its_answers(line: str) -> None:
    text, _, answers = line.partition(" |")
    mentions = read(text.replace("\\n", "\n").replace("\\t", "\t"))
    assert any(_answers(answer, mentions) for answer in answers.split("||")), mentions


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("腹部US：GB结石。", "GB结石"),
        ("双肺：GGN（RUL，7mm）", "GGN"),
        ("R侧第4肋Fx", "肋Fx"),
        ("肺气肿 ✓  气胸 ✗", "气胸"),
    ],
)
def test_a_span_is_of_the_text_before_shorthand_is_written_out(text: str, named: str) -> None:
    assert named in [text[mention.start : mention.end] for mention in read(text)]
