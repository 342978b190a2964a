"""An English report as sections, sentences and words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_ASCII_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}

# A decimal number, a word, or a mark that the rules read. Hyphens and the rest only separate.
_WORD = re.compile(r"\d+\.\d+|[a-z0-9']+|[,;:()/.?!]|\n")

# Sections that state nothing about the image.
_UNREAD = (
    r"indications?|(?:clinical |brief |patient |medical )?history|clinical (?:indication|"
    r"information|data|question|statement)|reasons? for (?:the )?(?:exam(?:ination)?|study)|"
    r"comparisons?|technique|"
    r"exam(?:ination)?|procedure|study|protocol|views?|notification|recommendations?|"
    r"reference exam"
)
_READ = (
    r"wet read|preliminary(?: report| read)?|findings?(?: and impression)?|impressions?|"
    r"conclusions?|report|interpretation|(?:frontal|portable|single|ap|pa|chest)[a-z ,/&-]{0,60}|"
    r"heart|lungs?|pleura|bones?|mediastinum|"
    r"lines(?: and |/)tubes|other|opinion|summary|diagnosis|diagnoses"
)
_HEADER = re.compile(
    rf"(?:^|(?<=[\n.?!])|(?<=report)|(?<=  ))[ \t_]*(?:final report[ \t]*)?"
    rf"(?:(?P<unread>{_UNREAD})|(?P<read>{_READ}))[ \t]*:",
    re.IGNORECASE,
)
_CAPITALS = re.compile(r"(?:^|(?<=[\n.]))[ \t]*[A-Z][A-Z ,/()&-]{3,60}:")
_COMPARISON = re.compile(r"comparison|reference", re.IGNORECASE)
_PARAGRAPH = re.compile(r"\n[ \t]*\n")

# A full stop after one of these ends no sentence.
_ABBREVIATIONS = frozenset(["vs", "dr", "mr", "mrs", "approx", "fig", "eg", "ie", "st", "p", "a"])
_WRAPPED = 60
"""A line at least this long, in characters, was broken by its width and not by its author."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of the text that is read, or that is not because of its heading."""

    start: int
    end: int
    read: bool
    comparison: bool = False
    """Its heading says that it names the examination compared with."""


@dataclass(slots=True)
class Sentence:
    """Words of one sentence with their places in the text."""

    words: list[str]
    starts: list[int]
    ends: list[int]
    question: bool = False
    """A question mark stands at its end, or before it."""


def lower(text: str) -> str:
    """`text` with ASCII letters in lower case. Every character keeps its place."""
    return text.lower() if text.isascii() else text.translate(_ASCII_LOWER)


def passages(text: str) -> list[Passage]:
    """The text in order, cut at headings. A blank line ends a section that is not read."""
    if ":" not in text:
        return [Passage(0, len(text), read=True)]
    cuts: list[tuple[int, int, bool, bool]] = []
    for match in _HEADER.finditer(text):
        name = match["unread"]
        comparison = name is not None and _COMPARISON.match(name) is not None
        cuts.append((match.start(), match.end(), name is None, comparison))
    taken = {end for _, end, _, _ in cuts}
    cuts += [
        (found.start(), found.end(), True, False)
        for found in _CAPITALS.finditer(text)
        if found.end() not in taken
    ]
    cuts.sort()
    found: list[Passage] = []
    at, read, comparison = 0, True, False
    for start, end, next_read, next_comparison in [*cuts, (len(text), len(text), True, False)]:
        if start > at:
            found += _passage(text, at, start, read, comparison)
        at, read, comparison = max(at, end), next_read, next_comparison
    return found


def _passage(text: str, start: int, end: int, read: bool, comparison: bool) -> list[Passage]:
    if read:
        return [Passage(start, end, read=True)]
    # The heading's own line may be empty, so the blank line looked for is after its words.
    begin = start
    while begin < end and text[begin].isspace():
        begin += 1
    blank = _PARAGRAPH.search(text, begin, end)
    if blank is None:
        return [Passage(start, end, read=False, comparison=comparison)]
    return [
        Passage(start, blank.start(), read=False, comparison=comparison),
        Passage(blank.start(), end, read=True),
    ]


def sentences(lowered: str, start: int, end: int) -> Iterator[Sentence]:
    """Sentences of `lowered[start:end]`, with commas and the like among their words."""
    words: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    line = start
    asked = False
    for match in _WORD.finditer(lowered, start, end):
        word = match.group()
        here = match.start()
        if word in ".?!":
            if words and not (word == "." and words[-1] in _ABBREVIATIONS):
                yield Sentence(words, starts, ends, asked or word == "?")
                words, starts, ends, asked = [], [], [], False
            elif not words:
                asked = word == "?"
            continue
        if word == "\n":
            short = here - line < _WRAPPED
            line = here + 1
            if words and (short or lowered[line : line + 2].isspace() or line >= end):
                yield Sentence(words, starts, ends, asked)
                words, starts, ends, asked = [], [], [], False
            continue
        words.append(word)
        starts.append(here)
        ends.append(match.end())
    if words:
        yield Sentence(words, starts, ends, asked)
