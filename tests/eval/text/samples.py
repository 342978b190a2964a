"""Pairs of token lists and of texts for the tests of the text metrics."""

from __future__ import annotations

import random
from pathlib import Path

from radraft.eval.text.ngrams import Docs, number

DATA = Path(__file__).parent / "data"
WORDS = ("no", "the", "heart", "lung", "lungs", "is", "are", "clear", "normal", "5", "mm", "left")

Tokens = list[list[str]]


def token_pairs(count: int = 120, seed: int = 1) -> tuple[Tokens, Tokens]:
    """References and hypotheses that share much, with equal, short and long ones among them."""
    draw = random.Random(seed)
    refs = [draw.choices(WORDS, k=draw.randint(1, 40)) for _ in range(count)]
    hyps = []
    for ref in refs:
        hyp = [word if draw.random() < 0.8 else draw.choice(WORDS) for word in ref]
        cut = draw.randint(0, len(hyp) - 1)
        hyps.append(hyp[cut:] + hyp[:cut] if draw.random() < 0.5 else hyp[: cut + 1])
    hyps[0] = list(refs[0])
    return refs, hyps


def numbered(refs: Tokens, hyps: Tokens) -> tuple[Docs, Docs, list[str]]:
    """Both sides by one vocabulary."""
    vocabulary: dict[str, int] = {}
    return number(refs, vocabulary), number(hyps, vocabulary), list(vocabulary)


def as_coco(sides: Tokens) -> dict[int, list[str]]:
    """As pycocoevalcap takes them."""
    return {place: [" ".join(words)] for place, words in enumerate(sides)}


def texts(count: int = 40, seed: int = 2) -> tuple[list[str], list[str]]:
    """References and hypotheses as running text with case, punctuation and decimals."""
    refs, hyps = token_pairs(count, seed)
    draw = random.Random(seed)

    def spoken(words: list[str]) -> str:
        marked = [
            word + draw.choice(["", "", "", ",", ".", " 2.5cm-", " (x)", "\n"]) for word in words
        ]
        return " ".join(marked).capitalize()

    return [spoken(ref) for ref in refs], [spoken(hyp) for hyp in hyps]
