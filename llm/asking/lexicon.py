"""The words that questions and sentences share: those of `reports/checks/languages.yaml`, which the
checks of a report read both languages by, and beside them those of `lexicon.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from radraft.reports.checks.lexicon import (
    NORMALITY,
    Said,
    WordGroup,
    language_data,
    lexicon as report_words,
)
from radraft.reports.findings.vocabulary import anatomy, lineage, vocabulary


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class _Kinds(_Strict):
    device: str
    place: str
    predicate: str
    lesion: str
    loose: str
    anywhere: str


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


class _Idle(_Strict):
    zh: str
    en: str


class _File(_Strict):
    kinds: _Kinds
    up: dict[str, tuple[str, ...]]
    words: tuple[_Words, ...]
    measures: tuple[_Measure, ...]
    whole: str
    """English words that are no slips for a known word, near as they are to one."""
    idle: _Idle


@dataclass(frozen=True)
class Word:
    """A known word where it stands in a text."""

    start: int
    end: int
    findings: frozenset[str]
    """Findings, devices and what is said of them."""
    places: frozenset[str]
    absent: bool = False
    """Whether the word itself says that there is none ("not enlarged", "clear")."""


_Meaning = tuple[frozenset[str], bool]
_NO_PLACES = frozenset({"lymph_node"})
"""Organs of `languages.yaml` that questions ask after as findings: "any nodes?"."""
_LATIN = re.compile(r"[a-z0-9][a-z0-9/']*")
_SIZED = frozenset({"enlargement", "thickening", "dilatation", "shift", "narrowing"})
"""Of which "not" says that a place is normal."""


class Lexicon:
    """Finds known words and knows what is a kind, or a part, of what."""

    def __init__(self, text: str) -> None:
        """`text` is YAML. ValueError where it is not of the right form."""
        import yaml

        data = _File.model_validate(yaml.safe_load(text))
        self.devices = frozenset(data.kinds.device.split())
        organs = {
            name
            for name, known in report_words().concepts.items()
            if known.group is WordGroup.ORGAN and name not in _NO_PLACES
        }
        self.places = frozenset(data.kinds.place.split()) | organs
        self.predicates = frozenset(data.kinds.predicate.split())
        self.lesions = frozenset(data.kinds.lesion.split())
        self.loose = frozenset(data.kinds.loose.split())
        self.anywhere = frozenset(data.kinds.anywhere.split()) | self.predicates | self.lesions
        self.idle_en = frozenset(data.idle.en.split())
        self._whole = frozenset(data.whole.split())
        idle_zh = sorted(data.idle.zh.split(), key=len, reverse=True)
        self.idle_zh = re.compile("|".join(map(re.escape, idle_zh)))
        self._chinese: dict[str, _Meaning] = {}
        self._latin: dict[tuple[str, ...], _Meaning] = {}
        self._add_report_words()
        for entry in data.words:
            meaning = (frozenset(entry.concepts.split()), entry.absent)
            for word in entry.zh.lower().split():
                self._chinese[word] = meaning
            for word in entry.en.lower().split(","):
                if word.strip():
                    self._latin[tuple(_LATIN.findall(word.replace("-", " ")))] = meaning
        self._longest = max(map(len, self._chinese)), max(map(len, self._latin))
        self._latin_words = sorted(
            {
                word
                for word in (*(w for words in self._latin for w in words), *self.idle_en)
                if len(word) > 4 and word.isalpha()
            }
        )
        self._up = self._closed(data.up)
        self.measures = {one.id: re.compile(one.word, re.IGNORECASE) for one in data.measures}
        self.measured = {
            one.id: re.compile(one.said or one.word, re.IGNORECASE) for one in data.measures
        }

    def _add_report_words(self) -> None:
        known = report_words()
        self._chinese |= {word: _meaning(what) for word, what in known.zh.items()}
        self._latin |= {words: _meaning(what) for words, what in known.en.items()}

    def _closed(self, own: Mapping[str, tuple[str, ...]]) -> dict[str, frozenset[str]]:
        up: dict[str, set[str]] = {name: set(parents) for name, parents in own.items()}
        for broad, narrow in language_data()["broader"].items():
            for name in narrow:
                up.setdefault(name, set()).add(broad)
        return {name: _closure(name, up) for name in {*up, *self.places, *self.devices}}

    @lru_cache(maxsize=8192)  # noqa: B019  one lexicon lives as long as the process
    def find(self, text: str) -> tuple[Word, ...]:
        """Return the known words of `text`, longest first where they overlap, in order."""
        lower = text.lower()
        taken = bytearray(len(lower))
        found = list(self._in_chinese(lower, taken))
        found += self._in_latin(lower, taken)
        return tuple(sorted(found, key=lambda word: word.start))

    def _in_chinese(self, lower: str, taken: bytearray) -> Iterator[Word]:
        at = 0
        while at < len(lower):
            for size in range(min(self._longest[0], len(lower) - at), 0, -1):
                meaning = self._chinese.get(lower[at : at + size])
                inside = at and lower[at - 1].isascii() and lower[at - 1].isalnum()
                if meaning is not None and not (lower[at].isascii() and inside):
                    yield self._word(at, at + size, meaning)
                    taken[at : at + size] = b"\1" * size
                    # 肋骨折 names the rib and the fracture: they share a character.
                    at += size - lower.startswith("骨折", at + size - 1)
                    break
            else:
                at += 1

    def _in_latin(self, lower: str, taken: bytearray) -> Iterator[Word]:
        tokens = [m for m in _LATIN.finditer(lower.replace("-", " ")) if not taken[m.start()]]
        at = 0
        while at < len(tokens):
            for size in range(min(self._longest[1], len(tokens) - at), 0, -1):
                meaning = self._meaning(tuple(t.group() for t in tokens[at : at + size]))
                if meaning is not None:
                    yield self._word(tokens[at].start(), tokens[at + size - 1].end(), meaning)
                    at += size
                    break
            else:
                at += 1

    def _meaning(self, words: tuple[str, ...]) -> _Meaning | None:
        for last in _forms(words[-1]):
            meaning = self._latin.get((*words[:-1], last))
            if meaning is not None:
                return meaning
        return None

    def _word(self, start: int, end: int, meaning: _Meaning) -> Word:
        names, absent = meaning
        return Word(start, end, names - self.places, names & self.places, absent)

    def mended(self, text: str) -> str:
        """Return `text` with Latin words that are one or two strokes from a known one mended."""
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import extractOne

        def mend(match: re.Match[str]) -> str:
            word = match.group().lower()
            if len(word) < 5 or word in self.idle_en or word in self._whole or any(
                (form,) in self._latin or form in self._latin_words for form in _forms(word)
            ):  # fmt: skip
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

    @lru_cache(maxsize=512)  # noqa: B019  one lexicon lives as long as the process
    def of_code(self, code: str) -> frozenset[str]:
        """Return what a finding of the vocabulary is here, and what it is a kind of there."""
        found: set[str] = set()
        for one in lineage(code):
            for name in (vocabulary()[one].en, vocabulary()[one].zh):
                found |= {c for word in self.find(name) for c in word.findings}
        return frozenset(found)

    @lru_cache(maxsize=512)  # noqa: B019  one lexicon lives as long as the process
    def places_of_code(self, code: str) -> frozenset[str]:
        """Return the places that the name of a finding of the vocabulary has."""
        names = (vocabulary()[code].en, vocabulary()[code].zh)
        return frozenset(p for name in names for word in self.find(name) for p in word.places)

    @lru_cache(maxsize=128)  # noqa: B019  one lexicon lives as long as the process
    def of_anatomy(self, code: str) -> frozenset[str]:
        """Return the places of an anatomy code of the vocabulary."""
        return frozenset(p for name in anatomy()[code] for w in self.find(name) for p in w.places)


def _meaning(what: Said) -> _Meaning:
    names = frozenset(name for name, _ in what if name != NORMALITY)
    opposite = any(less for _, less in what)
    if opposite and (NORMALITY in {name for name, _ in what} or names & _SIZED):
        names |= {"normal"}
    return names, opposite


def _forms(word: str) -> Iterator[str]:
    """Yield a word and what it may be the plural, or an ending, of."""
    yield word
    if word.endswith("ies"):
        yield word[:-3] + "y"
    if word.endswith("es"):
        yield word[:-2]
    if word.endswith("s") and len(word) > 3:
        yield word[:-1]
    if word.endswith(("'s", "ae")):
        yield word[:-2]
        yield word[:-1]
    yield word.replace("haem", "hem").replace("oed", "ed").replace("aes", "es")


def _closure(name: str, up: Mapping[str, set[str]]) -> frozenset[str]:
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
