"""The words of radiology that questions and sentences share, from `lexicon.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class _Kinds(_Strict):
    device: str
    place: str


class _Words(_Strict):
    concepts: str
    zh: str = ""
    en: str = ""
    absent: bool = False


class _Measure(_Strict):
    id: str
    word: str
    said: str = ""
    """How a sentence states it, where not as a question asks for it."""


class _File(_Strict):
    kinds: _Kinds
    up: dict[str, tuple[str, ...]]
    words: tuple[_Words, ...]
    measures: tuple[_Measure, ...]


@dataclass(frozen=True)
class Word:
    """A known word where it stands in a text."""

    start: int
    end: int
    concepts: frozenset[str]
    absent: bool = False
    """Whether the word itself says that there is none ("not enlarged")."""


class Lexicon:
    """Finds known words and knows what is a kind of what."""

    def __init__(self, text: str) -> None:
        """`text` is YAML. ValueError where it is not of the right form."""
        import yaml

        data = _File.model_validate(yaml.safe_load(text))
        self.devices = frozenset(data.kinds.device.split())
        self.places = frozenset(data.kinds.place.split())
        self._up = {name: _closure(name, data.up) for name in _names(data)}
        self._known: dict[str, list[tuple[frozenset[str], bool]]] = {}
        for entry in data.words:
            concepts = frozenset(entry.concepts.split())
            for word in entry.zh.lower().split() + [one.strip() for one in entry.en.split(",")]:
                if word:
                    self._known.setdefault(word, []).append((concepts, entry.absent))
        chinese = sorted((w for w in self._known if not w.isascii()), key=len, reverse=True)
        latin = sorted((w for w in self._known if w.isascii()), key=len, reverse=True)
        self._latin_words = sorted(w for w in latin if len(w) > 5 and w.isalpha())
        self._pattern = re.compile(
            "|".join(map(re.escape, chinese))
            + "|(?<![a-z])(?:"
            + "|".join(re.escape(word).replace(r"\ ", r"[\s-]+") for word in latin)
            + ")(?:e?s)?(?![a-z])"
        )
        self.measures = {one.id: re.compile(one.word, re.IGNORECASE) for one in data.measures}
        self.measured = {
            one.id: re.compile(one.said or one.word, re.IGNORECASE) for one in data.measures
        }

    def find(self, text: str) -> tuple[Word, ...]:
        """Return the known words of `text`, longest first where they overlap, in order."""
        found = []
        for match in self._pattern.finditer(text.lower()):
            word = re.sub(r"[\s-]+", " ", match.group())
            for form in (match.group(), word, word.removesuffix("s"), word.removesuffix("es")):
                if form in self._known:
                    concepts = frozenset[str]().union(*(one[0] for one in self._known[form]))
                    absent = any(one[1] for one in self._known[form])
                    found.append(Word(match.start(), match.end(), concepts, absent))
                    break
        return tuple(found)

    def mended(self, text: str) -> str:
        """Return `text` with Latin words that are one or two strokes from a known one mended."""
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import extractOne

        def mend(match: re.Match[str]) -> str:
            word = match.group().lower()
            if word in self._known or word.removesuffix("s") in self._known or len(word) < 5:
                return match.group()
            near = extractOne(
                word, self._latin_words, scorer=OSA.distance, score_cutoff=2 if len(word) > 8 else 1
            )
            return near[0] if near is not None and near[0][0] == word[0] else match.group()

        return re.sub(r"[A-Za-z]+", mend, text)

    def lineage(self, concept: str) -> frozenset[str]:
        """Return `concept` and all that it is a kind or a part of."""
        return self._up.get(concept, frozenset({concept}))

    def specific(self, concepts: frozenset[str]) -> frozenset[str]:
        """Return those that no other of them is a kind or a part of."""
        general = {up for one in concepts for up in self.lineage(one) if up != one}
        return concepts - general


def _names(data: _File) -> set[str]:
    return {*data.up, *(name for entry in data.words for name in entry.concepts.split())}


def _closure(name: str, up: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += up.get(one, ())
    return frozenset(found)


@cache
def lexicon() -> Lexicon:
    """The project's own."""
    return Lexicon(files("radraft.llm.asking").joinpath("lexicon.yaml").read_text(encoding="utf-8"))
