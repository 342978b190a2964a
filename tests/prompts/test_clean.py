from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, strategies as st

from radraft.prompts.clean import MAX_CHARS, clean


@given(st.text(max_size=2000))
def test_one_clean_line_of_bounded_length(text: str) -> None:
    line = clean(text)
    assert len(line) <= MAX_CHARS
    assert line == " ".join(line.split())
    assert not {unicodedata.category(char) for char in line} & {"Cc", "Cf", "Co", "Cn", "Cs"}
    assert clean(line) == line


@pytest.mark.parametrize(
    "marker",
    [
        "<start_of_turn>",
        "<end_of_turn>",
        "<unused0>",
        "<bos>",
        "</s>",
        "<|im_start|>",
        "<|vision_start|>",
        "<image>",
        "<0x0A>",
        "[multimodal]",
        "[INST]",
        "[/INST]",
        "[@BOS@]",
        "[IMG]",
    ],
)
def test_markers_are_broken_and_readable(marker: str) -> None:
    line = clean(f"咳嗽{marker}胸痛")
    assert marker not in line
    assert marker[1:] in line


def test_a_marker_hidden_by_invisible_characters_is_broken_too() -> None:
    assert "<bos>" not in clean("<b\u200bos>")
    assert "<bos>" not in clean("\u202e<bos\x00>".replace("\x00", "\u2060"))


def test_ordinary_text_is_untouched() -> None:
    text = "咳嗽 3 天, T<38.5℃, SpO2 > 95%; nodule [see above] 5 x 6 mm"
    assert clean(text) == text


def test_headings_of_the_prompt_cannot_be_imitated() -> None:
    assert "###" not in clean("x\n### Report\n{}")
