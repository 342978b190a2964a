"""Which words METEOR takes for the same: equal, of one stem, or in one WordNet synset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from radraft.eval.text.meteor.tables import Words
from radraft.eval.values import IntArray

EXACT, STEM, SYNONYM, PARAPHRASE = range(4)
# WordNet's regular inflections as (ending, base ending), tried in this order.
_INFLECTIONS = (
    ("s", ""),
    ("ses", "s"),
    ("xes", "x"),
    ("zes", "z"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("men", "man"),
    ("ies", "y"),
    ("es", "e"),
    ("es", ""),
    ("ed", "e"),
    ("ed", ""),
    ("ing", "e"),
    ("ing", ""),
    ("er", ""),
    ("est", ""),
    ("er", "e"),
    ("est", "e"),
)


@dataclass(frozen=True)
class Entry:
    """What is known of one word."""

    key: int
    """32-bit hash: METEOR takes words for equal by Java's string hash, so "c5" equals "as"."""
    stem: int
    synsets: frozenset[int]
    function: bool


@dataclass(frozen=True)
class Relations:
    """Related words of a numbered vocabulary: those of word w are at first[w] to first[w + 1]."""

    first: IntArray
    other: IntArray
    stage: IntArray


class Lexicon:
    """Looks words up, each once."""

    def __init__(self, words: Words) -> None:
        # Version 2.2 stems as METEOR's own stemmer does; later versions changed the algorithm, and
        # the class is named because the package's entry point may pick a newer compiled one.
        from snowballstemmer.english_stemmer import EnglishStemmer  # type: ignore[import-untyped]

        self._words = words
        self._stemmer = EnglishStemmer()
        self._entries: dict[str, Entry] = {}
        self._named: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
        self._mates: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)

    def entry(self, word: str) -> Entry:
        """What is known of a lower-case word."""
        known = self._entries.get(word)
        if known is None:
            stem = java_hash(self._stemmer.stemWord(word))
            function = word in self._words.function
            known = Entry(java_hash(word), stem, self._synsets(word), function)
            self._entries[word] = known
            self._meet(word, known)
        return known

    def relations(self, vocabulary: Sequence[str]) -> Relations:
        """Pairs of words of `vocabulary` that one of the first three stages matches."""
        place = {word: number for number, word in enumerate(vocabulary)}
        rows = [(number, number, EXACT) for number in range(len(vocabulary))]
        for number, word in enumerate(vocabulary):
            self.entry(word)
            mates = self._mates[word]
            rows += [(number, place[other], stage) for other, stage in mates if other in place]
        table = np.array(sorted(rows), dtype=np.int64).reshape(-1, 3)
        counts = np.bincount(table[:, 0], minlength=len(vocabulary))
        return Relations(np.r_[0, np.cumsum(counts)], table[:, 1].copy(), table[:, 2].copy())

    def _meet(self, word: str, entry: Entry) -> None:
        """Relate a new word to those seen before, both ways."""
        keys = [(EXACT, entry.key), (STEM, entry.stem)]
        keys += [(SYNONYM, synset) for synset in entry.synsets]
        mine = self._mates[word]
        for stage, name in keys:
            for other in self._named[stage, name]:
                if stage == EXACT or self._entries[other].key != entry.key:
                    mine.add((other, stage))
                    self._mates[other].add((word, stage))
            self._named[stage, name].append(word)

    def _synsets(self, word: str) -> frozenset[int]:
        table = self._words.synsets
        bases = self._words.bases.get(word)
        forms = [word, *(bases if bases is not None else [self._base(word)])]
        return frozenset(int(number) for form in forms for number in table.get(form, "").split())

    def _base(self, word: str) -> str:
        """The first regular base form that WordNet has, or the empty string."""
        if word.endswith("ss") or len(word) <= 2:
            return word
        for ending, base in _INFLECTIONS:
            if word.endswith(ending):
                form = word.removesuffix(ending) + base
                if form in self._words.synsets:
                    return form
        return ""


def java_hash(word: str) -> int:
    """Java's `String.hashCode`, as an unsigned 32-bit number. ASCII words only."""
    value = 0
    for character in word:
        value = (31 * value + ord(character)) & 0xFFFFFFFF
    return value
