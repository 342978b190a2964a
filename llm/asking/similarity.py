"""How near a question lies to each sentence of a report, without any list of words."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from radraft.llm.asking.values import SourceSentence
from radraft.llm.sentences import Array, SentenceEncoder
from radraft.reports.values import LANGS

_LATIN = re.compile(r"[a-z]+|\d+(?:\.\d+)?")
_CHINESE = re.compile(r"[\u4e00-\u9fff]+")
_STEM = 5
"""Latin letters of a word that must be alike: an ending is no other word."""


@dataclass(frozen=True)
class Vectors:
    """Unit vectors of one question and of the sentences of one report."""

    question: Array
    """(384,)"""
    in_context: Array
    """(384,), of the question behind the one before it."""
    sentences: Array
    """(n, 384), of each sentence the mean of its languages: a question is then about as near in
    either. A bit shorter than 1."""


def vectors(
    question: str,
    earlier: Sequence[str],
    sentences: Sequence[SourceSentence],
    encoder: SentenceEncoder,
) -> Vectors:
    """Encode a question and sentences. Those of a report are kept by the encoder."""
    texts = [question]
    if earlier:
        texts.append(f"{earlier[-1]} {question}")
    asked = encoder.queries(texts)
    return Vectors(asked[0], asked[-1], passages(sentences, encoder))


def passages(sentences: Sequence[SourceSentence], encoder: SentenceEncoder) -> Array:
    """Return (n, 384): of each sentence the mean of its languages."""
    zh, en = (encoder.passages([one.text(lang) for one in sentences]) for lang in LANGS)
    return cast(Array, np.mean([zh, en], axis=0, dtype=np.float32))


def shared_words(question: str, sentences: Sequence[SourceSentence]) -> Array:
    """Return (n, 2) in 0 to 1: how much of a question's Chinese and of its Latin words each
    sentence has, by pairs of characters and by beginnings of words; what many sentences have
    counts less."""
    found = np.zeros((len(sentences), 2), np.float32)
    for column, pieces in enumerate((_pairs, _stems)):
        asked = pieces(question)
        held = [pieces(f"{one.zh} {one.en}") for one in sentences]
        spread = Counter(piece for one in held for piece in one)
        weight = {piece: math.log((1 + len(held)) / (0.5 + spread[piece])) for piece in asked}
        total = sum(weight.values())
        if total:
            for row, own in enumerate(held):
                found[row, column] = sum(weight[piece] for piece in asked & own) / total
    return found


def _pairs(text: str) -> frozenset[str]:
    runs = _CHINESE.findall(text)
    return frozenset(run[at : at + 2] for run in runs for at in range(len(run) - 1))


def _stems(text: str) -> frozenset[str]:
    return frozenset(word[:_STEM] for word in _LATIN.findall(text.lower()) if len(word) > 2)
