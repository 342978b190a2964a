"""What tokenizers take for control tokens, and what only looks a little like them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, strategies as st

from radraft.core.control_tokens import inert

MARKERS = [
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|start_header_id|>",
    "<|vision_start|>", "<|image_pad|>", "<|reserved_special_token_0|>", "<|START_OF_TURN_TOKEN|>",
    "<｜begin▁of▁sentence｜>", "<｜User｜>", "<｜fim▁begin｜>",
    "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<image_soft_token>", "<unused99>",
    "<bos>", "<eos>", "<pad>", "<unk>", "<mask>", "<s>", "</s>", "<0x0A>", "<2en>",
    "<image>", "</image>", "<img>", "<box>", "<ref>", "<loc0001>", "<think>", "</think>",
    "<tool_call>", "<fim_prefix>", "<extra_id_0>", "<reserved_106>", "<用户>", "<AI>", "<sop>",
    "<<SYS>>", "<</SYS>>",
    "[INST]", "[/INST]", "[inst]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CALLS]",
    "[AVAILABLE_TOOLS]", "[control_8]", "[IMG]", "[IMG_BREAK]", "[gMASK]", "[sMASK]", "[CLS]",
    "[SEP]", "[MASK]", "[PAD]", "[UNK]", "[BOS]", "[EOS]", "[unused12]", "[multimodal]", "[@BOS@]",
    "[|system|]", "[|user|]", "[|endofturn|]", "[|assistant|]",
    ">>QUESTION<<", ">>ANSWER<<", ">>TITLE<<", "|||IP_ADDRESS|||", "|||EMAIL_ADDRESS|||",
]  # fmt: skip
WRITTEN = [
    "咳嗽 3 天, T<38.5℃, SpO2 > 95%; nodule [see above] 5 x 6 mm",
    "直径<5mm，其余>3mm",
    "T<38.5,SpO2>95%",
    "CTR<0.5，心影不大",
    "size <1.5 cm -> stable; grade II>>I",
    "a | b || c",
    "【诊断】[1] 左肺 [R] >> 右肺",
    "pH 7.31 [7.35-7.45], lactate <2",
]
"""Sentences of reports and histories that hold such brackets and no marker."""


@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize("place", ["{}", "左肺清晰。{}", "{}assistant", "a {} b", "{0}{0}"])
def test_a_marker_is_broken_and_readable(marker: str, place: str) -> None:
    text = place.format(marker)
    broken = inert(text)
    assert marker not in broken
    assert unicodedata.normalize("NFKC", broken) == unicodedata.normalize("NFKC", text)


@pytest.mark.parametrize("text", WRITTEN)
def test_what_people_write_stays(text: str) -> None:
    assert inert(text) == text


@given(st.text(alphabet=st.sampled_from("<>[]|/@_aB3 ｜肺"), max_size=60))
def test_what_is_broken_is_not_broken_again_and_keeps_its_length(text: str) -> None:
    broken = inert(text)
    assert inert(broken) == broken
    assert len(broken) == len(text)
