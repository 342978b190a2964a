"""What must hold of the Chinese extractor for any report, and its annotated figures."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import example, given, settings, strategies as st

from radraft.bench import eval_findings_zh
from radraft.reports.findings.chinese import read
from radraft.reports.findings.extract import status
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import anatomy, vocabulary
from radraft.reports.values import Certainty, Laterality

_TABLE = Path(__file__).with_name("chinese_sentences.txt").read_text(encoding="utf-8")
# Whole statements, so that they can be put together in any order.
TEXTS = [
    line.rpartition("|")[0].strip()
    for line in _TABLE.splitlines()
    if line and not line.startswith("#")
]
DENIED = [
    "未见胸腔积液及气胸。",
    "双肺未见结节、肿块及实变。",
    "纵隔内未见肿大淋巴结。",
    "颅内未见出血。",
    "肝内未见占位。",
    "诸骨未见骨折。",
]
SIDE = {
    Laterality.LEFT: Laterality.RIGHT,
    Laterality.RIGHT: Laterality.LEFT,
    Laterality.BILATERAL: Laterality.BILATERAL,
    None: None,
}
reports = st.lists(st.sampled_from(TEXTS), min_size=1, max_size=6)
few = settings(max_examples=60, deadline=None)


def present(text: str) -> set[str]:
    return {m.code for m in read(text) if m.polarity is Certainty.PRESENT}


def without_side(mention: Mention) -> tuple[object, ...]:
    return (
        mention.code,
        mention.polarity,
        mention.anatomy,
        mention.change,
        mention.size_mm,
        mention.start,
        mention.end,
    )


@few
@given(reports, st.sampled_from(DENIED), st.data())
def test_a_denied_sentence_adds_no_present_finding(
    report: list[str], denied: str, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(report)))
    longer = [*report[:place], denied, *report[place:]]
    assert present("".join(longer)) == present("".join(report))


@few
@given(reports)
def test_swapping_left_and_right_changes_only_the_side(report: list[str]) -> None:
    text = "".join(report)
    before, after = read(text), read(text.translate(str.maketrans("左右", "右左")))
    assert [without_side(m) for m in after] == [without_side(m) for m in before]
    assert [m.laterality for m in after] == [SIDE[m.laterality] for m in before]


@few
@example(["心肺膈未见异常。", "脑桥梗死灶，脑干出血不除外。", "双肺纹理清晰。"], 1)
@given(reports, st.integers(0, 10**6))
def test_the_order_of_sentences_changes_no_status(report: list[str], seed: int) -> None:
    shuffled = list(report)
    random.Random(seed).shuffle(shuffled)
    assert status(read("".join(shuffled))) == status(read("".join(report)))


@few
@given(st.one_of(st.text(max_size=200), st.lists(st.sampled_from([*"".join(TEXTS)])).map("".join)))
def test_any_text_is_read_into_valid_mentions(text: str) -> None:
    starts = []
    for mention in read(text):
        assert mention.code in vocabulary()
        assert mention.anatomy is None or mention.anatomy in anatomy()
        assert 0 <= mention.start < mention.end <= len(text)
        assert all(size >= 0 for size in mention.size_mm)
        starts.append(mention.start)
    assert starts == sorted(starts)


@few
@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=4))
def test_spaces_and_width_change_no_status(report: list[str]) -> None:
    text = "".join(report)
    wide = text.translate({code: code + 0xFEE0 for code in range(ord("0"), ord("9") + 1)})
    assert status(read(wide)) == status(read(text))
    assert status(read(text.replace("，", "， "))) == status(read(text))


@pytest.mark.parametrize(
    ("split", "pairs", "whole"), [("dev", 0.985, 0.975), ("heldout", 0.950, 0.900)]
)
def test_annotated_sentences_stay_right(split: str, pairs: float, whole: float) -> None:
    """Floors a little under the figures that the script prints."""
    counts, fields = eval_findings_zh.compare(eval_findings_zh.load(split))
    for key, floor in (("all: code and polarity", pairs), ("all, every field", whole)):
        count = counts[key]
        wrong = count["fp"] + count["fn"] + 2 * count["both"]
        assert 2 * count["tp"] / (2 * count["tp"] + wrong) >= floor
    for right, of in fields.values():
        assert right / of >= 0.97
