"""Contradictions between a sentence's Chinese and its English.

Numbers, sides, what is denied and what is found are each read from both texts by rules of their
own (`written_numbers`, `side_words`, `bilingual`) that know words outside the project's vocabulary
too, and are held against each other as wholes: a translator may say things in another order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from radraft.reports.checks.bilingual import named_terms
from radraft.reports.checks.lexicon import Meaning, NamedTerms, Term, WordGroup, alike
from radraft.reports.checks.pointing import issue_at, words_of
from radraft.reports.checks.side_words import SideWord, side_words
from radraft.reports.checks.values import Issue, Pointer, ReadReport, ReadSentence, Severity
from radraft.reports.checks.written_numbers import WrittenNumber, written_numbers
from radraft.reports.values import Certainty, Lang, Laterality

_NORMALITY = "abnormality"
"""The concept of `languages.yaml` whose opposite is "normal"."""


@dataclass(frozen=True)
class Contradiction:
    """What the two texts say differently."""

    severity: Severity
    """`block` where it is nearly certain."""
    zh: tuple[int, int] | None = None
    """Characters of the Chinese text; None where it lacks what the English says."""
    en: tuple[int, int] | None = None


class SidesOfLanguages:
    """A sentence whose languages name different sides."""

    code = "side_mismatch"
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such sentence."""
        for sentence, zh, en in _in_both(read):
            found = sides_apart(zh, en)
            if found is not None:
                yield issue_at(self, sentence, None, *_at(sentence, found), severity=found.severity)


class NumbersOfLanguages:
    """A sentence whose languages give different numbers."""

    code = "number_mismatch"
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such sentence."""
        for sentence, zh, en in _in_both(read):
            found = numbers_apart(zh, en)
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


def negations_apart(zh: str, en: str) -> Contradiction | None:
    """Return where one text denies what the other states; None where none does."""
    in_zh, in_en = named_terms(zh, "zh"), named_terms(en, "en")
    of_zh, of_en = _by_concept(in_zh), _by_concept(in_en)
    unsure = None
    for concept in of_zh:
        if concept not in of_en or concept.group is WordGroup.ORGAN:
            continue
        # Vague words name several things of one text; but normal and abnormal are opposites.
        if concept.general and concept.name != _NORMALITY:
            continue
        ours, theirs = of_zh[concept], of_en[concept]
        spans = (ours[0].start, ours[0].end), (theirs[0].start, theirs[0].end)
        denied = [
            sum(term.polarity is Certainty.ABSENT for term in terms) for terms in (ours, theirs)
        ]
        never = [count == 0 for count in denied]
        always = [denied[0] == len(ours), denied[1] == len(theirs)]
        if (always[0] and never[1]) or (never[0] and always[1]):
            return Contradiction(Severity.BLOCK, *spans)
        if len(ours) == len(theirs) and denied[0] != denied[1] and concept.name != _NORMALITY:
            return Contradiction(Severity.BLOCK, *spans)
        hedged = [any(t.polarity is Certainty.UNCERTAIN for t in terms) for terms in (ours, theirs)]
        if all(never) and hedged[0] != hedged[1] and bool(in_zh.hedges) != bool(in_en.hedges):
            unsure = Contradiction(Severity.WARN, *spans)
    return _denials_apart(in_zh, in_en) or unsure


def _denials_apart(zh: NamedTerms, en: NamedTerms) -> Contradiction | None:
    """Return where one text denies something and the other nothing, whatever it is.

    A word of normality may stand for one denial of the other language.
    """
    if bool(zh.denials) == bool(en.denials):
        return None
    if zh.normal == en.normal:
        return Contradiction(Severity.BLOCK)
    denying, other = (zh, en) if zh.denials else (en, zh)
    explained = other.normal - denying.normal
    return Contradiction(Severity.WARN) if denying.denials > max(explained, 0) else None


def findings_apart(zh: str, en: str) -> Contradiction | None:
    """Return where each text names a finding, or each an organ, that the other does not; None
    where they agree."""
    named_zh, named_en = named_terms(zh, "zh"), named_terms(en, "en")
    in_zh, in_en = named_zh.terms, named_en.terms
    for group in (WordGroup.FINDING, WordGroup.ORGAN):
        for ours, theirs in ((in_zh, in_en), (_stated(in_zh), _stated(in_en))):
            only_zh, only_en = _missing(ours, theirs, group), _missing(theirs, ours, group)
            if only_zh and only_en:
                return Contradiction(
                    Severity.BLOCK,
                    (only_zh[0].start, only_zh[0].end),
                    (only_en[0].start, only_en[0].end),
                )
    if _STOP.search(zh) is None and _STOP.search(en) is None:
        return _finding_of_one(named_zh, named_en)
    return None


_STOP = re.compile(r"[。！？!?](?=.)|\.\s+(?=\S)", re.DOTALL)
"""Ends a sentence that another follows."""


def _finding_of_one(zh: NamedTerms, en: NamedTerms) -> Contradiction | None:
    """Return the finding that one text of a single sentence names and the other does not, unless
    the other has a vague word for it."""
    for ours, theirs in ((zh, en), (en, zh)):
        only = _missing(ours.terms, theirs.terms, WordGroup.FINDING)
        # "Heart size is normal" denies what 心影不大 denies by name.
        denied = all(term.polarity is Certainty.ABSENT for term in only)
        if not only or (denied and theirs.normal):
            continue
        names = {term.concept.name for term in ours.terms}
        vague = any(
            term.concept.general and term.concept.name not in {*names, _NORMALITY}
            for term in theirs.terms
        )
        if not vague:
            span = (only[0].start, only[0].end)
            return Contradiction(
                Severity.WARN, span if ours is zh else None, span if ours is en else None
            )
    return None


def _stated(terms: Iterable[Term]) -> list[Term]:
    return [term for term in terms if term.polarity is not Certainty.ABSENT]


def _missing(terms: Iterable[Term], others: Iterable[Term], group: WordGroup) -> list[Term]:
    names = {term.concept.name for term in others}
    return [
        term
        for term in terms
        if term.concept.group is group
        and not term.concept.general
        and not any(alike(term.concept.name, name) for name in names)
    ]


def _by_concept(named: NamedTerms) -> dict[Meaning, list[Term]]:
    found: dict[Meaning, list[Term]] = {}
    for term in named.terms:
        found.setdefault(term.concept, []).append(term)
    return found


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


def _in_both(read: ReadReport) -> Iterator[tuple[ReadSentence, str, str]]:
    for sentence in read.sentences:
        zh, en = sentence.sentence.zh, sentence.sentence.en
        if zh.strip() and en.strip():
            yield sentence, zh, en
