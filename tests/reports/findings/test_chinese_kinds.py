"""Chinese extractor against the kinds of sentences that readers are known to fail on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from radraft.reports.findings._chinese_spelling import corrected
from radraft.reports.findings._chinese_text import plain
from radraft.reports.findings.chinese import read
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Region, counted_as, vocabulary

_HERE = Path(__file__).parent
_POLARITY = {"present": "+", "absent": "-", "uncertain": "?"}
_SIDE = {"left": "L", "right": "R", "bilateral": "B"}
Statement = tuple[str, str, str, tuple[float, ...], float | None, float | None]


def _lines(name: str) -> list[str]:
    text = (_HERE / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


LINES = _lines("chinese_kinds.txt")


def _sentence(line: str) -> tuple[str, Region | None]:
    text = line.rpartition("|")[0].strip()
    match = re.match(r"\[(\w+)\] ", text)
    region = Region(match[1]) if match else None
    text = text[match.end() :] if match else text
    return text.replace("\\t", "\t").replace("\\n", "\n"), region


def _wanted(line: str) -> list[Statement]:
    return [_parsed(part) for part in line.rpartition("|")[2].split(";") if part.strip()]


def _parsed(statement: str) -> Statement:
    code, polarity, *rest = statement.split()
    side = next((word for word in rest if word in "LRB"), "")
    percent = next((float(word[:-1]) for word in rest if word.endswith("%")), None)
    volume = next((float(word[:-2]) for word in rest if word.endswith("ml")), None)
    size = next((word for word in rest if re.fullmatch(r"[\d.x]+", word)), "")
    sizes = tuple(float(number) for number in size.split("x") if number)
    return counted_as(code), polarity, side, sizes, percent, volume


def _stated(mention: Mention) -> Statement:
    return (
        counted_as(mention.code),
        _POLARITY[mention.polarity],
        _SIDE[mention.laterality] if mention.laterality else "",
        mention.size_mm,
        mention.percent,
        mention.volume_ml,
    )


def test_there_are_enough_of_them() -> None:
    assert len(LINES) >= 400


@pytest.mark.parametrize("line", LINES)
def test_kind(line: str) -> None:
    text, region = _sentence(line)
    found = [_stated(mention) for mention in read(text, region)]
    assert sorted(found, key=repr) == sorted(_wanted(line), key=repr)


@pytest.mark.parametrize("code", (_HERE / "data" / "codes_since.txt").read_text().split())
def test_every_younger_code_is_read_present_in_a_sentence(code: str) -> None:
    lines = LINES + _lines("chinese_sentences.txt")
    stated = [part.split() for line in lines for part in line.split("|")[1].split(";")]
    assert code in {words[0] for words in stated if words}


def test_a_right_word_is_never_taken_for_a_typing_error() -> None:
    names = [finding.zh for finding in vocabulary().values()]
    right = [line.rpartition("|")[0] for line in _lines("chinese_sentences.txt")]
    near = ["阑尾穿孔", "右肺下野小结节影", "呼吸受限", "进行成像", "引起胸痛"]
    for text in [*names, *right, *near]:
        sentence = plain(text)[0]
        assert corrected(sentence).replace("纵膈", "纵隔") == sentence.replace("纵膈", "纵隔")


@pytest.mark.parametrize("blank", [" ", "　", "\t", "  "])
def test_blanks_between_all_characters_change_nothing(blank: str) -> None:
    for text in ("右侧胸腔少量积液，心影不大。", "双肺未见结节及实变。", "左侧肋骨骨折。"):
        spaced = read(blank.join(text))
        assert [_stated(mention) for mention in spaced] == [_stated(m) for m in read(text)]


def test_a_span_of_spaced_text_is_of_the_text_as_given() -> None:
    text = "右 侧 胸 腔 积 夜 ，约8㎜"
    assert [text[m.start : m.end] for m in read(text)] == ["胸 腔 积 夜"]
    assert read(text)[0].size_mm == (8.0,)


def test_a_request_goes_on_over_its_list_and_ends_at_the_images() -> None:
    text = "临床诊断：1.肺癌 2.骨折。影像所见：双肺未见结节。"
    assert [mention.code for mention in read(text)] == ["pulmonary_nodule"]


def test_a_measure_in_the_next_sentence_belongs_to_the_finding_before() -> None:
    assert read("右侧气胸。肺压缩约30%。")[0].percent == 30
    assert read("左侧基底节区脑出血。出血量约25ml。")[0].volume_ml == 25
