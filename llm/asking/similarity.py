"""How near a question lies to each sentence of a report, without any list of words."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

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
    content: Array
    """(384,), of the words of the question that name something."""
    sentences: Array
    """(n, 384), of each sentence the mean of its languages: a question is then about as near in
    either. A bit shorter than 1."""
    clauses: Clauses
    chinese: float = 0.0
    """How much of the question is Chinese, 0 to 1: vectors of one language lie together."""


@dataclass(frozen=True)
class Clauses:
    """The parts of sentences: what stands in a list lies nearer by itself than in its sentence."""

    vectors: Array
    """(m, 384), unit length."""
    sentence: npt.NDArray[np.intp]
    """(m,), the sentence of each part."""
    language: npt.NDArray[np.intp]
    """(m,), its language."""

    def nearest(self, question: Array, n: int) -> Array:
        """Return (n,): how near the nearest part of each sentence lies to a question (384,), the
        mean of its languages."""
        found = np.full((len(LANGS), n), -1.0, np.float32)
        np.maximum.at(found, (self.language, self.sentence), self.vectors @ question)
        return cast(Array, found.mean(axis=0))


def vectors(
    question: str,
    content: str,
    earlier: Sequence[str],
    sentences: Sequence[SourceSentence],
    encoder: SentenceEncoder,
) -> Vectors:
    """Encode a question, the words of it that name something, and sentences. Those of a report are
    kept by the encoder."""
    texts = [question, content or question]
    if earlier:
        texts.append(f"{earlier[-1]} {question}")
    unique = list(dict.fromkeys(texts))
    asked = dict(zip(unique, encoder.queries(unique), strict=True))
    own, named = asked[texts[0]], asked[texts[1]]
    in_context = asked[texts[2]] if earlier else own
    return Vectors(
        own,
        in_context,
        named,
        passages(sentences, encoder),
        clauses(sentences, encoder),
        chinese_share(question),
    )


def chinese_share(text: str) -> float:
    """Return how much of a text is Chinese, 0 to 1: a character counts as half a word."""
    characters = sum(map(len, _CHINESE.findall(text))) / 2
    words = len(re.findall(r"[A-Za-z]+", text))
    return characters / (characters + words) if characters + words else 0.0


_CLAUSE_END = re.compile(r"[。；;，,：:、]|\.(?!\d)|\s(?:and|but|or|nor)\s|但|及|和|或")


def parts(text: str) -> list[str]:
    """Return a text and, where it has several, its clauses and what it lists."""
    found = [one.strip() for one in _CLAUSE_END.split(text)]
    found = [one for one in found if len(one) > 1]
    return [text, *found] if len(found) > 1 else [text]


def clauses(sentences: Sequence[SourceSentence], encoder: SentenceEncoder) -> Clauses:
    """Encode the parts of sentences in both languages."""
    split = [
        (part, at, language)
        for at, one in enumerate(sentences)
        for language, lang in enumerate(LANGS)
        for part in parts(one.text(lang))
    ]
    return Clauses(
        encoder.passages([part for part, _, _ in split]),
        np.array([at for _, at, _ in split], np.intp),
        np.array([language for _, _, language in split], np.intp),
    )


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
