"""Typing errors in the words of Chinese reports: characters of the same sound, and look-alikes.

Only words of three characters and more are known by most of themselves; shorter ones only in the wrong
forms that `misspellings_zh.yaml` lists. A word that is right is never touched.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from importlib.resources import files
from typing import Any

from radraft.reports.findings._trie import PhraseTrie


def corrected(sentence: str) -> str:
    """Return a plain sentence with its typing errors mended, one character for one character."""
    sentence = _short().sub(lambda match: _table()["short"][match[0]], sentence)
    found = [
        (start, end, word)
        for start, end, choices in _sounds().find(_keys(sentence))
        if (word := _nearest(sentence[start:end], choices)) is not None
    ]
    found += list(_shapes().find(sentence))
    characters = list(sentence)
    for start, end, word in found:
        characters[start:end] = word
    return "".join(characters)


def _nearest(written: str, choices: tuple[str, ...]) -> str | None:
    """Return the word that a text of the same sound is meant to be; None where it is unsure."""
    if written in choices:
        return None
    apart = {word: sum(a != b for a, b in zip(written, word, strict=True)) for word in choices}
    word = min(apart, key=lambda choice: apart[choice])
    return word if apart[word] <= len(word) // 2 else None


def _keys(text: str) -> list[str]:
    keys = _sound_keys()
    return [keys.get(character, character) for character in text]


@cache
def _sound_keys() -> dict[str, str]:
    keys: dict[str, str] = {}
    for group in _table()["sounds"]:
        for character in group:
            keys.setdefault(character, group[0])
    return keys


@cache
def _sounds() -> PhraseTrie[tuple[str, ...]]:
    by_sound: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for word in _table()["words"]:
        by_sound[tuple(_keys(word))].append(word)
    trie: PhraseTrie[tuple[str, ...]] = PhraseTrie()
    for keys, choices in by_sound.items():
        trie.add(keys, tuple(choices))
    return trie


@cache
def _shapes() -> PhraseTrie[str]:
    alike: dict[str, set[str]] = defaultdict(set)
    for group in _table()["shapes"]:
        for character in group:
            alike[character].update(group)
    trie: PhraseTrie[str] = PhraseTrie()
    for word in _table()["words"]:
        for place, character in enumerate(word):
            for other in sorted(alike[character]):
                trie.add(word[:place] + other + word[place + 1 :], word)
    for word in _table()["words"]:
        trie.add(word, word)
    return trie


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
    pairs = (pair.split(":") for pair in table["short"].split())
    return {
        "words": tuple(table["words"].split()),
        "sounds": tuple(table["sounds"].split()),
        "shapes": tuple(table["shapes"].split()),
        "short": {wrong: right for wrong, right in pairs},
    }
