"""Findings that one text of a sentence names and the other does not.

A word of `languages.yaml` is unmatched where the other text has no word for the same, nor one that
the languages draw no line against; a mention of the finding reader is, where the other text has
neither its code nor a broader or narrower one. Each of the two readings explains gaps of the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from radraft.reports.checks.bilingual import Contradiction, ReadText
from radraft.reports.checks.lexicon import (
    NORMALITY,
    NamedTerms,
    Span,
    Term,
    WordGroup,
    alike,
    language_data,
)
from radraft.reports.checks.values import Severity
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Kind, lineage, vocabulary
from radraft.reports.values import Certainty


@dataclass(frozen=True)
class _Unmatched:
    """Words for a finding that the other text does not name."""

    span: Span
    """Characters of the text."""
    sure: bool
    """False where the other text may mean it by another name."""
    weak: bool = False
    """The words only describe."""


_FEW = 6
"""Words for findings, up to which two texts of as many are held against each other by number."""


def findings_apart(zh: ReadText, en: ReadText) -> Contradiction | None:
    """Return where each text names a finding, or each an organ, that the other does not, or where
    one does; None where they agree."""
    found: list[Contradiction | None] = []
    for ours, theirs in ((zh, en), (_stated(zh), _stated(en)), (_denied(zh), _denied(en))):
        only_zh, only_en = list(_findings(ours, theirs)), list(_findings(theirs, ours))
        found.append(_both(only_zh, only_en))
        found.append(_both(*_exchanged(ours, theirs, only_zh, only_en)))
    for ours, theirs in ((zh, en), (_stated(zh), _stated(en))):
        found.append(_both(_organs(ours.named, theirs.named), _organs(theirs.named, ours.named)))
    found.append(_finding_of_one(zh.named, en.named))
    apart = [contradiction for contradiction in found if contradiction is not None]
    return min(apart, key=lambda each: each.severity is not Severity.BLOCK, default=None)


def _both(zh: list[_Unmatched], en: list[_Unmatched]) -> Contradiction | None:
    """Return the contradiction of what each text alone names; None unless both do. Words that may
    mean the same, or that only describe, are no reason to block."""
    if not zh or not en:
        return None
    certain = any(word.sure and not word.weak for word in (*zh, *en))
    first = [min(words, key=lambda word: (not word.sure, word.weak)).span for words in (zh, en)]
    return Contradiction(Severity.BLOCK if certain else Severity.WARN, first[0], first[1])


def _findings(ours: ReadText, theirs: ReadText) -> Iterator[_Unmatched]:
    """Yield the words of `ours` for findings that `theirs` does not name."""
    our_names, their_names = _names(ours.named), _names(theirs.named)
    for term in _of(ours.named, WordGroup.FINDING):
        if term.concept.name in their_names or _explained(term, ours, theirs):
            continue
        others = {name for name in their_names if alike(term.concept.name, name)}
        # A word that may mean the same, but has its like in our text, may stand for that alone.
        if not others - our_names:
            yield _Unmatched((term.start, term.end), not others, term.concept.weak)
    for mention in ours.mentions:
        if not _compared(mention) or any(_related(mention, other) for other in theirs.mentions):
            continue
        within = [term for term in ours.named.terms if _within(term, mention)]
        if any(term.concept.general for term in within):
            continue
        names = {t.concept.name for t in within if t.concept.group is WordGroup.FINDING}
        if not names & their_names:
            yield _Unmatched((mention.start, mention.end), sure=not names)


def _explained(term: Term, ours: ReadText, theirs: ReadText) -> bool:
    """Return whether the finding reader finds in `theirs` what `term` is a part of, in words that
    `languages.yaml` does not know, or that `ours` does not name either."""
    names = _names(ours.named)
    for mention in ours.mentions:
        if not _within(term, mention):
            continue
        for other in theirs.mentions:
            if mention.code != other.code or mention.polarity is not other.polarity:
                continue
            words = [w for w in _of(theirs.named, WordGroup.FINDING) if _within(w, other)]
            apart = any(word.concept.name not in names for word in words)
            if not words or (apart and mention.code not in language_data()["broad_codes"]):
                return True
    return False


def _exchanged(
    ours: ReadText, theirs: ReadText, only_ours: list[_Unmatched], only_theirs: list[_Unmatched]
) -> tuple[list[_Unmatched], list[_Unmatched]]:
    """Return what is unmatched where one text has another finding in the place of one that both
    name elsewhere: as many words, and one of them once too often."""
    terms = [list(_of(text.named, WordGroup.FINDING)) for text in (ours, theirs)]
    only = only_ours or only_theirs
    if (
        len(terms[0]) != len(terms[1])
        or len(terms[0]) > _FEW
        or (only_ours and only_theirs)
        or not any(word.sure for word in only)
    ):
        return [], []
    counts = [Counter(term.concept.name for term in of_text) for of_text in terms]
    side = 1 if only_ours else 0
    surplus = counts[side] - counts[1 - side]
    again = [
        _Unmatched((term.start, term.end), sure=True)
        for term in terms[side]
        if surplus[term.concept.name] and counts[1 - side][term.concept.name]
    ]
    return (only_ours, again) if only_ours else (again, only_theirs)


def _organs(ours: NamedTerms, theirs: NamedTerms) -> list[_Unmatched]:
    names = {term.concept.name for term in theirs.terms}
    return [
        _Unmatched((term.start, term.end), sure=True)
        for term in _of(ours, WordGroup.ORGAN)
        if not _named(term, names)
    ]


def _finding_of_one(zh: NamedTerms, en: NamedTerms) -> Contradiction | None:
    """Return the finding that one text names and the other does not, unless the other has a vague
    word for it."""
    for ours, theirs in ((zh, en), (en, zh)):
        known = {term.concept.name for term in theirs.terms}
        only = [
            term
            for term in _of(ours, WordGroup.FINDING)
            if not term.concept.weak and not _named(term, known)
        ]
        # "Heart size is normal" denies what 心影不大 denies by name.
        denied = all(term.polarity is Certainty.ABSENT for term in only)
        if not only or (denied and theirs.normal):
            continue
        names = {term.concept.name for term in ours.terms}
        vague = any(
            term.concept.general and term.concept.name not in {*names, NORMALITY}
            for term in theirs.terms
        )
        if not vague:
            span = (only[0].start, only[0].end)
            return Contradiction(
                Severity.WARN, span if ours is zh else None, span if ours is en else None
            )
    return None


def _of(named: NamedTerms, group: WordGroup) -> Iterator[Term]:
    """Yield the terms of a group that say something by themselves."""
    return (t for t in named.terms if t.concept.group is group and not t.concept.general)


def _names(named: NamedTerms) -> set[str]:
    return {term.concept.name for term in named.terms}


def _named(term: Term, names: Iterable[str]) -> bool:
    return any(alike(term.concept.name, name) for name in names)


def _within(term: Term, mention: Mention) -> bool:
    return term.start < mention.end and mention.start < term.end


def _compared(mention: Mention) -> bool:
    """Return whether the mention names a finding: devices have many names of one code."""
    return vocabulary()[mention.code].kind is Kind.FINDING


def _related(mention: Mention, other: Mention) -> bool:
    """Return whether two mentions are of one finding, or one of a narrower one."""
    return other.code in (mention.code, *lineage(mention.code)) or mention.code in lineage(
        other.code
    )


def _stated(text: ReadText) -> ReadText:
    return _only(text, denied=False)


def _denied(text: ReadText) -> ReadText:
    return _only(text, denied=True)


def _only(text: ReadText, *, denied: bool) -> ReadText:
    """Return `text` with only what it denies, or only what it does not. A mention that its own
    words contradict is left out."""
    mentions = tuple(
        mention
        for mention in text.mentions
        if (mention.polarity is Certainty.ABSENT) == denied
        and all(
            (term.polarity is Certainty.ABSENT) == denied
            for term in _of(text.named, WordGroup.FINDING)
            if _within(term, mention)
        )
    )
    terms = tuple(t for t in text.named.terms if (t.polarity is Certainty.ABSENT) == denied)
    return replace(text, named=replace(text.named, terms=terms), mentions=mentions)
