"""The hand-checked Chinese sentences are whole: real codes, no leak between halves, every form."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from radraft.reports.findings.values import Change
from radraft.reports.findings.vocabulary import Kind, anatomy, counted_as, lineage, vocabulary
from radraft.reports.values import Certainty, Laterality

DATA = Path(__file__).parent / "data"
HALVES = ("dev", "heldout")
FIELDS = {"code", "polarity", "laterality", "anatomy", "change", "size_mm"}

NEGATIONS = (
    *("未见", "未见明显", "未见明确", "未及", "未发现", "未显示", "未探及", "不伴", "无", "已吸收"),
    *("已消失", "已拔除", "排除", "阴性", "不大", "不宽", "余", "list"),
)
HEDGES = (
    *(
        "可能",
        "可疑",
        "疑",
        "疑似",
        "考虑",
        "待排",
        "不除外",
        "不能除外",
        "未除外",
        "未排除",
        "不排除",
    ),
    *("倾向", "似", "性质待定", "或", "？", "鉴别", "警惕"),
)
OTHER_TAGS = (
    *(
        "chest",
        "head",
        "abdomen",
        "spine",
        "list",
        "mixed-polarity",
        "two-sides",
        "device",
        "nothing",
    ),
    *("size", "size:two", "history", "recommendation", "impression", "trap", "traditional", "typo"),
    *("punctuation", "strong:符合", "strong:提示", "side:left", "side:right", "side:bilateral"),
)
# Simplified forms of the characters that the tagged wording may come in.
SIMPLIFIED = str.maketrans(
    "見無與顯發兩雙側應變腫節積氣較寬?", "见无与显发两双侧应变肿节积气较宽？"
)


def _read(half: str) -> list[dict[str, Any]]:
    lines = (DATA / f"zh_{half}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


ROWS = {half: _read(half) for half in HALVES}
ALL = [row for half in HALVES for row in ROWS[half]]


def _mentions() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(row, mention) for row in ALL for mention in row["mentions"]]


def test_enough_sentences_in_about_equal_halves() -> None:
    sizes = [len(ROWS[half]) for half in HALVES]
    assert sum(sizes) >= 560
    assert abs(sizes[0] - sizes[1]) <= 0.04 * sum(sizes)


def test_no_sentence_and_no_id_twice() -> None:
    assert len({row["id"] for row in ALL}) == len(ALL)
    plain = Counter("".join(c for c in row["text"] if c.isalnum()) for row in ALL)
    # Sentences that differ only in punctuation would leak from one half into the other.
    assert [text for text, times in plain.items() if times > 1] == []


def test_rows_have_the_fields_and_nothing_else() -> None:
    for row in ALL:
        assert set(row) == {"id", "text", "modality", "mentions", "tags"}, row["id"]
        assert row["modality"] in {"DR", "CT", "MR", "US"}
        assert row["text"] == row["text"].strip() != ""
        assert row["tags"] == sorted(set(row["tags"]))


def test_mentions_use_the_vocabulary() -> None:
    for row, mention in _mentions():
        assert set(mention) == FIELDS, row["id"]
        assert mention["code"] in vocabulary(), row["id"]
        assert mention["anatomy"] is None or mention["anatomy"] in anatomy(), row["id"]
        Certainty(mention["polarity"])
        assert mention["laterality"] is None or Laterality(mention["laterality"])
        assert mention["change"] is None or Change(mention["change"])


def test_sizes_are_positive_and_plausible() -> None:
    for row, mention in _mentions():
        assert all(0 < size <= 300 for size in mention["size_mm"]), row["id"]
        assert not (mention["size_mm"] and mention["polarity"] == "absent"), row["id"]


def test_resolved_means_absent() -> None:
    for row, mention in _mentions():
        if mention["change"] is not None:
            assert (mention["change"] == "resolved") == (mention["polarity"] == "absent"), row["id"]


def test_no_parent_beside_its_child() -> None:
    """A parent of the same polarity, side and place would be the one that the child implies."""
    twice = set()
    for row in ALL:
        for mention in row["mentions"]:
            same = [m for m in row["mentions"] if _stated(m) == _stated(mention)]
            named = {counted_as(m["code"]) for m in same}
            if named & set(lineage(mention["code"])[1:]):
                twice.add(row["text"])
    assert twice == SAID_TWICE


# Here the words name both, parent and child, as two findings.
SAID_TWICE = {"右侧胸膜增厚、粘连，肋膈角变钝。", "支气管壁增厚，可见袖套征。"}


def _stated(mention: dict[str, Any]) -> tuple[str, str | None, str | None]:
    return mention["polarity"], mention["laterality"], mention["anatomy"]


@pytest.mark.parametrize("half", HALVES)
def test_every_form_is_in_both_halves(half: str) -> None:
    tags = {tag for row in ROWS[half] for tag in row["tags"]}
    wanted = {f"negation:{form}" for form in NEGATIONS} | {f"hedge:{form}" for form in HEDGES}
    wanted |= set(OTHER_TAGS) | {f"change:{change}" for change in Change}
    assert wanted - tags == set()


def test_wording_tags_are_true_of_the_text() -> None:
    for row in ALL:
        text = row["text"].translate(SIMPLIFIED)
        for tag in row["tags"]:
            kind, _, form = tag.partition(":")
            if kind in {"negation", "hedge", "strong"} and form != "list":
                assert form in text, (row["id"], tag)
        assert ("nothing" in row["tags"]) == (not row["mentions"]), row["id"]


def test_sides_are_said() -> None:
    """No mention has a side that its sentence does not name."""
    words = {"left": "左", "right": "右"}
    for row, mention in _mentions():
        text = row["text"].replace("左右", "")
        side = mention["laterality"]
        if side in words:
            assert words[side] in text, row["id"]
        elif side == "bilateral":
            both = "左" in text and "右" in text
            assert both or any(word in text for word in "双两雙兩"), row["id"]


@pytest.mark.parametrize("half", HALVES)
def test_shares_of_modality_and_polarity(half: str) -> None:
    rows = ROWS[half]
    share = Counter(row["modality"] for row in rows)
    assert share["DR"] >= 0.4 * len(rows)
    assert share["CT"] >= 0.3 * len(rows)
    assert min(share["MR"], share["US"]) >= 15
    polarity = Counter(m["polarity"] for row in rows for m in row["mentions"])
    assert min(polarity.values()) >= 80


def test_most_of_the_vocabulary_occurs() -> None:
    used = {mention["code"] for _, mention in _mentions()}
    findings = {code for code, entry in vocabulary().items() if entry.kind is not Kind.NORMAL}
    # Younger codes than the annotation have their sentences in `chinese_kinds.txt`.
    since = set((DATA / "codes_since.txt").read_text(encoding="utf-8").split())
    assert findings - used - since == set()
