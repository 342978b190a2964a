"""The concepts that a question or a report sentence names, from `concepts.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from radraft.reports.findings._chinese_matcher import Matcher
from radraft.reports.findings.terms import (
    chinese_head,
    chinese_heads,
    chinese_patterns,
    english_head,
    english_heads,
    english_words,
)
from radraft.reports.findings.vocabulary import vocabulary

CHINESE_SIDES = {"left": re.compile("左(?!右)"), "right": re.compile("(?<!左)右")}


class Kind(StrEnum):
    """What a concept is to a question."""

    FINDING = "finding"
    DEVICE = "device"
    ANATOMY = "anatomy"
    TOPIC = "topic"
    ATTRIBUTE = "attribute"
    SIDE = "side"
    SECTION = "section"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Words(_Strict):
    zh: tuple[str, ...] = ()
    en: tuple[str, ...] = ()


class Concept(_Words):
    """One entry of `concepts.yaml`: `zh` and `en` are words beside those of its codes and heads."""

    kind: Kind
    parent: str | None = None
    at: str | None = None
    codes: tuple[str, ...] = ()
    """Findings (`codes.yaml`) whose terms name it."""
    heads: _Words = _Words()
    """Heads of the terms that name it, whatever they are said of."""
    asked: _Words = _Words()
    stated: tuple[str, ...] = ()


class _FunctionWords(_Strict):
    zh: str
    en: str


class _File(_Strict):
    concepts: dict[str, Concept]
    function_words: _FunctionWords


@dataclass(frozen=True)
class Reading:
    """What a text names."""

    names: frozenset[str]
    """Concept ids; of a question attributes count where asked for, of a sentence where stated."""
    rest: tuple[str, ...]
    """What is left beside concepts and function words, lower case: Latin words and runs of
    Chinese."""
    words: tuple[frozenset[str], ...] = ()
    """The concepts that each word names: more than one where the word is of more than one."""


class Vocabulary:
    """Finds concepts in Chinese and English text."""

    def __init__(self, text: str) -> None:
        """`text` is YAML. ValueError where it is not of the right form or names no such parent."""
        import yaml

        data = _File.model_validate(yaml.safe_load(text))
        self.concepts = data.concepts
        for concept in self.concepts.values():
            for link in (concept.parent, concept.at):
                if link is not None and link not in self.concepts:
                    raise ValueError(f"no concept {link}")
            unknown = {*concept.codes} - vocabulary().keys()
            unknown |= {*concept.heads.zh} - chinese_heads() | {*concept.heads.en} - english_heads()
            if unknown:
                raise ValueError(f"no finding or head {sorted(unknown)}")
        self._named = _ConceptFinder(self.concepts, asked=False)
        self._asked = _ConceptFinder(self.concepts, asked=True)
        self._stated = {
            name: re.compile("|".join(concept.stated), re.IGNORECASE)
            for name, concept in self.concepts.items()
            if concept.stated
        }
        self._function_en = frozenset(data.function_words.en.split())
        zh = sorted(data.function_words.zh.split(), key=len, reverse=True)
        self._function_zh = re.compile("|".join(map(re.escape, zh)))

    @classmethod
    def load(cls) -> Vocabulary:
        """The project's own vocabulary."""
        path = files("radraft.reports.findings").joinpath("concepts.yaml")
        return cls(path.read_text(encoding="utf-8"))

    def question(self, text: str) -> Reading:
        """What a question names and asks for."""
        words, rest = self._asked.take(text)
        names = frozenset[str]().union(*words) | _sides(text)
        return Reading(names, self._content(rest), words)

    def sentence(self, zh: str, en: str) -> Reading:
        """What a report sentence names and states, in either language."""
        names: set[str] = set()
        for text in (zh, en):
            names.update(*self._named.take(text)[0])
            names |= _sides(text)
            names |= {name for name, pattern in self._stated.items() if pattern.search(text)}
        return Reading(frozenset(names), ())

    @property
    def function_en(self) -> frozenset[str]:
        """English words that carry no subject."""
        return self._function_en

    def without_function_words(self, chinese: str) -> str:
        """Return Chinese text without the words that carry no subject."""
        return self._function_zh.sub("", chinese)

    def of_kind(self, names: frozenset[str], *kinds: Kind) -> frozenset[str]:
        """Those of `names` that are of one of `kinds`."""
        return frozenset(name for name in names if self.concepts[name].kind in kinds)

    def lineage(self, name: str) -> frozenset[str]:
        """`name` and all its parents."""
        found: set[str] = set()
        current: str | None = name
        while current is not None and current not in found:
            found.add(current)
            current = self.concepts[current].parent
        return frozenset(found)

    def display(self, name: str, lang: str) -> str:
        """Return a concept's name to show: its first finding's, else its first word."""
        concept = self.concepts[name]
        if concept.codes and concept.kind is not Kind.ANATOMY:
            finding = vocabulary()[concept.codes[0]]
            return finding.zh if lang == "zh" else finding.en[0].lower() + finding.en[1:]
        words = (
            (concept.zh or concept.asked.zh) if lang == "zh" else (concept.en or concept.asked.en)
        )
        return words[0]

    def _content(self, rest: str) -> tuple[str, ...]:
        latin = re.findall(r"[a-z][a-z'-]+", rest)
        chinese = re.findall(r"[\u4e00-\u9fff]+", self._function_zh.sub(" ", rest))
        words = [word for word in latin if word not in self._function_en]
        return tuple(words + [run for run in chinese if len(run) > 1])


class _ConceptFinder:
    """Finds the words of concepts in a text: Chinese by pattern, the rest by word."""

    def __init__(self, concepts: Mapping[str, Concept], *, asked: bool) -> None:
        """With `asked` the words that only questions have count too."""
        self._chinese = Matcher()
        self._names: dict[str, set[str]] = {}
        for name, concept in concepts.items():
            own = concept.zh + concept.en
            if asked:
                own += concept.asked.zh + concept.asked.en
            for code in concept.codes:
                own += english_words(code)
            for head in concept.heads.en:
                own += english_head(head)
            for pattern in _chinese_patterns(concept):
                self._chinese.add(pattern, ("concept", name))
            for word in own:
                if word.isascii():
                    self._names.setdefault(word.lower(), set()).add(name)
                else:
                    self._chinese.add(word.lower(), ("concept", name))
        # Longest first, so that a pericardial effusion is no pleural effusion.
        ordered = sorted(self._names, key=len, reverse=True)
        words = "|".join(re.escape(word).replace(r"\ ", r"[\s-]+") for word in ordered)
        self._latin = re.compile(f"(?<![a-z])(?:{words})(?:e?s)?(?![a-z])")

    def take(self, text: str) -> tuple[tuple[frozenset[str], ...], str]:
        """Return the concepts that each word of `text` names, and it in lower case without them."""
        lower = text.lower()
        words: list[frozenset[str]] = []
        kept, at = [], 0
        for token in self._chinese.find(lower):
            words.append(frozenset(token.kinds["concept"]))
            kept.append(lower[at : token.start])
            at = token.end
        kept.append(lower[at:])

        def named(match: re.Match[str]) -> str:
            words.append(frozenset(self._named(match.group())))
            return " "

        rest = self._latin.sub(named, " ".join(kept))
        return tuple(words), rest

    def _named(self, words: str) -> Iterator[str]:
        found = " ".join(words.split())
        # As it stands, with a space for a hyphen, or without the plural's ending.
        for form in (found, found.replace("-", " ")):
            for word in (form, form.removesuffix("s"), form.removesuffix("es")):
                yield from self._names.get(word, ())


def _sides(text: str) -> frozenset[str]:
    """Return the sides that Chinese organs are named with: 左肺 and 右肾 are words of their own."""
    return frozenset(side for side, pattern in CHINESE_SIDES.items() if pattern.search(text))


def _chinese_patterns(concept: Concept) -> Iterator[str]:
    for code in concept.codes:
        yield from chinese_patterns(code)
    for head in concept.heads.zh:
        yield from chinese_head(head)
