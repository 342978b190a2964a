"""Typing errors in the words of Chinese reports: characters of the same sound, and look-alikes.

Only words of three characters and more are known by most of themselves; shorter ones only in the
wrong forms that `misspellings_zh.yaml` lists. A word that is right is never touched.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

from radraft.reports.findings._chinese_rules import matcher
from radraft.reports.findings._trie import PhraseTrie

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


def _alike_in_sound(sentence: str) -> Iterator[tuple[int, str]]:
    keys = sentence.translate(_sound_keys())
    trie, starts = _sounds()
    if starts.isdisjoint(map("".join, zip(keys, keys[1:], keys[2:], strict=False))):
        return
    for start in range(len(keys) - 2):
        if keys[start : start + 3] in starts and (match := trie.longest(keys, start)) is not None:
            word = _nearest(sentence[start : match[0]], match[1])
            if word is not None:
                yield start, word


def _alike_in_shape(sentence: str) -> Iterator[tuple[int, str]]:
    trie, starts = _shapes()
    if starts.isdisjoint(map("".join, zip(sentence, sentence[1:], sentence[2:], strict=False))):
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


@cache
def _sounds() -> tuple[PhraseTrie[tuple[str, ...]], frozenset[str]]:
    """Return the words by their sound, and what they begin with."""
    by_sound: dict[str, list[str]] = defaultdict(list)
    for word in _table()["words"]:
        by_sound[word.translate(_sound_keys())].append(word)
    trie: PhraseTrie[tuple[str, ...]] = PhraseTrie()
    for keys, choices in by_sound.items():
        trie.add(keys, tuple(choices))
    return trie, frozenset(keys[:3] for keys in by_sound)


@cache
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
    }
