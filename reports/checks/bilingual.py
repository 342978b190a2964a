"""What the two texts of a sentence name, and whether they deny it.

The finding reader knows the project's vocabulary and reads each language for itself. Here both
languages are also read by the same plain rules, so that what lies outside the vocabulary can be
held against each other too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from radraft.reports.checks import _chinese_denials, _english_denials
from radraft.reports.checks.lexicon import NamedTerms, Span
from radraft.reports.checks.values import Severity
from radraft.reports.findings.values import Mention
from radraft.reports.values import Lang


@dataclass(frozen=True)
class ReadText:
    """One text of a sentence, read in both ways."""

    text: str
    named: NamedTerms
    """By the words of `languages.yaml`."""
    mentions: tuple[Mention, ...]
    """By the finding reader."""


@dataclass(frozen=True)
class Contradiction:
    """What the two texts say differently."""

    severity: Severity
    """`block` where it is nearly certain."""
    zh: Span | None = None
    """Characters of the Chinese text; None where it lacks what the English says."""
    en: Span | None = None


def read_text(text: str, lang: Lang, mentions: tuple[Mention, ...]) -> ReadText:
    """Return `text` with what it names, and what the finding reader gave of it."""
    return ReadText(text, named_terms(text, lang), mentions)


@lru_cache(maxsize=4096)
def named_terms(text: str, lang: Lang) -> NamedTerms:
    """Return what `text` names, by where it starts, and how much it denies."""
    return _chinese_denials.read(text) if lang == "zh" else _english_denials.read(text)
