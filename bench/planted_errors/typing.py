"""Typing errors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from radraft.bench.planted_errors.edits import place, set_sentence
from radraft.bench.planted_errors.values import Planted, Report, Words
from radraft.bench.planted_errors.words import FINDINGS, IMPRESSION


def typo_spelling(report: Report, words: Words, draw: Random) -> Planted | None:
    """Change one letter of an English medical word."""
    spots = [
        (name, index, found)
        for name in (FINDINGS, IMPRESSION)
        for index, text in enumerate(report.sections[name])
        for found in re.finditer(r"[A-Za-z]+", text)
        if found[0].lower() in words["spelling"]
    ]
    if not spots:
        return None
    name, index, found = draw.choice(spots)
    real = words["spelling_real"].get(found[0])
    bad = real if real and draw.random() < 0.5 else misspelt(found[0], words["vocabulary"], draw)
    text = report.sections[name][index]
    wrong = set_sentence(report, name, index, text[: found.start()] + bad + text[found.end() :])
    where = place(wrong, name, index, (found.start(), found.start() + len(bad)))
    return Planted(report, wrong, where, variant="real word" if bad == real else "misspelt")


NEIGHBOURS = dict(zip("abcdefghijklmnopqrstuvwxyz", "sbvfrgthkjkonmipweystcwczx", strict=True))


def misspelt(word: str, vocabulary: set[str], draw: Random) -> str:
    """Return the word with a letter lost, doubled, exchanged or swapped, and no word any more."""
    while True:
        at = draw.randrange(1, len(word) - 1)
        letter, following = word[at], word[at + 1]
        bad = draw.choice(
            (
                word[:at] + word[at + 1 :],
                word[:at] + letter + word[at:],
                word[:at] + following + letter + word[at + 2 :],
                word[:at] + NEIGHBOURS.get(letter, "e") + word[at + 1 :],
            )
        )
        if bad.lower() not in vocabulary and bad != word:
            return bad


def typo_homophone(report: Report, words: Words, draw: Random) -> Planted | None:
    """Write a Chinese word with another character of the same sound."""
    table = [(word, bad) for word, choices in words["homophones"].items() for bad in choices]
    return misprint(report, table, draw)


def typo_lookalike(report: Report, words: Words, draw: Random) -> Planted | None:
    """Write a Chinese word with a character that looks alike."""
    table = [
        (word, word.replace(letter, bad, 1))
        for word in words["lookalike_words"]
        for letter, choices in words["lookalikes"].items()
        if letter in word
        for bad in choices
    ]
    return misprint(report, table, draw)


def misprint(report: Report, table: Sequence[tuple[str, str]], draw: Random) -> Planted | None:
    """Exchange one word of the report by its wrong form."""
    spots = [
        (name, index, text.find(word), word, bad)
        for word, bad in table
        for name in (FINDINGS, IMPRESSION)
        for index, text in enumerate(report.sections[name])
        if word in text
    ]
    if not spots:
        return None
    wanted = draw.choice(sorted({spot[3] for spot in spots}))
    name, index, start, word, bad = draw.choice([spot for spot in spots if spot[3] == wanted])
    text = report.sections[name][index]
    wrong = set_sentence(report, name, index, text[:start] + bad + text[start + len(word) :])
    return Planted(
        report, wrong, place(wrong, name, index, (start, start + len(bad))), variant=f"{word}>{bad}"
    )
