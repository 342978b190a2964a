from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from radraft.eval.text import tokens
from radraft.studies.deid.segment import segment, words

VOCABULARY = Path(__file__).parents[4] / "shared/data/vocabulary_zh/word_frequency.json"


def test_english_is_rouge_scores_tokenisation() -> None:
    theirs = pytest.importorskip("rouge_score.tokenize")
    for text in ("No effusion; 2.5-cm nodule (T4).", "Patient's lungs — clear?", "ÉTAT", ""):
        assert tokens.english(text) == theirs.tokenize(text, None)


def test_english_tokens_again_are_the_same() -> None:
    once = tokens.english("No effusion; 2.5-cm nodule (T4).")
    assert once == ["no", "effusion", "2", "5", "cm", "nodule", "t4"]
    assert tokens.english(" ".join(once)) == once


def test_chinese_by_character_and_by_word() -> None:
    text = "右肺上叶磨玻璃影，约５ｍｍ。未见胸腔积液（CT）"
    assert tokens.chinese_characters(text)[:6] == list("右肺上叶磨玻")
    assert tokens.chinese_characters(text)[-3:] == ["积", "液", "ct"]
    expected = ["右肺", "上叶", "磨玻璃", "影", "约", "5mm", "未见", "胸腔积液", "ct"]
    assert tokens.chinese_words(text) == expected


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("上叶磨玻璃", "上叶 磨玻璃"),
        ("双肺下叶见多发磨玻璃结节", "双肺 下叶 见 多发 磨玻璃 结节"),
        ("左肺下叶后基底段实变", "左肺 下叶 后基底段 实变"),
        ("两侧胸腔少量积液", "两侧 胸腔 少量 积液"),
        ("双侧肋膈角锐利", "双侧 肋膈角 锐利"),
        ("余肺野未见明显异常", "余 肺野 未见 明显 异常"),
        ("感染不除外", "感染 不除外"),
        ("椎间盘突出伴椎管狭窄", "椎间盘突出 伴 椎管狭窄"),
        ("左侧基底节区腔隙性脑梗死", "左侧 基底节区 腔隙性脑梗死"),
    ],
)
def test_radiology_words_stay_whole(run: str, expected: str) -> None:
    assert segment(run) == tuple(expected.split())


def test_every_listed_word_is_one_token() -> None:
    listed = words()
    assert len(listed) > 600
    han = [word for word in listed if not any(letter.isascii() for letter in word)]
    assert [word for word in han if segment(word) != (word,)] == []


def test_words_of_real_reports_are_known() -> None:
    if not VOCABULARY.is_file():
        pytest.skip("../shared/data is not here")
    counts = json.loads(VOCABULARY.read_text(encoding="utf-8"))["word_freq"]
    frequent = [word for word in list(counts)[:600] if 2 <= len(word) <= 4 and word.isalpha()]
    whole = [word for word in frequent if len(segment(word)) == 1]
    assert len(whole) > 0.8 * len(frequent)


@given(st.text(alphabet="右肺上叶磨玻璃影未见ab5 ，。", max_size=30))
def test_words_are_made_of_the_characters_in_order(text: str) -> None:
    assert "".join(tokens.chinese_words(text)) == "".join(tokens.chinese_characters(text))


def test_the_r2gen_preset_is_the_papers_cleaning() -> None:
    text = "FINDINGS:  The heart is 3.5 cm.. No follow-up\nneeded. 2. Clear lungs (left > right)."
    assert " ".join(tokens.r2gen(text)) == (
        "findings the heart is 35 cm . no follow-up needed . clear lungs left right ."
    )
    assert tokens.r2gen("1. Normal. 2. Stable.") == ["normal", ".", "stable", "."]
    assert tokens.r2gen("∅") == []


def test_the_raw_preset_changes_nothing() -> None:
    assert tokens.raw("The heart, is\nLARGE.", "en") == ["The", "heart,", "is", "LARGE."]
    assert tokens.raw("双肺 清晰。\nCT", "zh") == ["双", "肺", "清", "晰", "。", "C", "T"]
    assert tokens.raw("∅", "zh") == tokens.raw("∅", "en") == []
