"""Contradictions between a sentence's Chinese and its English: sides and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from radraft.reports.checks.pointing import issue_at
from radraft.reports.checks.sides import named_sides
from radraft.reports.checks.sizes import numbers
from radraft.reports.checks.values import Issue, ReadReport, ReadSentence, Severity
from radraft.reports.values import Lang, Laterality

_WORDS: tuple[tuple[str, str], ...] = (
    ("零", "zero|no"),
    ("一", "one|first|single|a|an"),
    ("二|两|兩|双", "two|second|both|pair|bilateral"),
    ("三", "three|third"),
    ("四", "four|fourth"),
    ("五", "five|fifth"),
    ("六", "six|sixth"),
    ("七", "seven|seventh"),
    ("八", "eight|eighth"),
    ("九", "nine|ninth"),
    ("十", "ten|tenth"),
    ("十一", "eleven|eleventh"),
    ("十二", "twelve|twelfth"),
)


class SidesOfLanguages:
    """A sentence whose languages name different sides."""

    code = "side_mismatch"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such sentence."""
        for sentence, zh, en in _in_both(read):
            if _sides_differ(named_sides(zh, "zh"), named_sides(en, "en")):
                yield issue_at(self, sentence)


class NumbersOfLanguages:
    """A sentence whose languages give different numbers."""

    code = "number_mismatch"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such sentence."""
        for sentence, zh, en in _in_both(read):
            in_zh, in_en = numbers(zh), numbers(en)
            if any(not _spelled(value, en, "en") for value in in_zh - in_en) or any(
                not _spelled(value, zh, "zh") for value in in_en - in_zh
            ):
                yield issue_at(self, sentence)


def _in_both(read: ReadReport) -> Iterator[tuple[ReadSentence, str, str]]:
    for sentence in read.sentences:
        zh, en = sentence.sentence.zh.strip(), sentence.sentence.en.strip()
        if zh and en:
            yield sentence, zh, en


def _sides_differ(zh: frozenset[Laterality], en: frozenset[Laterality]) -> bool:
    # Chinese says 双肺 where English says "the lungs": both sides against none is no contradiction.
    return zh != en and not (len(zh | en) == 2 and not zh & en and (not zh or not en))


def _spelled(value: float, text: str, lang: Lang) -> bool:
    """Return whether `text` has `value` as a word: "fourth rib" for 第4肋."""
    if not value.is_integer() or not 0 <= value < len(_WORDS):
        return False
    zh, en = _WORDS[int(value)]
    pattern = zh if lang == "zh" else rf"\b({en})\b"
    return re.search(pattern, text, re.IGNORECASE) is not None
