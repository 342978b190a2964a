"""What the two texts of a sentence name, and whether they deny it.

The finding readers know the project's vocabulary and read each language for itself. Here both
languages are read by the same plain rules, so that what lies outside the vocabulary can be held
against each other too.
"""

from __future__ import annotations

from functools import lru_cache

from radraft.reports.checks import _chinese_denials, _english_denials
from radraft.reports.checks.lexicon import NamedTerms
from radraft.reports.values import Lang


@lru_cache(maxsize=4096)
def named_terms(text: str, lang: Lang) -> NamedTerms:
    """Return what `text` names, by where it starts, and how much it denies."""
    return _chinese_denials.read(text) if lang == "zh" else _english_denials.read(text)
