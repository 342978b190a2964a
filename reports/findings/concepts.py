"""The concepts that a question or a report sentence names, from `concepts.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files

from pydantic import BaseModel, ConfigDict


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
    """One entry of `concepts.yaml`."""

    kind: Kind
    parent: str | None = None
    at: str | None = None
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
        self._words = {
            word.lower(): word_ids
            for word, word_ids in _by_word(self.concepts, asked=False).items()
        }
        self._question_words = _by_word(self.concepts, asked=True)
        self._pattern = _pattern(self._words)
        self._question_pattern = _pattern(self._question_words)
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
        names, rest = _take(self._question_pattern, self._question_words, text)
        return Reading(names, self._content(rest))

    def sentence(self, zh: str, en: str) -> Reading:
        """What a report sentence names and states, in either language."""
        names: set[str] = set()
        for text in (zh, en):
            found, _ = _take(self._pattern, self._words, text)
            names |= found
            names |= {name for name, pattern in self._stated.items() if pattern.search(text)}
        return Reading(frozenset(names), ())

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
        """A concept's name to show: its first word."""
        concept = self.concepts[name]
        words = (
            (concept.zh or concept.asked.zh) if lang == "zh" else (concept.en or concept.asked.en)
        )
        return words[0]

    def _content(self, rest: str) -> tuple[str, ...]:
        latin = re.findall(r"[a-z][a-z'-]+", rest)
        chinese = re.findall(r"[\u4e00-\u9fff]+", self._function_zh.sub(" ", rest))
        words = [word for word in latin if word not in self._function_en]
        return tuple(words + [run for run in chinese if len(run) > 1])


def _by_word(concepts: dict[str, Concept], *, asked: bool) -> dict[str, frozenset[str]]:
    """Word -> the concepts it names. A word may name several (cardiomediastinal silhouette)."""
    found: dict[str, set[str]] = {}
    for name, concept in concepts.items():
        words = concept.zh + concept.en
        if asked:
            words += concept.asked.zh + concept.asked.en
        for word in words:
            found.setdefault(word.lower(), set()).add(name)
    return {word: frozenset(names) for word, names in found.items()}


def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    """Longest first, so that a pericardial effusion is no pleural effusion."""
    ordered = sorted(words, key=len, reverse=True)
    chinese = [re.escape(word) for word in ordered if not word.isascii()]
    latin = [re.escape(word).replace(r"\ ", r"[\s-]+") for word in ordered if word.isascii()]
    return re.compile(f"{'|'.join(chinese)}|(?<![a-z])(?:{'|'.join(latin)})(?:e?s)?(?![a-z])")


def _take(
    pattern: re.Pattern[str], words: dict[str, frozenset[str]], text: str
) -> tuple[frozenset[str], str]:
    """(concepts named in `text`, lower-case text with their words blanked out)."""
    names: set[str] = set()

    def take(match: re.Match[str]) -> str:
        found = " ".join(match.group().split())
        # As it stands, with a space for a hyphen, or without the plural's ending.
        for form in (found, found.replace("-", " ")):
            for word in (form, form.removesuffix("s"), form.removesuffix("es")):
                names.update(words.get(word, ()))
        return " "

    rest = pattern.sub(take, text.lower())
    return frozenset(names), rest
