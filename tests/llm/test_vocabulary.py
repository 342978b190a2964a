"""A base's words, fewer of them: what is read as before, and what can still be spelled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from radraft.finetune.starter.vocabulary import Words
from radraft.llm import pins, vocabulary
from radraft.llm.vocabulary import FIRST, Kept

LUNGS = ("双肺纹理清晰。", "No opacity is seen in the lungs.", "心影未见增大。", '","en":"')
ELSEWHERE = ("Knochen und Gelenke ohne Befund.", "膝关节积液。", "The liver is normal in size.")


def base() -> dict[str, Any]:
    """The content of a `tokenizer.json` like Gemma's: spaces are letters, bytes stand in."""
    raw = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    raw.normalizer = normalizers.Replace(" ", "▁")
    raw.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    raw.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    control = ["<pad>", "<eos>", "<bos>", "<unk>", *(f"<unused{n}>" for n in range(FIRST - 260))]
    trainer = trainers.BpeTrainer(
        vocab_size=FIRST + 400,
        special_tokens=[*control, *(f"<0x{n:02X}>" for n in range(256))],
        show_progress=False,
    )
    raw.train_from_iterator([*LUNGS, *ELSEWHERE] * 3, trainer)
    content: dict[str, Any] = json.loads(raw.to_str())
    return content


BASE = base()
WHOLE = Tokenizer.from_str(json.dumps(BASE))


def kept_for(*texts: str) -> Kept:
    return Words(BASE).kept({i for text in texts for i in read(WHOLE, text)})


def read(tokenizer: Tokenizer, text: str) -> list[int]:
    found: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return found


KEPT = kept_for(*LUNGS)
SMALLER = Tokenizer.from_str(json.dumps(vocabulary.smaller(BASE, KEPT)))


def test_words_that_no_text_needs_are_left_out() -> None:
    assert SMALLER.get_vocab_size() == len(KEPT) < WHOLE.get_vocab_size()
    assert kept_for(*ELSEWHERE).tolist() != KEPT.tolist()
    # A text that the choice did not read is written in more pieces.
    german = ELSEWHERE[0]
    assert len(read(SMALLER, german)) > len(read(WHOLE, german))


@pytest.mark.parametrize("text", LUNGS)
def test_what_was_read_for_the_choice_is_read_as_before(text: str) -> None:
    assert [int(KEPT[i]) for i in read(SMALLER, text)] == read(WHOLE, text)


@given(st.permutations(LUNGS))
def test_nothing_but_kept_words_are_merged(order: tuple[str, ...]) -> None:
    """Sentences in another order meet at places that the choice never saw."""
    text = " ".join(order)
    assert all(i < len(KEPT) for i in read(SMALLER, text))
    assert SMALLER.decode(read(SMALLER, text)) == text


@given(st.text(st.characters(exclude_characters="▁", exclude_categories=("Cs",)), max_size=20))
def test_any_text_can_still_be_written(text: str) -> None:
    ids = read(SMALLER, text)
    assert SMALLER.decode(ids, skip_special_tokens=False) == text
    assert len(SMALLER.get_vocab()) == len(KEPT)


def test_control_tokens_and_bytes_keep_their_ids() -> None:
    for token in ("<eos>", "<unused3>", "<0x41>"):
        assert SMALLER.token_to_id(token) == WHOLE.token_to_id(token) < FIRST
    added = vocabulary.smaller(BASE, KEPT)["added_tokens"]
    assert {token["id"]: token["content"] for token in added} == {
        token["id"]: token["content"] for token in BASE["added_tokens"]
    }


def test_a_word_is_made_from_every_word_on_the_way() -> None:
    words = Words(BASE)
    place = BASE["model"]["vocab"]
    whole = max((word for word in place if word.isalpha() and word.isascii()), key=len)
    names = {word for word, number in place.items() if number in words.made_from(whole)}
    assert set(whole) <= names and whole in names
    # The last merge's two halves are among them.
    assert any(whole == left + right for left in names for right in names)


def test_what_is_shipped_can_be_read() -> None:
    for edition in pins.WITH_VOCABULARY:
        kept = vocabulary.load(pins.files(edition)["vocabulary"])
        assert FIRST < len(kept) < 262_144 and kept[-1] < 262_144


@pytest.mark.parametrize(
    "kept",
    [
        np.arange(FIRST, dtype=np.int64),
        np.arange(1, FIRST + 1, dtype=np.int32),
        np.array([*range(FIRST), FIRST + 5, FIRST + 4], dtype=np.int32),
        np.arange(FIRST, dtype=np.int32).reshape(1, -1),
    ],
    ids=["other numbers", "no first word", "not rising", "other shape"],
)
def test_other_ids_are_refused(tmp_path: Path, kept: Any) -> None:
    vocabulary.save(tmp_path / "kept.safetensors", kept)
    with pytest.raises(ValueError, match="kept ids"):
        vocabulary.load(tmp_path / "kept.safetensors")


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kept.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="no kept ids"):
        vocabulary.load(tmp_path / "kept.safetensors")
