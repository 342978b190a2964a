"""Typing errors in the words of Chinese reports: characters of the same sound, and look-alikes.

Only words of three characters and more are known by most of themselves; shorter ones only in the
wrong forms that `misspellings_zh.yaml` lists. A word that is right is never touched.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

from radraft.core.once import once
from radraft.reports.findings._chinese_matcher import Token
from radraft.reports.findings._chinese_rules import finding_words, matcher
from radraft.reports.findings._trie import PhraseTrie

# How far before a wrong character its word may begin.
_BACK = 6
# First byte of GB 2312's less common characters.
_LEVEL_TWO = 0xD8
# How long the words are that are known with any one character wrong, the longest first.
_LONG = (8, 7, 6, 5, 4)
# Words of these kinds are right as they stand.
_FINDING = frozenset(("name", "head", "organ", "normal"))


def corrected(sentence: str) -> str:
    """Return a plain sentence with its typing errors mended, one character for one character."""
    pairs = _short_starts()
    if not pairs.isdisjoint(map("".join, pairwise(sentence))):
        sentence = _short().sub(lambda match: _table()["short"][match[0]], sentence)
    found = [*_alike_in_sound(sentence), *_alike_in_shape(sentence)]
    if not found:
        return sentence
    known = {
        place
        for token in matcher().find(sentence)
        if token.end - token.start > 1 and _FINDING & set(token.kinds)
        for place in range(token.start, token.end)
    }
    characters = list(sentence)
    for start, word in found:
        wrong = {start + i for i, right in enumerate(word) if right != sentence[start + i]}
        if not wrong & known:
            characters[start : start + len(word)] = word
    return "".join(characters)


def mended(sentence: str, tokens: list[Token]) -> str:
    """Return a sentence with one wrong character in a word of the vocabulary put right.

    Only a character that no word of the sentence has is taken for wrong: by one of the same sound
    or look in a word of three, by any in one of the longer words that are listed.
    """
    mistakable = _mistakable()
    wrong: list[tuple[int, str]] = []
    at = 0
    organ = False
    for token in (*tokens, Token(len(sentence), len(sentence), {})):
        # 左肾积永: two characters alone behind an organ are a word where they can be one.
        least = 2 if organ and token.start - at == 2 else 3
        for place in range(at, token.start):
            if sentence[place] in mistakable:
                right = _meant(sentence, place, least)
                # 支气管广张: another piece of the word is left over too.
                if right is None and token.start - at > 1:
                    right = _listed(sentence, place, range(at, token.start))
                if right and not _stands_in_word(sentence, place):
                    wrong.append((place, right))
                    break
        at = max(at, token.end)
        organ = "organ" in token.kinds
    if not wrong:
        return sentence
    characters = list(sentence)
    for place, right in wrong:
        characters[place] = right
    return "".join(characters)


def _stands_in_word(sentence: str, place: int) -> bool:
    """Whether a character is of a word that is right though the vocabulary does not have it."""
    right = _table()["right"]
    return sentence[place : place + 2] in right or sentence[max(0, place - 1) : place + 1] in right


def _meant(sentence: str, place: int, least: int) -> str | None:
    """Return the character alike that makes the longest word with what stands around a place.

    `least` is how long the word must be.
    """
    pairs = _pairs()
    choices = _choices(
        sentence[place - 1 : place],
        sentence[place],
        sentence[place + 1 : place + 2],
        least == 2 or (place > 1 and sentence[place - 2 : place] in pairs),
        least == 2 or sentence[place + 1 : place + 3] in pairs,
    )
    if not choices:
        return None
    best, meant = least - 1, None
    start = place
    while True:
        for right, end in finding_words().mended(sentence, start, place, choices):
            whole = sentence[start:place] + right + sentence[place + 1 : end]
            if end - start > best and (end - start > 2 or _is_head(whole)):
                best, meant = end - start, right
        start -= 1
        # What is no piece of a word before the place begins no word over it.
        if start < max(0, place - _BACK) or (
            start < place - 1 and sentence[start : start + 2] not in pairs
        ):
            return meant


@lru_cache(maxsize=4096)
def _is_head(word: str) -> bool:
    return any("head" in token.kinds for token in finding_words().find(word))


def _listed(sentence: str, place: int, rest: range) -> str | None:
    """Return the character that makes one of the longer listed words.

    The word has another of the characters of `rest`, which no word of the sentence has either.
    """
    around = sentence[place - 2 : place], sentence[place + 1 : place + 3]
    if _word_pairs().isdisjoint(around) or len(rest) < 2:
        return None
    gapped_words = _gapped()
    for length in _LONG:
        # The word has two characters of the rest, at least.
        first = max(0, place - length + 1, rest.start + 2 - length)
        last = min(place, len(sentence) - length, rest.stop - 2)
        for start in range(first, last + 1):
            gapped = sentence[start:place] + " " + sentence[place + 1 : start + length]
            if gapped in gapped_words:
                return gapped_words[gapped]
    return None


@lru_cache(maxsize=50_000)
def _choices(before: str, character: str, after: str, ahead: bool, behind: bool) -> str:
    """Return the characters alike that stand in words as the neighbours want it.

    `ahead` says that the two characters before stand side by side in a word, `behind` that the two
    after do.
    """
    pairs = _pairs()
    found = ""
    for choice in sorted(_alike(character)):
        left, right = before + choice in pairs, choice + after in pairs
        if (left and (ahead or right)) or (right and behind):
            found += choice
    return found


@once
def _pairs() -> frozenset[str]:
    return finding_words().follows()


@once
def _word_pairs() -> frozenset[str]:
    return frozenset(
        first + second
        for word in _table()["words"]
        if len(word) in _LONG
        for first, second in pairwise(word)
    )


@once
def _gapped() -> dict[str, str]:
    """Return the longer words with a blank for a character, and what stands there."""
    return {
        word[:place] + " " + word[place + 1 :]: character
        for word in _table()["words"]
        if len(word) in _LONG
        for place, character in enumerate(word)
        if place
    }


@cache
def _alike(character: str) -> frozenset[str]:
    """Return the characters that sound or look like one."""
    table = _table()
    if not _is_common(character) and character not in _alphabet():
        return _alphabet()  # 肿抉: what is no common character is easily a slip
    groups = [
        g for g in (*table["sounds"], *table["shapes"], *table["components"]) if character in g
    ]
    return frozenset("".join(groups)) - {character}


def _is_common(character: str) -> bool:
    """Whether a character is one of the 3,755 common ones, which GB 2312 has before the others."""
    code = character.encode("gb2312", errors="ignore")
    return bool(code) and code[0] < _LEVEL_TWO


@cache
def _alphabet() -> frozenset[str]:
    """Return the Chinese characters of the vocabulary."""
    return frozenset(pair[0] for pair in _pairs() if pair[0] >= "一")


@cache
def _mistakable() -> frozenset[str]:
    """Return the characters that may be wrong ones: Chinese, and none of the small words."""
    han = frozenset(map(chr, range(0x4E00, 0x9FFF)))
    return han - frozenset(_table()["small"])


def _alike_in_sound(sentence: str) -> Iterator[tuple[int, str]]:
    keys = sentence.translate(_sound_keys())
    trie, starts = _sounds()
    if starts.isdisjoint([keys[start : start + 3] for start in range(len(keys) - 2)]):
        return
    for start in range(len(keys) - 2):
        if keys[start : start + 3] in starts and (match := trie.longest(keys, start)) is not None:
            word = _nearest(sentence[start : match[0]], match[1])
            if word is not None:
                yield start, word


def _alike_in_shape(sentence: str) -> Iterator[tuple[int, str]]:
    trie, starts = _shapes()
    if starts.isdisjoint([sentence[start : start + 3] for start in range(len(sentence) - 2)]):
        return
    for start in range(len(sentence) - 2):
        if sentence[start : start + 3] in starts:
            match = trie.longest(sentence, start)
            if match is not None:
                yield start, match[1]


def _nearest(written: str, choices: tuple[str, ...]) -> str | None:
    """Return the word that a text of the same sound is meant to be; None where it is unsure."""
    if written in choices:
        return None
    apart = {word: sum(a != b for a, b in zip(written, word, strict=True)) for word in choices}
    word = min(apart, key=lambda choice: apart[choice])
    return word if apart[word] <= len(word) // 2 else None


@cache
def _sound_keys() -> dict[int, str]:
    keys: dict[int, str] = {}
    for group in _table()["sounds"]:
        for character in group:
            keys.setdefault(ord(character), group[0])
    return keys


@once
def _sounds() -> tuple[PhraseTrie[tuple[str, ...]], frozenset[str]]:
    """Return the words by their sound, and what they begin with."""
    by_sound: dict[str, list[str]] = defaultdict(list)
    for word in _table()["words"]:
        by_sound[word.translate(_sound_keys())].append(word)
    trie: PhraseTrie[tuple[str, ...]] = PhraseTrie()
    for keys, choices in by_sound.items():
        trie.add(keys, tuple(choices))
    return trie, frozenset(keys[:3] for keys in by_sound)


@once
def _shapes() -> tuple[PhraseTrie[str], frozenset[str]]:
    """Return the words by their forms with one look-alike, and what these begin with."""
    alike: dict[str, set[str]] = defaultdict(set)
    for group in _table()["shapes"]:
        for character in group:
            alike[character].update(group)
    words = set(_table()["words"])
    forms = {
        word[:place] + other + word[place + 1 :]: word
        for word in sorted(words)
        for place, character in enumerate(word)
        for other in sorted(alike[character])
    }
    trie: PhraseTrie[str] = PhraseTrie()
    for form in forms.keys() - words:
        trie.add(form, forms[form])
    return trie, frozenset(form[:3] for form in forms.keys() - words)


@cache
def _short_starts() -> frozenset[str]:
    return frozenset(form[:2] for form in _table()["short"])


@cache
def _short() -> re.Pattern[str]:
    forms = sorted(_table()["short"], key=len, reverse=True)
    return re.compile("|".join(map(re.escape, forms)))


@cache
def _table() -> dict[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = files("radraft.reports.findings").joinpath("misspellings_zh.yaml").read_text("utf-8")
    table: dict[str, str] = yaml.load(text, Loader=loader)
    pairs = (pair.split(":", 1) for pair in table["short"].split())
    return {
        "words": tuple(table["words"].split()),
        "sounds": tuple(table["sounds"].split()),
        "shapes": tuple(table["shapes"].split()),
        "short": dict(pairs),
        "components": tuple(table["components"].split()),
        "small": table["small"],
        "right": frozenset(table["right"].split()),
    }
