"""Where a word that no list has stands in a text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from radraft.llm.asking.reading import Text

_TOKEN = re.compile(r"[a-z][a-z0-9'-]*")
_ENDING = re.compile(r"(?<=[a-z]{4})(?:e?s|ed|ing|e|al|ic|ous)$")


def positions(literal: str, text: Text) -> Iterator[int]:
    """Yield where a word stands in a text: English by its stem, or one stroke beside; of a run of
    Chinese characters the part that says most."""
    if literal.isascii():
        stem = _ENDING.sub("", literal)
        for match in _TOKEN.finditer(text.lower):
            word = match.group()
            if word.startswith(stem) or (len(literal) > 5 and _near(literal, word)):
                yield match.start()
        return
    whole = text.lower.find(literal)
    if whole >= 0:
        yield whole
    elif len(literal) > 2:
        sizes = range(len(literal) - 1, 1, -1)
        parts = (literal[at : at + size] for size in sizes for at in range(len(literal) - size + 1))
        found = next((text.lower.find(part) for part in parts if part in text.lower), -1)
        if found >= 0:
            yield found


def _near(one: str, other: str) -> bool:
    from rapidfuzz.distance import OSA

    return OSA.distance(one, other, score_cutoff=1) <= 1 and one[0] == other[0]
