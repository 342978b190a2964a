"""The words that name findings, from `terms_en.yaml` and `terms_zh.yaml`.

The extractor and the concepts of follow-up questions read them here: a finding's words stand once.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any


@cache
def english_terms() -> dict[str, Any]:
    """Return `phrases` by code and `words` by head. Every value is text, so that `no` is a word."""
    import yaml

    # libyaml reads these ten times as fast where PyYAML was built with it.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    terms: dict[str, Any] = yaml.load(_text("terms_en.yaml"), Loader=loader)
    return terms


@cache
def chinese_terms() -> dict[str, Any]:
    """Return patterns: `names` by code, `heads`, and `compose` by head and organ."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    terms: dict[str, Any] = yaml.load(_text("terms_zh.yaml"), Loader=loader)
    return terms


def english_words(code: str) -> tuple[str, ...]:
    """Return the phrases that name a finding: singular, lower case, no hyphen."""
    return tuple(english_terms()["phrases"].get(code, ()))


def english_head(head: str) -> tuple[str, ...]:
    """Return the words of a head, which names a finding together with a place or a quality."""
    return tuple(english_terms()["words"][head]["words"])


def english_heads() -> frozenset[str]:
    """Return the names of the English heads."""
    return frozenset(english_terms()["words"])


def chinese_patterns(code: str) -> tuple[str, ...]:
    """Return the patterns (`_chinese_matcher`) that name a finding."""
    return tuple((chinese_terms()["names"].get(code) or "").split())


def chinese_head(head: str) -> tuple[str, ...]:
    """Return the patterns of a head, which names a finding together with its organ."""
    return tuple(chinese_terms()["heads"][head].split())


def chinese_heads() -> frozenset[str]:
    """Return the names of the Chinese heads."""
    return frozenset(chinese_terms()["heads"])


def _text(name: str) -> str:
    return files("radraft.reports.findings").joinpath(name).read_text(encoding="utf-8")
