"""Characters of Chinese names and words of Chinese text, for the recognisers of names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Protocol

from radraft.studies.deid.recognisers import HAN, read_lists

RUN = re.compile(f"[{HAN}]+")
NEVER = frozenset(
    "的了是在有和与及或无不未见请示其此该为于前上下左右内外间侧双余部位片影灶性症炎癌瘤痛肿胀血肺肝肾胆胃肠骨膜腔脑颈胸腹腰腿手"
    "足头眼耳鼻口咽喉管囊腺壁脉节叶段诊治疗术查检者人患病院科医护因诉称述说但也又均则可能已曾经被把让从到去做给对比热咳喘晕吐泻史等约较"
    "呈伴主烧痰痒汗肢面色量度密压型区级期周岁月天时分秒次年日昨今现既往"
)
"""Characters that names do not have, or hardly ever, and reports do."""


class _Tagger(Protocol):
    def tag(self, text: str, hmm: bool = True) -> list[tuple[str, str]]: ...


@dataclass(frozen=True)
class _Characters:
    surnames: frozenset[str]
    ambiguous: frozenset[str]
    compound: frozenset[str]
    given: frozenset[str]
    given_seldom: frozenset[str]
    words: frozenset[str]

    @cached_property
    def firsts(self) -> frozenset[str]:
        """First characters of surnames."""
        return self.surnames | self.ambiguous | {name[0] for name in self.compound}


@dataclass(frozen=True)
class Words:
    """A run of Chinese characters cut into words."""

    tags: dict[int, tuple[str, str]]
    """Word and jieba's tag for it, by where it begins."""
    ends: frozenset[int]

    def at(self, place: int) -> tuple[str, str]:
        """Word and tag of the word that begins at `place`; both empty where none does."""
        return self.tags.get(place, ("", ""))


def cut(run: str) -> Words:
    """Return the words of a run of Chinese characters, without jieba's model for unknown ones."""
    position, tags = 0, {}
    for word, tag in _tagger().tag(run, False):
        tags[position] = (word, tag)
        position += len(word)
    return Words(tags, frozenset([*tags, position]))


@cache
def characters() -> _Characters:
    """Return the lists of names_zh.txt."""
    parts = read_lists("names_zh.txt")
    whole = {"compound", "words"}
    return _Characters(
        **{
            key: frozenset(found if key in whole else "".join(found))
            for key, found in parts.items()
        }
    )


@cache
def _tagger() -> _Tagger:
    import rjieba

    from radraft.studies.deid.segment import words

    tagger = rjieba.Jieba()
    for word in (*words(), *sorted(characters().words)):
        tagger.add_word(word, tagger.suggest_freq(word), "n")
    made: _Tagger = tagger
    return made


def family(text: str, start: int, *, every: bool) -> int:
    """Return how many characters of a surname stand at `start`: 0, 1 or 2. `every`: also those
    that are mostly another word."""
    known = characters()
    if text[start : start + 2] in known.compound:
        return 2
    char = text[start : start + 1]
    return int(char in known.surnames or (every and char in known.ambiguous))


def seems_given(given: str) -> bool:
    """Return whether every character is one that given names are known to have."""
    known = characters()
    return all(char in known.given or char in known.given_seldom for char in given)


def may_be_given(given: str) -> bool:
    """Return whether nothing speaks against a given name, where something else speaks for a
    name."""
    return seems_given(given) or NEVER.isdisjoint(given)


def strong(given: str) -> bool:
    """Return whether a character is one that names have and reports hardly do."""
    return not characters().given.isdisjoint(given)
