"""Likely typing errors of Chinese: places of a text that fall apart into rare characters, and one
character of the same sound or of the same look that makes a word of the field of them.

A text is cut into words in the likeliest way (the sum of the logarithms of their shares: Viterbi
over a dictionary of everyday words, in which words of the field count more). A place is mended
where one other character gives a clearly likelier text: the noisy channel of Kernighan, Church and
Gale (1990), with single words for a language model. A character that stands for itself in reports
(a side, an organ, a word of grammar) beside words that are known is not doubted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from radraft.reports.checks.lexicon import language_data
from radraft.reports.findings.terms import chinese_terms
from radraft.reports.findings.vocabulary import anatomy, vocabulary


class Likeness(StrEnum):
    """What makes one character be written for another."""

    SOUND = "sound"
    """They sound alike, tones aside."""
    SHAPE = "shape"
    NEAR_SOUND = "near_sound"
    """They sound alike where z is zh, n is ng, n is l, and the like."""


@dataclass(frozen=True)
class WrongCharacter:
    """A stretch of a text in which one character is likely wrong."""

    start: int
    """Characters of the text."""
    end: int
    right: str
    """The word that is meant."""
    likeness: Likeness
    gain: float
    """How much likelier the text is with it: natural logarithm."""
    at: int
    """Where the character stands."""


LEAST_GAIN: Mapping[Likeness, float] = {
    Likeness.SOUND: 3.5,
    Likeness.SHAPE: 5.0,
    Likeness.NEAR_SOUND: 9.0,
}
"""Chosen on the development half of the machine-translated reports."""
SURE_GAIN = 10.0
"""From here on little else can be meant."""

_PAIR_GAIN: Mapping[Likeness, float] = {Likeness.SOUND: 5.5, Likeness.SHAPE: 6.5}
"""What two characters that both stand for themselves have to gain."""
_HAN = re.compile(r"[一-鿿]+")
_OF_A_LETTER = frozenset("光线片波形值超型管环")
_LONGEST = 5
"""Characters of the longest word."""
_LONGEST_MENDED = 4
_ALL = 60_101_967
"""Occurrences that the everyday dictionary counts."""
_CORE, _FIELD, _EVERYDAY = 50_000, 5_000, 2_000
"""Occurrences, at least, that words are given there: those of nearly every report, others of the
field, everyday ones of reports; and characters that stand for themselves."""
_ALONE = 100_000
_MISTAKEN_GAIN = math.log(10)
"""What the words of nearly every report gain on an everyday word of the same sound that reports do
not use (检察 for 检查)."""
_FOREIGN = 2
"""Characters that simplified Chinese does not write, from which on a text is not read."""


def wrong_characters(text: str) -> Iterator[WrongCharacter]:
    """Yield the likely typing errors of a text, by where they start; none overlap."""
    lexicon = _lexicon()
    text = "".join(map(_simplified, text))
    if sum(c not in lexicon.sounds for run in _HAN.findall(text) for c in run) >= _FOREIGN:
        return
    for run in _HAN.finditer(text):
        # X光, T波: such a character belongs to the letter before it.
        lettered = run.start() > 0 and text[run.start() - 1].isalpha()
        bound = 1 if lettered and run[0][0] in _OF_A_LETTER else 0
        for found in _of_run(run[0], bound):
            yield WrongCharacter(
                run.start() + found.start,
                run.start() + found.end,
                found.right,
                found.likeness,
                found.gain,
                run.start() + found.at,
            )


@lru_cache(maxsize=8192)
def _simplified(character: str) -> str:
    """Return the simplified form of a character that has one; others as they are."""
    if not _HAN.match(character) or character in _lexicon().sounds:
        return character
    simple: str = _converter().convert(character)
    return simple if len(simple) == 1 else character


@cache
def _converter() -> Any:
    import opencc

    return opencc.OpenCC("t2s")


def _of_run(run: str, bound: int) -> Iterator[WrongCharacter]:
    """Yield the errors of a text of Chinese characters alone, of which so many at its start are
    right."""
    lexicon = _lexicon()
    candidates = list(_candidates(run, bound, lexicon))
    taken: list[WrongCharacter] = []
    for found in sorted(candidates, key=lambda found: (-found.gain, found.start, found.right)):
        if all(found.end <= other.start or other.end <= found.start for other in taken):
            taken.append(found)
    for found in sorted(taken, key=lambda found: found.start):
        # The shortest word that the same character makes is what is pointed at.
        yield min(
            (other for other in candidates if _character(other) == _character(found)),
            key=lambda other: (other.end - other.start, -other.gain, other.start),
        )


def _character(found: WrongCharacter) -> tuple[int, str]:
    """Return where a character is exchanged, and what for."""
    return found.at, found.right[found.at - found.start]


def _candidates(run: str, bound: int, lexicon: _Lexicon) -> Iterator[WrongCharacter]:
    before, after = _likelihoods(run, lexicon)
    whole = before[-1]
    for start in range(len(run) - 1):
        for end in range(start + 2, min(start + _LONGEST_MENDED, len(run)) + 1):
            written = run[start:end]
            if written in lexicon.known:
                continue
            rest = before[start] + after[end] - whole
            for i in range(max(0, bound - start), end - start):
                for right in lexicon.by_gap.get(written[:i] + "*" + written[i + 1 :], ()):
                    gain = rest + lexicon.share(right)
                    if gain < LEAST_GAIN[Likeness.SOUND] - _MISTAKEN_GAIN:
                        continue
                    likeness = lexicon.likeness(written[i], right[i])
                    if likeness is Likeness.SOUND and lexicon.is_mistaken(written, right):
                        gain += _MISTAKEN_GAIN
                    if likeness is None or gain < LEAST_GAIN[likeness]:
                        continue
                    if _may_be_wrong(written, likeness, gain, lexicon):
                        yield WrongCharacter(start, end, right, likeness, gain, start + i)


def _likelihoods(run: str, lexicon: _Lexicon) -> tuple[list[float], list[float]]:
    """Return how likely the best cut up to each place between characters is, and that from it."""
    size = len(run)
    before, after = [0.0] + [-math.inf] * size, [-math.inf] * size + [0.0]
    words: list[list[tuple[int, float]]] = []
    for start in range(size):
        of_start = []
        for end in range(start + 1, min(start + _LONGEST, size) + 1):
            share = lexicon.share(run[start:end])
            if share > -math.inf:
                of_start.append((end, share))
                before[end] = max(before[end], before[start] + share)
        words.append(of_start)
    for start in range(size - 1, -1, -1):
        after[start] = max(share + after[end] for end, share in words[start])
    return before, after


def _may_be_wrong(written: str, likeness: Likeness, gain: float, lexicon: _Lexicon) -> bool:
    """Return whether a text is more than words that are known, side by side. Of two characters that
    stand for themselves nobody can tell why they meet: there the gain does."""
    if len(written) == 2 and set(written) <= lexicon.alone:
        return gain >= _PAIR_GAIN.get(likeness, math.inf)
    ends = {0}
    for start in range(len(written)):
        if start in ends:
            ends |= {
                end
                for end in range(start + 1, len(written) + 1)
                if written[start:end] in lexicon.known
            }
    return len(written) not in ends


class _Lexicon:
    """The words that are known, how often they are used, and which characters are taken for
    others."""

    def __init__(self) -> None:
        words = _yaml("typing_zh.yaml")
        self.core = _plain(words["core"].split())
        self.field = self.core | _plain((*words["field"].split(), *_project_words()))
        self.everyday = _plain(words["everyday"].split())
        self.alone = frozenset("".join(words["alone"].split()))
        self.known = self.field | self.everyday | _plain(words["variants"].split()) | self.alone
        """Words that are never doubted."""
        self.by_gap: dict[str, list[str]] = {}
        """Words that may be meant, by themselves with a `*` in place of each of their
        characters."""
        for word in sorted(self.field | self.everyday):
            if len(word) <= _LONGEST_MENDED:
                for i in range(len(word)):
                    self.by_gap.setdefault(word[:i] + "*" + word[i + 1 :], []).append(word)
        self.sounds, self._near = _sounds()
        self._shapes = _shapes(words["lookalikes"].split())
        self._shares: dict[str, float] = {}
        self._dictionary = _dictionary()

    def share(self, word: str) -> float:
        """Return the logarithm of a word's share of all words; minus infinity where it is none."""
        known = self._shares.get(word)
        if known is None:
            count = self._count(word)
            known = math.log(count / _ALL) if count else -math.inf
            if len(self._shares) > 200_000:
                self._shares.clear()
            self._shares[word] = known
        return known

    def _count(self, word: str) -> int:
        count = self._dictionary.suggest_freq(word) if self._dictionary.has_word(word) else 0
        if len(word) == 1:
            return max(count, _ALONE if word in self.alone else 1)
        if word in self.field:
            return max(count, _CORE if word in self.core else _FIELD)
        return max(count, _EVERYDAY) if word in self.known else count

    def is_mistaken(self, written: str, meant: str) -> bool:
        """Return whether an everyday word stands for one that nearly every report has."""
        return meant in self.core and bool(self._dictionary.has_word(written))

    def likeness(self, written: str, meant: str) -> Likeness | None:
        """Return why one character may stand for another; None where nothing makes it so."""
        if self.sounds.get(written, frozenset()) & self.sounds.get(meant, frozenset()):
            return Likeness.SOUND
        # A character that simplified Chinese does not write is a slip of the pen.
        if written in self._shapes.get(meant, frozenset()) or written not in self.sounds:
            return Likeness.SHAPE
        if self._near.get(written, frozenset()) & self._near.get(meant, frozenset()):
            return Likeness.NEAR_SOUND
        return None


@cache
def _lexicon() -> _Lexicon:
    return _Lexicon()


def is_known(word: str) -> bool:
    """Return whether a Chinese word, of two characters or more, is one of reports."""
    return len(word) > 1 and word in _lexicon().known


def known_characters() -> frozenset[str]:
    """Return the characters of all words that may be meant."""
    lexicon = _lexicon()
    return frozenset(character for word in lexicon.field | lexicon.everyday for character in word)


def _project_words() -> Iterator[str]:
    """Yield the Chinese words of the finding reader and of the comparison of languages."""
    for finding in vocabulary().values():
        yield finding.zh
    for name, _ in anatomy().values():
        yield name
    data = language_data()
    for group in ("findings", "organs", "qualities"):
        for entry in data[group].values():
            yield from (*entry.get("zh", ()), *entry.get("less_zh", ()))
    for patterns in chinese_terms()["names"].values():
        yield from (patterns or "").split()
    misspellings = files("radraft.reports.findings").joinpath("misspellings_zh.yaml")
    yield from _parsed(misspellings.read_text(encoding="utf-8"))["words"].split()


def _plain(words: Any) -> frozenset[str]:
    """Return the words that are Chinese characters alone, two or more."""
    return frozenset(word for word in words if len(word) > 1 and _HAN.fullmatch(word))


@cache
def characters() -> tuple[str, ...]:
    """Return the 6,763 characters of GB 2312, in its order."""
    rows = range(0xB0, 0xF8)
    # The last cells of row 0xD7 are empty.
    return tuple(
        bytes((row, cell)).decode("gb2312")
        for row in rows
        for cell in range(0xA1, 0xFA if row == 0xD7 else 0xFF)
    )


_SPOKEN_ALIKE = (("^([zcs])h", r"\1"), ("ng$", "n"), ("^l", "n"), ("^hu(?=[aeio])", "f"))


def _sounds() -> tuple[Mapping[str, frozenset[str]], Mapping[str, frozenset[str]]]:
    """Return the sounds of each character, without tones, and those by which many take one for
    the other."""
    from pypinyin import Style, pinyin

    read = pinyin(list(characters()), style=Style.NORMAL, heteronym=True)
    sounds = dict(zip(characters(), map(frozenset, read), strict=True))
    return sounds, {character: frozenset(map(_near, own)) for character, own in sounds.items()}


@cache
def _near(sound: str) -> str:
    for pattern, instead in _SPOKEN_ALIKE:
        sound = re.sub(pattern, instead, sound)
    return sound


def _shapes(groups: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Return the characters that look like each, by the table and by further groups."""
    path = files("radraft.reports.checks").joinpath("lookalikes_zh.txt")
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    found = {row[0]: set(row[1]) for row in rows if len(row) == 2}
    for group in groups:
        for character in group:
            found.setdefault(character, set()).update(set(group) - {character})
    return {character: frozenset(others) for character, others in found.items()}


@cache
def _dictionary() -> Any:
    import rjieba

    # Its own: words that others add to the shared one would hide typing errors.
    return rjieba.Jieba()


def _yaml(name: str) -> dict[str, Any]:
    path = files("radraft.reports.checks").joinpath(name)
    return _parsed(path.read_text(encoding="utf-8"))


def _parsed(text: str) -> dict[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    data: dict[str, Any] = yaml.load(text, Loader=loader)
    return data
