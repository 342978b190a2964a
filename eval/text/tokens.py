"""How texts are cut into tokens.

English: lower-cased, maximal runs of a-z and 0-9; everything else separates and is dropped. That is
rouge_score's default tokenisation, and METEOR's own normaliser leaves such tokens as they are.
Chinese: NFKC, lower-cased; runs of a-z and 0-9 are one token; by character, every other letter or
digit is one token; by word, the runs of them are cut by `segment`. Punctuation is dropped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache

from radraft.reports.values import Lang
from radraft.studies.deid.segment import segment

ENGLISH = "lower-cased runs of a-z and 0-9"
CHARACTERS = "Chinese characters, and runs of a-z and 0-9"
WORDS = "words of the radiology-aware segmenter, and runs of a-z and 0-9"
_ASCII = re.compile(r"[a-z0-9]+")
_CHARACTERS = re.compile(r"[a-z0-9]+|[^\W_]")
_RUNS = re.compile(r"[a-z0-9]+|(?:(?![a-z0-9])[^\W_])+")


def english(text: str) -> list[str]:
    """Tokens of an English text."""
    return _ASCII.findall(text.lower())


def chinese_characters(text: str) -> list[str]:
    """Tokens of a Chinese text by character."""
    return _CHARACTERS.findall(unicodedata.normalize("NFKC", text).lower())


def chinese_words(text: str) -> list[str]:
    """Tokens of a Chinese text by word."""
    out: list[str] = []
    for run in _RUNS.findall(unicodedata.normalize("NFKC", text).lower()):
        if run.isascii():
            out.append(run)
        else:
            out += _segmented(run)
    return out


def sacre(texts: Sequence[str], lang: Lang) -> list[list[str]]:
    """Tokens by sacrebleu's own tokenizer: 13a for English, zh for Chinese."""
    # sacrebleu's zh tokenizer leaves white space around a text to the caller, 13a does not mind.
    tokenizer = _sacre_tokenizer(lang)
    return [tokenizer(text.rstrip()).split() for text in texts]


# Phrases between punctuation marks come back in report after report.
@lru_cache(maxsize=65536)
def _segmented(run: str) -> tuple[str, ...]:
    return segment(run)


@lru_cache(maxsize=2)
def _sacre_tokenizer(lang: Lang) -> Callable[[str], str]:
    if lang == "zh":
        from sacrebleu.tokenizers.tokenizer_zh import TokenizerZh

        chinese: Callable[[str], str] = TokenizerZh()  # type: ignore[no-untyped-call]
        return chinese
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    western: Callable[[str], str] = Tokenizer13a()  # type: ignore[no-untyped-call]
    return western
