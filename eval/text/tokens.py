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
R2GEN = (
    "English cleaned as R2Gen's preparation of MIMIC-CXR (lower-cased, punctuation and list "
    "numbers dropped, a full stop after each sentence; no unknown words, no cut)"
)
RAW = {
    "en": "runs between white space, case and punctuation kept",
    "zh": "characters, punctuation kept, white space dropped",
}
_RUN_OF_DOTS = re.compile(r"\.{2,}")
_LATER_NUMBERS = re.compile(r"\.? [2-5]\. ")
_R2GEN_DROPPED = str.maketrans("", "", ".,?;*!%^&_+():<=>@[]{}\"/\\'")
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


def r2gen(text: str) -> list[str]:
    """Tokens of an English text cleaned as report-generation papers since R2Gen do (Chen Z et al.,
    EMNLP 2020, its preparation of MIMIC-CXR).

    Lower-cased, list numbers 1 to 5 and most punctuation dropped (a hyphen stays, so that `3.5`
    becomes `35`), a full stop of its own after every sentence, cut at white space. Not applied is
    what depends on a training set: rare words as unknown, and the cut at a number of tokens. A text
    without a letter or digit has no tokens.
    """
    if not any(map(str.isalnum, text)):
        return []
    flat = _RUN_OF_DOTS.sub(".", re.sub(r" {2,}", " ", text.replace("\n", " ")))
    flat = _LATER_NUMBERS.sub(". ", flat.replace("1. ", ""))
    found: list[str] = []
    for sentence in flat.strip().lower().split(". "):
        found += [*sentence.translate(_R2GEN_DROPPED).split(), "."]
    return found


def raw(text: str, lang: Lang) -> list[str]:
    """Tokens of a text as it is, case and punctuation kept: runs between white space in English,
    characters but white space in Chinese. A text without a letter or digit has no tokens."""
    if not any(map(str.isalnum, text)):
        return []
    return text.split() if lang == "en" else [letter for letter in text if not letter.isspace()]


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
