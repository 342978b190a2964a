"""Nouns that two texts share, whatever they name: for things that no list knows."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.resources import files

from radraft.core.yaml_files import Strict
from radraft.reports.values import Lang

_STEM = 6
"""Letters that words of one noun begin with: bulla and bullae, tumour and tumoral."""
_KEPT = 8192
_WORD = re.compile(r"[a-z][a-z-]{3,}")


class _Words(Strict):
    en: str
    zh: str


_HAN = re.compile("[一-鿿]{2,}")


@cache
def _no_nouns() -> tuple[frozenset[str], re.Pattern[str]]:
    path = files("radraft.reports.checks").joinpath("nouns.yaml")
    words = _Words.from_yaml(path.read_text(encoding="utf-8"))
    return frozenset(word[:_STEM] for word in words.en.split()), re.compile(words.zh)


@lru_cache(maxsize=_KEPT)
def nouns(text: str, lang: Lang) -> frozenset[str]:
    """Return stems of the words of `text` that may name a thing: in Chinese every two characters
    that stand together."""
    if lang == "en":
        stems = {word[:_STEM] for word in _WORD.findall(text.lower())}
        return frozenset(stems - _no_nouns()[0])
    runs = _HAN.findall(_no_nouns()[1].sub(" ", text))
    return frozenset(run[at : at + 2] for run in runs for at in range(len(run) - 1))


def share_noun(text: str, other: str, lang: Lang) -> bool:
    """Return whether two texts name one thing by the same noun."""
    return bool(nouns(text, lang) & nouns(other, lang))
