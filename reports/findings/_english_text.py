"""An English report as sentences and words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TYPESET = dict(zip("’‘×。、；：，？（）【】‐‑–−", "''x.,;:,?()[]----", strict=True))
_WIDE: dict[int, int | str] = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    **{ord(mark): plain for mark, plain in _TYPESET.items()},
    0x3000: " ",
}
_NARROW = {code: chr(value) if isinstance(value, int) else value for code, value in _WIDE.items()}
_ASCII_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}

# What answers a template's line: a mark, a bare word, and then an end or the next line's name.
_END = (
    r"(?=\s*(?:$|[.,;)\]\n(|*•]|--?\s|/\s|and\b|but\b|xxxx"
    r"|(?!(?:evidence|sign|new|acute|definite|focal)\b)[a-z/ ]{3,32}[:=?]))"
)
_SEEN = r"(?:seen|identified|noted|evident|detected|visible|visuali[sz]ed|present|apparent|found)"
_NO = (
    rf"(?:none(?: {_SEEN}| significant| acute)?"
    rf"|no(?: evidence(?: of(?: (?:same|this|such|any|it))?)?| sign| {_SEEN})?"
    rf"|nil(?: {_SEEN}| acute| significant)?"
    rf"|neg(?:ative|\.)?(?: (?:study|scan|exam(?:ination)?|test|ct|mri))?"
    rf"|absent|n|nope|0(?![.,]\d)|false|[-+]?-ve|-|~)"
)
_YES = r"(?:yes|y|pos(?:itive|\.)?|present|true|\+ve|\+{1,3}|identified|seen)"
_MAYBE = (
    r"(?:possible|possibly|questionable|equivocal|indeterminate|suspected|uncertain|unclear"
    r"|\+/-|\?|maybe|cannot (?:be )?(?:exclude|excluded|rule out|ruled out))"
)
_OPEN = r"(?:n/a|not applicable|not assessed|not evaluated|not imaged|unknown|not included)"
_MARK = (
    r"(?:\s*\.{3,}\s*|\s*(?:[:=|\t]|\?(?=[ \t]*[a-z+-])|--?>|=>)\s*"
    r"|[ \t]+-{1,2}[ \t]+|\s*[(\[][ \t]*)"
)
_TOKEN = re.compile(
    rf"(?P<unticked>\[[ \t]*\][ \t]*(?:yes|no|present|absent|positive|negative)\b)"
    rf"|(?P<minus>(?:^|(?<=[,;.\n]))[ \t]*\(-\)(?=[ \t]*[a-z]))"
    rf"|(?P<no>(?:{_MARK}{_NO}|\s*:?\s*\[x\][ \t]*(?:no|absent|negative)"
    rf"|(?<!\bis)(?<!\bare)(?<!\bwas)(?<!\bexam)(?<!\bstudy)(?<!\bchest)[ \t]+"
    rf"(?:none|nil|neg|negative|-ve|\(-\)))[ \t]*[)\]]?{_END})"
    rf"|(?P<yes>(?:{_MARK}{_YES}|\s*:?\s*\[x\][ \t]*(?:yes|present|positive))[ \t]*[)\]]?{_END})"
    rf"|(?P<open>{_MARK}{_OPEN}[ \t]*[)\]]?{_END})"
    rf"|(?P<maybe>{_MARK}{_MAYBE}[ \t]*[)\]]?{_END})"
    r"|(?P<query>(?<![\w)])\?+(?=[ \t]?[a-z]))"
    r"|(?P<negative>-ve\b)|(?P<positive>\+ve\b)|(?P<zero>[ø∅])"
    r"|(?P<plus>(?:^|(?<=[\s,;.(]))\+ ?(?=[a-z]))"
    r"|(?P<dash>(?<=[ \t])--?(?=[ \t])|—|[ \t]+\.{3,}(?=[ \t]))"
    r"|(?P<amp>&)"
    r"|(?P<item>(?:^|(?<=[\s.,;]))(?:[a-h]|i{1,3}|iv|v|vi{1,3})\)(?=\s*[a-z]))"
    r"|(?P<bullet>[•●▪■◦]|(?<![\d ])[ \t]+\*(?=[ \t])|(?:^|(?<=\n))[ \t]*[*](?!\*))"
    r"|(?P<word>\d+[.,]\d+|[a-z0-9]+(?:'[a-z]+)?|[,;:()/.?!]|\n)"
)
_SPOKEN = {
    "no": "<no>",
    "yes": "<yes>",
    "maybe": "<maybe>",
    "open": "<open>",
    "minus": "no",
    "query": "<query>",
    "negative": "negative",
    "positive": "positive",
    "plus": "positive",
    "zero": "no",
    "dash": ":",
    "amp": "and",
}
# Whether a text needs more than words and marks.
_SPECIAL = re.compile(
    r"[:=|?(\[+ø∅•●▪■◦—*~&]|\b[a-hiv]+\)|-ve\b|\(-|\s-|\.{3}|\b(?:none|nil|neg|negative|absent)\b",
    re.IGNORECASE,
)
_SIGNS = re.compile(r"[:=|?(\[+ø∅•●▪■◦—*~&)-]")
_ANSWERS = ("none", "nil", "neg", "absent", "...")
_PLAIN = re.compile(r"(?P<word>\d+[.,]\d+|[a-z0-9]+(?:'[a-z]+)?|[,;:()/.?!]|\n)")

# A full stop after one of these ends no sentence.
_ABBREVIATIONS = frozenset(
    [
        "vs",
        "dr",
        "mr",
        "mrs",
        "approx",
        "fig",
        "eg",
        "ie",
        "st",
        "p",
        "a",
        "lt",
        "rt",
        "incl",
        "resp",
        "ca",
        "bilat",
        "inf",
        "sup",
        "ant",
        "post",
    ]
)
_WRAPPED = 60
"""A line at least this long, in characters, was broken by its width and not by its author."""


@dataclass(slots=True)
class Sentence:
    """Words of one sentence with their places in the text."""

    words: list[str]
    starts: list[int]
    ends: list[int]
    question: bool = False
    """A question mark stands at its end, or before it."""


def narrow(text: str) -> str:
    """`text` with full-width forms and typographic marks as plain ones, each in its place."""
    return text if text.isascii() else text.translate(_NARROW)


def lower(text: str) -> str:
    """`text` with ASCII letters in lower case. Every character keeps its place."""
    return text.lower() if text.isascii() else text.translate(_ASCII_LOWER)


def sentences(lowered: str, start: int, end: int) -> Iterator[Sentence]:
    """Sentences of `lowered[start:end]`, with commas and the like among their words.

    A template's answer is one word: `<no>`, `<yes>`, `<maybe>`; a question mark put before a
    finding is `<query>`.
    """
    words: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    line = start
    asked = False
    token = _TOKEN if _is_special(lowered, start, end) else _PLAIN
    for match in token.finditer(lowered, start, end):
        kind = match.lastgroup
        word = match[0]
        if kind == "word" and word not in _ENDING:
            words.append(word)
            here, after = match.span()
            starts.append(here)
            ends.append(after)
            continue
        here = match.start()
        if kind != "word":
            if kind == "bullet" or kind == "item":
                if "(" in lowered[line:here].rpartition(")")[2]:
                    # "(segment a)": the end of a bracket, and of no item's number.
                    continue
                if words:
                    yield Sentence(words, starts, ends, asked)
                    words, starts, ends, asked = [], [], [], False
            elif kind in _SPOKEN:
                words.append(_SPOKEN[kind])
                starts.append(here)
                ends.append(match.end())
            continue
        if word != "\n":
            if words and not (word == "." and words[-1] in _ABBREVIATIONS):
                yield Sentence(words, starts, ends, asked or word == "?")
                words, starts, ends, asked = [], [], [], False
            elif not words:
                asked = word == "?"
            continue
        short = here - line < _WRAPPED
        line = here + 1
        if words and (short or lowered[line : line + 2].isspace() or line >= end):
            yield Sentence(words, starts, ends, asked)
            words, starts, ends, asked = [], [], [], False
    if words:
        yield Sentence(words, starts, ends, asked)


_ENDING = frozenset(".?!\n")
"""Marks that may end a sentence."""


def _is_special(lowered: str, start: int, end: int) -> bool:
    """Whether a stretch needs more than words and marks."""
    # Most texts have none of the signs and words that the long search looks for.
    if (
        lowered.isascii()
        and _SIGNS.search(lowered, start, end) is None
        and not any(answer in lowered for answer in _ANSWERS)
    ):
        return False
    return _SPECIAL.search(lowered, start, end) is not None
