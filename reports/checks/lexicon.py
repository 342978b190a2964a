"""What words of reports mean in both languages, from `languages.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from radraft.reports.values import Certainty

Said = tuple[tuple[str, bool], ...]
"""Names of the concepts that a word says, each with whether it says the opposite."""
Occurrence = tuple[int, int, Said]
"""A word where it stands: start, end, what it says."""
Span = tuple[int, int]
NORMALITY = "abnormality"
"""The concept of `languages.yaml` whose opposite is "normal"."""


class WordGroup(StrEnum):
    """What a word of `languages.yaml` stands for."""

    FINDING = "findings"
    ORGAN = "organs"
    QUALITY = "qualities"


@dataclass(frozen=True)
class Meaning:
    """What words of both languages mean."""

    name: str
    group: WordGroup
    general: bool = False
    """Says little (lesion, abnormality): never missed in the other language."""
    weak: bool = False
    """Describes (enlarged, opacity) more than it names: languages differ in where they say it."""


@dataclass(frozen=True)
class Term:
    """A concept where a text names it."""

    concept: Meaning
    polarity: Certainty
    start: int
    """Characters of the text."""
    end: int


@dataclass(frozen=True)
class NamedTerms:
    """What a text names."""

    terms: tuple[Term, ...]
    denials: int
    """Words that deny, words of normality not among them."""
    normal: int
    """Words that hold a denial or say that something is normal: irregular, clear, 不大, 正常."""
    hedges: int
    soft: bool
    """Some word says of a conclusion that it is one: 考虑, consistent with."""
    denied: tuple[Span, ...] = ()
    """Stretches of the text that are denied, whatever words stand there."""
    hedged: tuple[Span, ...] = ()
    """Stretches of which something is said with doubt."""


def alike(one: str, other: str) -> bool:
    """Whether two findings' names are not told apart alike in both languages."""
    return one == other or (one, other) in lexicon().alike


@dataclass(frozen=True)
class WordList:
    """Words of both languages by what they say."""

    concepts: Mapping[str, Meaning]
    zh: Mapping[str, Said]
    """Word to the concepts that it says, and whether it says their opposite."""
    en: Mapping[tuple[str, ...], Said]
    longest_zh: int
    longest_en: int
    alike: frozenset[tuple[str, str]]


@cache
def lexicon() -> WordList:
    """Return the words of `languages.yaml`. ValueError where it links to no concept."""
    data = language_data()
    concepts: dict[str, Meaning] = {}
    zh: dict[str, list[tuple[str, bool]]] = {}
    en: dict[tuple[str, ...], list[tuple[str, bool]]] = {}
    for group in WordGroup:
        for name, entry in data[group.value].items():
            said = entry.get("as")
            if said is None:
                said = [name]
                concepts[name] = Meaning(
                    name, group, entry.get("general", False), entry.get("weak", False)
                )
            for opposite in (False, True):
                less = "less_" if opposite else ""
                for word in entry.get(f"{less}zh", ()):
                    zh.setdefault(word, []).extend((what, opposite) for what in said)
                for word in entry.get(f"{less}en", ()):
                    words = tuple(word.split())
                    en.setdefault(words, []).extend((what, opposite) for what in said)
    pairs = {
        (one, other)
        for line in data["alike"]
        for one in line.split()
        for other in line.split()
        if one != other
    }
    for broad, narrow in data["broader"].items():
        pairs |= {pair for name in narrow for pair in ((broad, name), (name, broad))}
    unknown = {name for pair in pairs for name in pair} | {n for w in zh.values() for n, _ in w}
    if not unknown <= concepts.keys():
        raise ValueError(f"languages.yaml: no concept {sorted(unknown - concepts.keys())}")
    return WordList(
        concepts,
        {word: tuple(what) for word, what in zh.items()},
        {words: tuple(what) for words, what in en.items()},
        max(map(len, zh)),
        max(map(len, en)),
        frozenset(pairs),
    )


@cache
def language_data() -> dict[str, Any]:
    """Return `languages.yaml`."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    path = files("radraft.reports.checks").joinpath("languages.yaml")
    data: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    return data


def terms_of(
    found: list[Occurrence],
    denied: list[Span],
    hedged: list[Span],
) -> tuple[Term, ...]:
    """Return the terms of the words found, by the stretches that are denied and hedged."""
    known = lexicon().concepts
    terms = []
    for start, end, said in found:
        inside = any(a <= start < b for a, b in denied)
        unsure = any(a <= start < b for a, b in hedged)
        for name, opposite in said:
            polarity = Certainty.ABSENT if inside != opposite else Certainty.PRESENT
            if unsure and polarity is Certainty.PRESENT:
                polarity = Certainty.UNCERTAIN
            terms.append(Term(known[name], polarity, start, end))
    return tuple(terms)


def opposites(found: list[Occurrence]) -> int:
    """Return how many words say an opposite: irregular, clear, 不大, 正常."""
    return sum(any(opposite for _, opposite in said) for _, _, said in found)
