"""Which words of its base an edition of the starter keeps: chosen from texts that it is to read and
write as the base does."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from radraft.llm.vocabulary import FIRST, Kept, pieces

CHARACTERS = (
    (0x20, 0x24F),  # Latin
    (0x370, 0x3FF),  # Greek
    (0x2000, 0x206F),  # punctuation
    (0x2070, 0x22FF),  # raised and lowered numbers, units, fractions, arrows, operators
    (0x2460, 0x24FF),  # numbers in circles
    (0x3000, 0x303F),  # CJK punctuation
    (0x4E00, 0x9FFF),  # Han
    (0xFF00, 0xFFEF),  # full width
)
"""First and last code point of the blocks whose single characters are kept where the base has a
word for them: names, histories and questions hold any of them."""


class Words:
    """A base's words and how they come about."""

    def __init__(self, tokenizer: Mapping[str, Any]) -> None:
        """From the content of a `tokenizer.json` of byte-pair encoding."""
        self._ids: dict[str, int] = tokenizer["model"]["vocab"]
        self._words = {number: word for word, number in self._ids.items()}
        self._rank = {pieces(m): rank for rank, m in enumerate(tokenizer["model"]["merges"])}

    def kept(self, used: Iterable[int]) -> Kept:
        """Return the ids to keep: `used`, all that they are merged from, `FIRST`, `CHARACTERS`."""
        wanted = {number for number in used if number in self._words}
        found = set(range(FIRST)) | wanted
        for number in wanted:
            found |= self.made_from(self._words[number])
        found |= {
            number
            for word, number in self._ids.items()
            if len(word) == 1 and any(low <= ord(word) <= high for low, high in CHARACTERS)
        }
        return np.array(sorted(found), dtype=np.int32)

    def made_from(self, word: str) -> set[int]:
        """Return the ids of `word`'s characters and of everything in between.

        The merge of the lowest rank comes first, the leftmost of two; what stands around a word
        that came about did not take part, so its pieces are the same wherever it stands.
        """
        parts = list(word)
        found = {self._ids[part] for part in parts if part in self._ids}
        while len(parts) > 1:
            ranks = [self._rank.get(pair, len(self._rank)) for pair in itertools.pairwise(parts)]
            place = min(range(len(ranks)), key=ranks.__getitem__)
            if ranks[place] == len(self._rank):
                break
            parts[place : place + 2] = [parts[place] + parts[place + 1]]
            found.add(self._ids[parts[place]])
        return found
