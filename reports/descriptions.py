"""Critical findings that a report describes and does not name: "air under the diaphragm".

A sign of a finding is a set of word classes that stand together in one clause
(`descriptions_en.yaml`, `descriptions_zh.yaml`; their heads say how they are written). Where one is
met, the finding's name is put in its place and the text is read once more, so that denials, hedges,
sides, sections and measures are read as those of a finding that is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import pairwise, product
from typing import Any

from radraft.reports.findings.extract import extract
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Region
from radraft.reports.values import Lang

_NEAR = 7
"""Words, or pairs of characters in Chinese, that may stand between two parts of a sign."""
_NEAR_IN_SENTENCE = 16
"""The same where the parts may stand in several clauses of one sentence."""
_NEAR_NUMBER = 4
_NUMBER = "#"
_MOST_TRIED = 200
"""Ways to put a sign's classes to their places in one sentence."""


@dataclass(frozen=True, slots=True)
class Sign:
    """The classes that describe one finding together."""

    code: str
    classes: tuple[str, ...]
    ordered: bool
    """Whether they stand in this order."""
    wide: bool
    """Whether commas may stand between them."""
    numbered: bool
    """Whether a number has to follow, which stays outside of what is replaced."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A word of a text, or a phrase of a class: places among the sentence's tokens."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Token:
    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Sentence:
    tokens: tuple[_Token, ...]
    phrases: dict[str, tuple[_Piece, ...]]
    """By class."""


@dataclass(frozen=True, slots=True)
class Description:
    """Words of a text that describe a finding."""

    code: str
    start: int
    end: int
    name: str
    """What stands for them."""


def described(
    text: str, lang: Lang, named: Sequence[Mention], region: Region | None = None
) -> tuple[Mention, ...]:
    """Return the findings that `text` describes beyond those that it names (`named`), by where they
    start. Spans are characters of `text`."""
    found: dict[tuple[str, int], Mention] = {}
    for description in descriptions(text, lang):
        if _named(description, named):
            continue
        for mention in _read(text, lang, description, region):
            found.setdefault((mention.code, mention.start), mention)
    return tuple(sorted(found.values(), key=lambda mention: mention.start))


def descriptions(text: str, lang: Lang) -> tuple[Description, ...]:
    """Return every description in a text, whether denied or not."""
    table = _table(lang)
    sentences = _english(text, table) if lang == "en" else _chinese(text, table)
    found = [
        Description(
            sign.code,
            sentence.tokens[piece.first].start,
            sentence.tokens[piece.last].end,
            _name(sign, table),
        )
        for sentence in sentences
        for sign in table.signs
        if all(name in sentence.phrases for name in sign.classes)
        and not any(name in sentence.phrases for name in table.unless.get(sign.code, ()))
        for piece in _places(sign, sentence, table)
    ]
    return tuple(dict.fromkeys(found))


def _named(description: Description, named: Iterable[Mention]) -> bool:
    return any(
        mention.code == description.code
        and mention.start < description.end
        and description.start < mention.end
        for mention in named
    )


def _read(
    text: str, lang: Lang, description: Description, region: Region | None
) -> Iterator[Mention]:
    """Yield what the text states of the finding where its name stands for its description."""
    start, end = description.start, description.end
    words = text[start:end]
    name = _hedge(words, lang) + _side(words, lang) + description.name
    grown = len(name) - len(words)
    for mention in extract(text[:start] + name + text[end:], lang, region):
        if mention.code != description.code:
            continue
        if mention.start < start + len(name) and start < mention.end:
            last = mention.end - grown if mention.end > start + len(name) else end
            yield replace(mention, start=min(start, mention.start), end=last)


_ONE_SIDE = {
    "en": ((re.compile(r"\b(?:left|lt)\b", re.IGNORECASE), "left "),
           (re.compile(r"\b(?:right|rt)\b", re.IGNORECASE), "right ")),
    "zh": ((re.compile("左"), "左侧"), (re.compile("右"), "右侧")),
}  # fmt: skip


_HEDGE = {
    "en": (
        re.compile(
            r"\b(?:possibl[ey]|probabl[ey]|questionabl[ey]|suspected|may|might|could)\b", re.I
        ),
        "possible ",
    ),
    "zh": (re.compile("可疑|疑似|疑|可能"), "可疑"),
}


def _name(sign: Sign, table: _Table) -> str:
    """Return what stands for a sign: a finding that is measured may have a name of its own."""
    measured = table.names.get(f"{sign.code}{_NUMBER}") if sign.numbered else None
    return measured or table.names[sign.code]


def _hedge(words: str, lang: Lang) -> str:
    """Return the hedge to put before the name where the words that it stands for have one."""
    pattern, hedge = _HEDGE[lang]
    return hedge if pattern.search(words) else ""


def _side(words: str, lang: Lang) -> str:
    """Return the one side that the words name, as it stands before a finding's name."""
    sides = [side for pattern, side in _ONE_SIDE[lang] if pattern.search(words)]
    return sides[0] if len(sides) == 1 else ""


def _places(sign: Sign, sentence: _Sentence, table: _Table) -> Iterator[_Piece]:
    """Yield where the classes of a sign stand together in a sentence."""
    ways = product(*(sentence.phrases[name] for name in sign.classes))
    for _, pieces in zip(range(_MOST_TRIED), ways, strict=False):
        placed = pieces if sign.ordered else tuple(sorted(pieces, key=lambda piece: piece.first))
        if not all(_together(one, other, sentence, sign, table) for one, other in pairwise(placed)):
            continue
        if sign.numbered and not _number_follows(placed[-1], sentence, table):
            continue
        yield _Piece(placed[0].first, placed[-1].last)


def _together(one: _Piece, other: _Piece, sentence: _Sentence, sign: Sign, table: _Table) -> bool:
    """Whether nothing between two parts of a sign parts them."""
    if other.first <= one.last:
        return False
    words = [token.word for token in sentence.tokens[one.last + 1 : other.first]]
    if any(word in table.apart or (word in table.commas and not sign.wide) for word in words):
        return False
    if table.denial is not None and table.denial.search("".join(words)):
        return False
    distance = sum(table.costs.get(word, 1) for word in words)
    return distance <= (_NEAR_IN_SENTENCE if sign.wide else _NEAR) * table.width


def _number_follows(last: _Piece, sentence: _Sentence, table: _Table) -> bool:
    for token in sentence.tokens[last.last + 1 : last.last + 2 + _NEAR_NUMBER * table.width]:
        if token.word[0].isdigit():
            return True
        if token.word in table.apart:
            return False
    return False


# The words of a language.


@dataclass(frozen=True, slots=True)
class _Part:
    """A place of a phrase: one of these words."""

    words: frozenset[str]
    optional: bool


@dataclass(frozen=True, slots=True)
class _Phrase:
    name: str
    """Its class."""
    parts: tuple[_Part, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    signs: tuple[Sign, ...]
    names: dict[str, str]
    """Code -> the name that the extractor reads as it."""
    phrases: dict[str, tuple[_Phrase, ...]]
    """English: by first word."""
    patterns: dict[str, re.Pattern[str]]
    """Chinese: class -> pattern."""
    unless: dict[str, tuple[str, ...]]
    """Code -> classes that say that it is something else."""
    apart: frozenset[str]
    """Words and marks over which no sign reaches."""
    commas: frozenset[str]
    costs: dict[str, int]
    """How many words a word counts for between two parts of a sign."""
    denial: re.Pattern[str] | None
    """Denials of a language without blanks, in what stands between two parts."""
    width: int
    """Tokens of a word."""


@cache
def _table(lang: Lang) -> _Table:
    import yaml

    source = files("radraft.reports").joinpath(f"descriptions_{lang}.yaml")
    data: dict[str, Any] = yaml.load(source.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    classes: dict[str, list[str]] = data["classes"]
    signs = tuple(
        _sign(code, written) for code, listed in data["signs"].items() for written in listed
    )
    unknown = {name for sign in signs for name in sign.classes} - set(classes)
    if unknown:
        raise ValueError(f"no such class: {', '.join(sorted(unknown))}")
    return _Table(
        signs=signs,
        names=data["names"],
        phrases=_by_first_word(classes) if lang == "en" else {},
        patterns={}
        if lang == "en"
        else {name: re.compile("|".join(listed)) for name, listed in classes.items()},
        unless={code: tuple(names) for code, names in data["unless"].items()},
        apart=frozenset(map(_plain, data["apart"])),
        commas=frozenset(data["commas"]),
        costs={_plain(word): int(cost) for word, cost in data["costs"].items()},
        denial=re.compile(data["denial"]) if "denial" in data else None,
        width=1 if lang == "en" else 2,
    )


def _sign(code: str, written: str) -> Sign:
    numbered = written.endswith(_NUMBER)
    wide, ordered = "&" in written, ">" in written
    classes = tuple(re.sub(f"[&>{_NUMBER}]", " ", written).split())
    return Sign(code, classes, ordered=ordered, wide=wide, numbered=numbered)


def _by_first_word(classes: dict[str, list[str]]) -> dict[str, tuple[_Phrase, ...]]:
    found: dict[str, list[_Phrase]] = {}
    for name, listed in classes.items():
        for written in listed:
            parts = tuple(
                _Part(frozenset(map(_plain, part.rstrip("~").split("|"))), part.endswith("~"))
                for part in written.split()
            )
            first = next(at for at, part in enumerate(parts) if not part.optional)
            # It may begin with any of its optional words.
            for start in range(first + 1):
                for word in parts[start].words:
                    found.setdefault(word, []).append(_Phrase(name, parts[start:]))
    return {word: tuple(dict.fromkeys(phrases)) for word, phrases in found.items()}


def _ends(parts: tuple[_Part, ...], tokens: Sequence[_Token], at: int) -> Iterator[int]:
    """Yield where a phrase that begins at `at` may end: the place after its last word."""
    if not parts:
        yield at
        return
    part, rest = parts[0], parts[1:]
    if at < len(tokens) and tokens[at].word in part.words:
        yield from _ends(rest, tokens, at + 1)
    if part.optional:
        yield from _ends(rest, tokens, at)


_SENTENCES = re.compile(r"[.!?](?=\s|$)|\n\s*\n|;")
_WORDS = re.compile(r"\d+(?:[.,]\d+)?|[a-z]+\d*|[,:()\n]")
_SPELLINGS = re.compile(
    r"haem|oedem|oesoph|ischaem|colour|tumour|calibre|caec|caesar|foet|orrhage|grey|fibre|centre"
)
_AMERICAN = {
    "haem": "hem", "oedem": "edem", "oesoph": "esoph", "ischaem": "ischem", "colour": "color",
    "tumour": "tumor", "calibre": "caliber", "caec": "cec", "caesar": "cesar", "foet": "fet",
    "orrhage": "orrhage", "grey": "gray", "fibre": "fiber", "centre": "center",
}  # fmt: skip


def _plain(word: str) -> str:
    """Return a word in American spelling, without the endings of plurals and verbs."""
    word = _SPELLINGS.sub(lambda match: _AMERICAN[match[0]], word.lower())
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-2] if word.endswith(("sses", "shes", "ches", "xes")) else word[:-1]
    if len(word) > 5:
        word = _VERB_ENDING.sub("", word)
    return word


_VERB_ENDING = re.compile(r"(?:ing|ed|e)$")


def _english(text: str, table: _Table) -> Iterator[_Sentence]:
    lowered = text.lower() if len(text.lower()) == len(text) else text
    at = 0
    ends = [match.span() for match in _SENTENCES.finditer(lowered)]
    for stop, resume in [*ends, (len(lowered), len(lowered))]:
        tokens = tuple(
            _Token(_plain(match[0]), match.start(), match.end())
            for match in _WORDS.finditer(lowered, at, stop)
        )
        phrases: dict[str, list[_Piece]] = {}
        for first, token in enumerate(tokens):
            for phrase in table.phrases.get(token.word, ()):
                for end in _ends(phrase.parts[1:], tokens, first + 1):
                    phrases.setdefault(phrase.name, []).append(_Piece(first, end - 1))
        if phrases:
            yield _Sentence(tokens, {name: tuple(found) for name, found in phrases.items()})
        at = resume


_CHINESE_SENTENCES = re.compile(r"[。；;！!？?\n]")


def _chinese(text: str, table: _Table) -> Iterator[_Sentence]:
    from radraft.reports.findings._chinese_text import plain

    words, origin = plain(text)
    at = 0
    ends = [match.span() for match in _CHINESE_SENTENCES.finditer(words)]
    for stop, resume in [*ends, (len(words), len(words))]:
        sentence = words[at:stop]
        phrases: dict[str, tuple[_Piece, ...]] = {}
        for name, pattern in table.patterns.items():
            found = tuple(
                _Piece(match.start(), match.end() - 1) for match in pattern.finditer(sentence)
            )
            if found:
                phrases[name] = found
        if phrases:
            places = range(at, stop) if origin is None else origin[at:stop]
            tokens = tuple(
                _Token(character, place, place + 1)
                for character, place in zip(sentence, places, strict=True)
            )
            yield _Sentence(tokens, phrases)
        at = resume
