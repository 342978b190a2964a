"""Lengths that sentences give, and the thing that each is of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from radraft.core.yaml_files import Strict
from radraft.reports.values import Lang

Span = tuple[int, int]
_KEPT = 8192
_UNIT = r"mm|cm|㎜|㎝|毫米|厘米|公分|millimet(?:er|re)s?|centimet(?:er|re)s?"
_VALUE = r"\d+(?:[.,]\d+)?"
_BY = r"(?:[x×*＊X✕]|乘以?|by)"
_MEASURE = re.compile(
    rf"(?<![\w.-])(?P<minus>[-−–])?(?P<first>{_VALUE})(?:\s*-?(?P<unit1>{_UNIT}))?"
    rf"(?:\s*{_BY}\s*(?P<second>{_VALUE})\s*(?P<unit2>{_UNIT})?)?"
    rf"(?:\s*{_BY}\s*(?P<third>{_VALUE})\s*(?P<unit3>{_UNIT})?)?"
    rf"(?:(?<=[\d])\s*(?P<unit>{_UNIT}))?",
    re.IGNORECASE,
)
_MEASURE_ZH = re.compile(_MEASURE.pattern.replace(r"(?<![\w.-])", r"(?<![\d.A-Za-z-])"), re.I)
_CENTIMETRES = re.compile("c|厘|公|㎝", re.IGNORECASE)
_EARLIER: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:previous(?:ly)?|prior|formerly|was|were|from|earlier|had been|initially|"
        r"compared (?:to|with))"
        r"[^.;\d]{0,30}$",
        re.IGNORECASE,
    ),
    "zh": re.compile("(?:原|前片|上次|旧片|前次|之前|既往|此前|由)[^。；;\\d]{0,10}$"),
}
_PREPOSITION = re.compile(
    r"\b(?:of|in|at|with|on|along|from|within|near|into|to|between|over|under|below|above|behind|"
    r"adjacent to|against|through|around|inside|without|for)\b"
)
_NO_NOUN = re.compile(r"[,;:()]|\b(?:and|or|is|are|was|were|which|that)\b")


class _Words(Strict):
    en: str
    zh: str

    def of(self, lang: Lang) -> str:
        return self.en if lang == "en" else self.zh


class MeasuredThing(Strict):
    """A kind of thing that is measured, and the millimetres that it has in a patient."""

    most: float
    least: float = 0
    """Of the longest length: a whole organ is not smaller."""
    en: str
    zh: str


class _Little(Strict):
    most: float
    en: str
    zh: str


class _Sizes(Strict):
    things: Mapping[str, MeasuredThing]
    looks: _Words
    little: tuple[_Little, ...]
    distances: _Words


@dataclass(frozen=True)
class Measure:
    """A length, or two or three of one thing, in millimetres."""

    thing: str | None
    """What is measured, of `sizes.yaml`; None where no known word stands there."""
    lengths: tuple[float, ...]
    """As the text orders them; negative where a minus stands before the first."""
    earlier: bool
    """Whether it is that of an earlier examination."""
    distance: bool
    """Whether it lies between two things."""
    start: int
    end: int


@cache
def _sizes() -> _Sizes:
    path = files("radraft.reports.checks").joinpath("sizes.yaml")
    return _Sizes.from_yaml(path.read_text(encoding="utf-8"))


def measured_things() -> Mapping[str, MeasuredThing]:
    """Return what reports measure, by name."""
    return _sizes().things


@lru_cache(maxsize=_KEPT)
def measures(text: str, lang: Lang) -> tuple[Measure, ...]:
    """Return the measures with a unit of length in `text`, in order."""
    matches = [m for m in (_MEASURE if lang == "en" else _MEASURE_ZH).finditer(text) if _unit(m)]
    if not matches:
        return ()
    things = tuple(_things(text, lang))
    found = []
    for match in matches:
        start, end = match.span()
        lengths = _millimetres(match)
        thing = _thing_after(text, lang, end, things) or _thing_before(text, lang, start, things)
        if thing is None:
            thing = next((name for at, _, name in things if at >= end), None)
        earlier = _EARLIER[lang].search(text[:start]) is not None
        distance = _is_distance(text, lang, start, end)
        found.append(Measure(thing, lengths, earlier, distance, start, end))
    return tuple(found)


def most_of_little(text: str, lang: Lang, measure: Measure) -> float | None:
    """Return the most millimetres of what the clause calls tiny or small; None where it does not
    say that of the thing measured."""
    clause = text[_clause_start(text, measure.start) : measure.end + 24]
    for pattern, most in _little(lang):
        if pattern.search(clause):
            return most
    return None


def _unit(match: re.Match[str]) -> str | None:
    units = (match["unit"], match["unit3"], match["unit2"], match["unit1"])
    return next((unit for unit in units if unit), None)


def _millimetres(match: re.Match[str]) -> tuple[float, ...]:
    last = _unit(match) or ""
    units = (match["unit1"], match["unit2"], match["unit3"])
    lengths = tuple(
        float(match[part].replace(",", ".")) * (10 if _CENTIMETRES.match(own or last) else 1)
        for part, own in zip(("first", "second", "third"), units, strict=True)
        if match[part]
    )
    return (-lengths[0], *lengths[1:]) if match["minus"] else lengths


@cache
def _thing_words(lang: Lang) -> re.Pattern[str]:
    words = (
        (name, thing.en if lang == "en" else thing.zh) for name, thing in _sizes().things.items()
    )
    if lang == "en":
        return re.compile("|".join(rf"(?P<{n}>\b(?:{w})\b)" for n, w in words), re.IGNORECASE)
    return re.compile("|".join(f"(?P<{n}>{w})" for n, w in words))


@cache
def _looks(lang: Lang) -> re.Pattern[str]:
    return re.compile(_sizes().looks.of(lang), re.IGNORECASE)


@cache
def _little(lang: Lang) -> tuple[tuple[re.Pattern[str], float], ...]:
    return tuple(
        (re.compile(rf"\b(?:{w.en})\b" if lang == "en" else w.zh, re.IGNORECASE), w.most)
        for w in _sizes().little
    )


@cache
def _distances(lang: Lang) -> re.Pattern[str]:
    return re.compile(_sizes().distances.of(lang), re.IGNORECASE)


def _things(text: str, lang: Lang) -> Iterator[tuple[int, int, str]]:
    """Yield the things that `text` names, without words of how they look."""
    # As many characters, so that places stay right.
    masked = _looks(lang).sub(lambda words: "·" * len(words[0]), text)
    for match in _thing_words(lang).finditer(masked):
        yield match.start(), match.end(), match.lastgroup or ""


def _thing_after(
    text: str, lang: Lang, end: int, things: tuple[tuple[int, int, str], ...]
) -> str | None:
    """Return what is named right behind a measure: "a 12 mm lung nodule"."""
    found = None
    reach = 60 if lang == "en" else 8
    for start, _, name in things:
        if not end <= start <= end + reach:
            continue
        between = text[end:start]
        if lang == "en":
            if _NO_NOUN.search(between) or _PREPOSITION.search(between):
                break
        elif re.search("[，,。；;、]", between):
            break
        found = name
    return found


def _thing_before(
    text: str, lang: Lang, start: int, things: tuple[tuple[int, int, str], ...]
) -> str | None:
    """Return what a measure follows: the last thing before it that no preposition subordinates."""
    before = [(at, end, name) for at, end, name in things if end <= start]
    if lang == "en":
        heads = [name for at, _, name in before if not _is_subordinate(text, at)]
        if heads:
            return heads[-1]
    return before[-1][2] if before else None


def _is_subordinate(text: str, at: int) -> bool:
    """Return whether a preposition governs the noun at `at`: "calcification of a node"."""
    phrase = re.split(r"[,;:.()]|\b(?:is|are|was|were|and|shows?|has|contains?)\b", text[:at])[-1]
    return _PREPOSITION.search(phrase) is not None


_MOVED = re.compile(
    r"\b(?:retract\w*|withdraw\w*|withdrawn|pulled|advanc\w*|distance|inserted)\b[^.;\d]*$",
    re.IGNORECASE,
)


def _is_distance(text: str, lang: Lang, start: int, end: int) -> bool:
    words = _distances(lang)
    if lang == "en":
        moved = _MOVED.search(text[max(0, start - 50) : start]) is not None
        return moved or words.match(text[end:].lstrip()) is not None
    before = re.split("[，。；、\\d]", text[:start])[-1]
    return words.search(before) is not None


def _clause_start(text: str, at: int) -> int:
    return max((text.rfind(mark, 0, at) for mark in ";.；。"), default=-1) + 1
