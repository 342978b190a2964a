"""Chinese extractor against the hand-written sentences of `chinese_sentences.txt`."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.reports.findings.chinese import claims_prior, read
from radraft.reports.findings.values import Change, Mention
from radraft.reports.findings.vocabulary import anatomy, vocabulary
from radraft.reports.values import Certainty, Laterality

_POLARITY = {"+": Certainty.PRESENT, "-": Certainty.ABSENT, "?": Certainty.UNCERTAIN}
_SIDE = {"L": Laterality.LEFT, "R": Laterality.RIGHT, "B": Laterality.BILATERAL}
_TABLE = Path(__file__).with_name("chinese_sentences.txt").read_text(encoding="utf-8")
SENTENCES = [line for line in _TABLE.splitlines() if line and not line.startswith("#")]


def expected(statement: str) -> Mention:
    code, polarity, *rest = statement.split()
    side = next((_SIDE[word] for word in rest if word in _SIDE), None)
    place = next((word for word in rest if word in anatomy()), None)
    change = next((Change(word) for word in rest if word in set(Change)), None)
    sizes = next((word for word in rest if word[0].isdigit()), "")
    size = tuple(float(number) for number in sizes.split("x") if number)
    assert len(rest) == sum(value is not None for value in (side, place, change)) + bool(size)
    return Mention(code, _POLARITY[polarity], side, place, change, size)


def plain(mention: Mention) -> Mention:
    return Mention(
        mention.code,
        mention.polarity,
        mention.laterality,
        mention.anatomy,
        mention.change,
        mention.size_mm,
    )


def test_there_are_at_least_a_hundred() -> None:
    assert len(SENTENCES) >= 100


@pytest.mark.parametrize("line", SENTENCES)
def test_sentence(line: str) -> None:
    text, _, statements = line.rpartition("|")
    wanted = [expected(part) for part in statements.split(";") if part.strip()]
    found = [plain(mention) for mention in read(text.strip())]
    assert sorted(found, key=repr) == sorted(wanted, key=repr)


@pytest.mark.parametrize("code", [c for c in vocabulary() if c != "no_finding"])
def test_every_code_is_read_from_its_own_name(code: str) -> None:
    assert code in {mention.code for mention in read(f"{vocabulary()[code].zh}。")}


def test_spans_are_of_the_text_as_given() -> None:
    text = "１. 右肺　上叶 結節，\n2. 左側 胸腔積液。"
    words = [text[mention.start : mention.end] for mention in read(text)]
    assert words == ["結節", "胸腔積液"]


@pytest.mark.parametrize(
    ("text", "claimed"),
    [
        ("与前片比较，右肺渗出增多。", True),
        ("左侧气胸较前吸收。", True),
        ("胃管已拔除。", True),
        ("左侧气胸已吸收。", True),
        ("双肺纹理增多，心影增大。", False),
        ("左侧胸腔积液。", False),
        ("", False),
    ],
)
def test_claims_prior(text: str, claimed: bool) -> None:
    assert claims_prior(text) is claimed
