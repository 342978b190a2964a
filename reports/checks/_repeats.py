"""Whether two sentences of a report say one thing.

Each is read for what it names and denies (`bilingual.named_terms`, the finding reader), for its
sides, numbers, degrees and places; what is left of it are words that say little. Two sentences say
one thing where all of these agree and little else is left that only one of them has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from radraft.reports.checks._open_fields import wording_data
from radraft.reports.checks.bilingual import named_terms
from radraft.reports.checks.lexicon import NORMALITY, WordGroup
from radraft.reports.checks.side_words import side_words
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import counted_as
from radraft.reports.values import Lang, Laterality

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_HAN = re.compile(r"[一-鿿]")
_SUMMARY = "no_finding"
_SUM = re.compile(
    r"\W*(?:总的来说|总体而言|总体来说|总之|综上|总结|总体|结论|印象|因此|overall|to sum up|"
    r"in (?:summary|conclusion|short)|therefore)"
)
_STEM = 6
"""Letters by which words of one stem are known: axilla and axillary, lung and lungs."""
_SIDES = "left right lt rt bilateral bilaterally bilat both either 左 右 双 两"
_ALONE_NOTHING = frozenset({NORMALITY, "acute", "chronic", "stable"})
"""Concepts that say nothing without what they are said of."""
_ENOUGH = 4
"""Words in common that make two sentences one that name nothing known."""
_SPARE: Mapping[Lang, int] = {"zh": 1, "en": 0}
_LEFT = 0.25
"""Share of the words that both sentences are made of which only one of them may have."""


@dataclass(frozen=True)
class Statement:
    """What one sentence says, made ready to be compared."""

    findings: frozenset[tuple[str, str]]
    """Concepts of findings and qualities that it names, with their polarity."""
    organs: frozenset[str]
    mentions: frozenset[tuple[str, str, str]]
    """Codes of the finding reader, with their polarity and change."""
    sides: frozenset[Laterality]
    numbers: tuple[str, ...]
    degrees: frozenset[int]
    aspects: frozenset[int]
    verdicts: frozenset[str]
    """Whether it says that something is normal, or that it is not."""
    sums_up: bool
    """Whether it is told as the sum of what was said: that says things again, as it should."""
    is_hedged: bool
    denies: bool
    words: frozenset[str]
    """Stems of all its words, without those that say nothing; in Chinese its characters."""
    rest: tuple[str, ...]
    """Those that are no part of what it names."""
    spare: int
    """Words that one of two such sentences may have and the other lack, however short they are."""

    @property
    def size(self) -> int:
        """How many words it is made of."""
        return len(self.words)


def say_one_thing(one: Statement, other: Statement) -> bool:
    """Return whether two statements are one."""
    if (one.numbers, one.degrees, one.is_hedged) != (other.numbers, other.degrees, other.is_hedged):
        return False
    if not _sides_agree(one.sides, other.sides):
        return False
    if one.aspects and other.aspects and one.aspects != other.aspects:
        return False
    if one.verdicts and other.verdicts and one.verdicts != other.verdicts:
        return False
    if one.mentions and other.mentions:
        if one.mentions != other.mentions:
            return False
    elif (one.findings, one.denies) != (other.findings, other.denies):
        return False
    if one.sums_up != other.sums_up or not _organs_agree(one, other):
        return False
    says = one.mentions or one.organs or {name for name, _ in one.findings} - _ALONE_NOTHING
    if not says and len(one.words & other.words) < _ENOUGH:
        return False
    apart = len(_only(one, other)) + len(_only(other, one))
    return apart <= max(one.spare, _LEFT * max(one.size, other.size))


def _organs_agree(one: Statement, other: Statement) -> bool:
    """Return whether two statements name the same organs, or one of them fewer, of one finding."""
    if one.organs == other.organs:
        return True
    shared = {name for name, _ in one.findings & other.findings} - _ALONE_NOTHING
    return bool(shared) and (one.organs <= other.organs or other.organs <= one.organs)


def _only(one: Statement, other: Statement) -> Sequence[str]:
    """Return the words left of `one` that `other` does not have at all."""
    return [word for word in one.rest if word not in other.words]


def _sides_agree(one: frozenset[Laterality], other: frozenset[Laterality]) -> bool:
    """Return whether sides are the same; both sides and none named are."""
    both = frozenset({Laterality.BILATERAL})
    return one - both == other - both and (one == other or not (one | other) - both)


@lru_cache(maxsize=8192)
def statement(text: str, lang: Lang, mentions: tuple[Mention, ...]) -> Statement:
    """Return what a sentence says."""
    words = _words(lang)
    named = named_terms(text, lang)
    terms = [term for term in named.terms if not term.concept.general]
    plain = text.casefold()
    said = [
        (term.concept.name, term.polarity.value)
        for term in terms
        if term.concept.group is not WordGroup.ORGAN
    ]
    covered = plain
    for term in named.terms:
        covered = covered[: term.start] + " " * (term.end - term.start) + covered[term.end :]
    rest = [word for word in words.tokens(covered) if word not in words.sides]
    return Statement(
        frozenset(said),
        frozenset(t.concept.name for t in terms if t.concept.group is WordGroup.ORGAN),
        frozenset(
            (counted_as(m.code), m.polarity.value, m.change.value if m.change else "")
            for m in mentions
            if m.code != _SUMMARY
        ),
        frozenset(word.side for word in side_words(text, lang)),
        tuple(_NUMBER.findall(plain)),
        words.groups_in(plain, words.degrees),
        words.groups_in(covered, words.aspects),
        frozenset(t.polarity.value for t in named.terms if t.concept.name == NORMALITY),
        _SUM.match(plain) is not None,
        named.hedges > 0,
        named.denials > 0 or named.normal > 0,
        frozenset(words.tokens(plain)),
        tuple(dict.fromkeys(rest)),
        _SPARE[lang],
    )


class _Words:
    """Words of one language that tell nothing, or the same."""

    def __init__(self, lang: Lang) -> None:
        data = wording_data()["repeats"][lang]
        self.lang = lang
        self.fillers = tuple(sorted(set(data["fillers"].split()), key=lambda w: (-len(w), w)))
        self.filler_set = frozenset(self.fillers)
        self.same = {word: line.split()[0] for line in data["same"] for word in line.split()}
        self.degrees = _numbered(data["degrees"])
        self.aspects = _numbered(data["aspects"])
        self.sides = frozenset(word[:_STEM] for word in _SIDES.split())
        self._filled = re.compile("|".join(map(re.escape, self.fillers)))

    def tokens(self, text: str) -> Sequence[str]:
        """Return the words that say something, by their stems; in Chinese the characters."""
        if self.lang == "en":
            return [
                self.same.get(word, word)[:_STEM]
                for word in _WORD.findall(text)
                if word not in self.filler_set and word not in self.degrees
            ]
        for word, meant in self.same.items():
            text = text.replace(word, meant)
        for word in sorted(self.degrees, key=len, reverse=True):
            text = text.replace(word, " ")
        return _HAN.findall(self._filled.sub(" ", text))

    def groups_in(self, text: str, groups: Mapping[str, int]) -> frozenset[int]:
        """Return which groups of words a text has a word of."""
        if self.lang == "en":
            return frozenset(groups[word] for word in _WORD.findall(text) if word in groups)
        found = set()
        for word in sorted(groups, key=len, reverse=True):
            if word in text:
                found.add(groups[word])
                text = text.replace(word, " ")
        return frozenset(found)


def _numbered(lines: Sequence[str]) -> Mapping[str, int]:
    return {word: number for number, line in enumerate(lines) for word in line.split()}


@cache
def _words(lang: Lang) -> _Words:
    return _Words(lang)
