"""Chinese text made plain for matching, and cut into sentences.

Every replacement is one character for one character; only white space is taken out, and then each
kept character remembers where it stood. So spans can always be given in the original text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from radraft.reports.findings._chinese_rules import rules

_GAP = re.compile(r"(?<=[一-鿿])[^\S\n]+(?=[一-鿿])")
_SPACE = re.compile(r"[^\S\n]+")
# A number with a dot or 、 that opens a line or follows a sentence's end counts the items of a
# list; after 颈, 胸, 腰 or a digit it would belong to a vertebra or to a measure.
_ITEM = re.compile(r"(?:(?<=\n)|(?<=[。;；])|^)<?(?:\d{1,2}|[①-⑳一二三四五六七八九十])[.、>](?!\d)")
_INLINE_ITEM = re.compile(r"(?<=[一-鿿,:])\d{1,2}[.](?=[一-鿿])")
_VERTEBRA = "颈胸腰骶第ctls-~及至约径"
_END = re.compile(r"[。;!\n]|(?<!\d)\.|\.(?!\d)")


def plain(text: str) -> tuple[str, tuple[int, ...] | None]:
    """Simplified, half-width, lower-case text without white space.

    With the original index of each character, or None where every character kept its place.
    """
    mapped = text.translate(_characters())
    if not _SPACE.search(mapped):
        return mapped, None
    # Where commas are left out, a space between characters stands for one.
    mapped = _GAP.sub(lambda match: "," + match[0][1:], mapped)
    kept = [i for i, character in enumerate(mapped) if character == "\n" or not character.isspace()]
    return "".join([mapped[i] for i in kept]), tuple(kept)


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """(start, sentence) of plain text."""
    items = {match.start(): match.end() for match in _ITEM.finditer(text)}
    for match in _INLINE_ITEM.finditer(text):
        if text[match.start() - 1] not in _VERTEBRA:
            items[match.start()] = match.end()
    cuts: list[tuple[int, int]] = list(items.items())
    for match in _END.finditer(text):
        end = match.end()
        cuts.append((match.start(), end))
    at = 0
    for stop, resume in sorted(cuts):
        if stop > at:
            yield at, text[at:stop]
        at = max(at, resume)
    if at < len(text):
        yield at, text[at:]


@cache
def _characters() -> dict[int, str]:
    table = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    table |= {code: chr(code + 32) for code in range(ord("A"), ord("Z") + 1)}
    table |= {code: chr(code - 0xFEE0 + 32) for code in range(ord("Ａ"), ord("Ｚ") + 1)}
    table |= {ord("　"): " ", ord("\r"): "\n"}
    # Parentheses close clauses, and the patterns need the characters themselves.
    table |= dict.fromkeys(map(ord, "([（【〔［"), "<") | dict.fromkeys(map(ord, ")]）】〕］"), ">")
    for pair in rules()["characters"].split():
        table[ord(pair[0])] = pair[1]
    return table
