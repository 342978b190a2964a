"""Contradictions between a sentence's Chinese and its English.

Numbers, sides, what is denied and what is found are each read from both texts by rules of their
own (`written_numbers`, `side_words`, `bilingual`) that know words outside the project's vocabulary
too, and are held against each other as wholes: a translator may say things in another order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from radraft.reports.checks.bilingual import Contradiction, ReadText, read_text
from radraft.reports.checks.bilingual_denials import negations_apart
from radraft.reports.checks.bilingual_findings import findings_apart
from radraft.reports.checks.pointing import issue_at, words_of
from radraft.reports.checks.side_words import SideWord, side_words
from radraft.reports.checks.values import Issue, Pointer, ReadReport, ReadSentence, Severity
from radraft.reports.checks.written_numbers import WrittenNumber, written_numbers
from radraft.reports.values import Lang, Laterality


class SidesOfLanguages:
    """A sentence whose languages name different sides."""

    code = "side_mismatch"
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such sentence."""
        for sentence, zh, en in _in_both(read):
            found = sides_apart(zh.text, en.text)
            if found is not None:
                yield issue_at(self, sentence, None, *_at(sentence, found), severity=found.severity)


class NumbersOfLanguages:
    """A sentence whose languages give different numbers."""

    code = "number_mismatch"
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such sentence."""
        for sentence, zh, en in _in_both(read):
            found = numbers_apart(zh.text, en.text)
            if found is not None:
                yield issue_at(self, sentence, None, *_at(sentence, found), severity=found.severity)


class NegationsOfLanguages:
    """A sentence that states in one language what it denies in the other."""

    code = "negation_mismatch"
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such sentence."""
        for sentence, zh, en in _in_both(read):
            found = negations_apart(zh, en)
            if found is not None:
                yield issue_at(self, sentence, None, *_at(sentence, found), severity=found.severity)


class FindingsOfLanguages:
    """A sentence whose languages speak of different findings."""

    code = "finding_mismatch"
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such sentence."""
        for sentence, zh, en in _in_both(read):
            found = findings_apart(zh, en)
            if found is not None:
                yield issue_at(self, sentence, None, *_at(sentence, found), severity=found.severity)


def sides_apart(zh: str, en: str) -> Contradiction | None:
    """Return where the sides of two texts contradict each other; None where they do not.

    English often leaves "both" away where Chinese says 双, and either may name a side twice.
    """
    in_zh, in_en = side_words(zh, "zh"), side_words(en, "en")
    of_zh, of_en = (Counter(word.side for word in words) for words in (in_zh, in_en))
    both = Laterality.BILATERAL
    for side, other in (
        (Laterality.LEFT, Laterality.RIGHT),
        (Laterality.RIGHT, Laterality.LEFT),
    ):
        if bool(of_zh[side]) != bool(of_en[side]):
            lacking = of_en if of_zh[side] else of_zh
            # 左、右 and "both" say the same.
            if lacking[both] and (of_zh[other] or of_en[other]) and not lacking[other]:
                continue
            return _pair(in_zh, in_en, side)
    one = of_zh[Laterality.LEFT] - of_en[Laterality.LEFT]
    if one and one == of_en[Laterality.RIGHT] - of_zh[Laterality.RIGHT]:
        return _pair(in_zh, in_en, Laterality.LEFT if one > 0 else Laterality.RIGHT)
    return None


def numbers_apart(zh: str, en: str) -> Contradiction | None:
    """Return where the numbers of two texts contradict each other; None where they do not.

    A number in digits has to stand in both; one in words ("two", 一枚) may stand in one alone.
    """
    in_zh, in_en = written_numbers(zh, "zh"), written_numbers(en, "en")
    only_zh, only_en = _unmatched(in_zh, in_en), _unmatched(in_en, in_zh)
    digits = [number for number in (*only_zh, *only_en) if not number.spelled]
    if not digits and not (only_zh and only_en):
        return None
    return Contradiction(Severity.BLOCK, _span(only_zh), _span(only_en))


def _unmatched(
    numbers: Iterable[WrittenNumber], others: Iterable[WrittenNumber]
) -> list[WrittenNumber]:
    known = {(number.value, number.quantity) for number in others}
    # Words carry their unit less surely.
    spelled = {number.value for number in others if number.spelled}
    return [
        number
        for number in numbers
        if (number.value, number.quantity) not in known and number.value not in spelled
    ]


def _pair(in_zh: Iterable[SideWord], in_en: Iterable[SideWord], side: Laterality) -> Contradiction:
    """Return the contradiction about `side`: its word in one text, another side's in the other."""

    def first(words: Iterable[SideWord]) -> tuple[int, int] | None:
        ordered = sorted(words, key=lambda word: word.side is not side)
        return (ordered[0].start, ordered[0].end) if ordered else None

    return Contradiction(Severity.BLOCK, first(in_zh), first(in_en))


def _span(numbers: list[WrittenNumber]) -> tuple[int, int] | None:
    return (numbers[0].start, numbers[0].end) if numbers else None


def _at(sentence: ReadSentence, found: Contradiction) -> list[Pointer]:
    spans: tuple[tuple[Lang, tuple[int, int] | None], ...] = (("zh", found.zh), ("en", found.en))
    return [words_of(sentence, lang, *span) for lang, span in spans if span is not None]


def _in_both(read: ReadReport) -> Iterator[tuple[ReadSentence, ReadText, ReadText]]:
    for sentence in read.sentences:
        texts = {
            lang: read_text(text, lang, sentence.mentions.get(lang, ()))
            for lang, text in sentence.texts()
        }
        if "zh" in texts and "en" in texts:
            yield sentence, texts["zh"], texts["en"]
