"""What one text of a sentence denies and the other states."""

from __future__ import annotations

from collections.abc import Iterable

from radraft.reports.checks.bilingual import Contradiction, ReadText
from radraft.reports.checks.lexicon import NORMALITY, Meaning, NamedTerms, Term, WordGroup
from radraft.reports.checks.values import Severity
from radraft.reports.values import Certainty


def negations_apart(zh: ReadText, en: ReadText) -> Contradiction | None:
    """Return where one text denies what the other states; None where none does."""
    unsure = None
    of_zh, of_en = _by_concept(zh.named), _by_concept(en.named)
    for concept in of_zh:
        if concept not in of_en or concept.group is WordGroup.ORGAN:
            continue
        # Vague words name several things of one text; but normal and abnormal are opposites.
        if concept.general and concept.name != NORMALITY:
            continue
        ours, theirs = of_zh[concept], of_en[concept]
        spans = (ours[0].start, ours[0].end), (theirs[0].start, theirs[0].end)
        denied = [
            sum(term.polarity is Certainty.ABSENT for term in terms) for terms in (ours, theirs)
        ]
        never = [count == 0 for count in denied]
        always = [denied[0] == len(ours), denied[1] == len(theirs)]
        if (
            (always[0] and never[1])
            or (never[0] and always[1])
            or (len(ours) == len(theirs) and denied[0] != denied[1] and concept.name != NORMALITY)
        ):
            if not _read_alike(zh, en, ours, theirs):
                return Contradiction(Severity.BLOCK, *spans)
            unsure = Contradiction(Severity.WARN, *spans)
        hedged = [any(t.polarity is Certainty.UNCERTAIN for t in terms) for terms in (ours, theirs)]
        if (
            all(never)
            and hedged[0] != hedged[1]
            and bool(zh.named.hedges) != bool(en.named.hedges)
            and not (en if zh.named.hedges else zh).named.soft
        ):
            unsure = Contradiction(Severity.WARN, *spans)
    return _denials_apart(zh.named, en.named) or unsure


def _read_alike(zh: ReadText, en: ReadText, in_zh: Iterable[Term], in_en: Iterable[Term]) -> bool:
    """Return whether the finding reader, whose scopes are finer, gives the terms of both texts one
    code and one polarity."""
    of_zh, of_en = (
        {
            (mention.code, mention.polarity)
            for mention in text.mentions
            if any(term.start < mention.end and mention.start < term.end for term in terms)
        }
        for text, terms in ((zh, in_zh), (en, in_en))
    )
    return bool(of_zh) and of_zh == of_en


def _denials_apart(zh: NamedTerms, en: NamedTerms) -> Contradiction | None:
    """Return where one text denies something and the other nothing, whatever it is.

    A word of normality may stand for one denial of the other language.
    """
    if bool(zh.denials) == bool(en.denials):
        return _normality_apart(zh, en)
    if zh.normal == en.normal:
        return Contradiction(Severity.BLOCK)
    denying, other = (zh, en) if zh.denials else (en, zh)
    explained = other.normal - denying.normal
    return Contradiction(Severity.WARN) if denying.denials > max(explained, 0) else None


def _normality_apart(zh: NamedTerms, en: NamedTerms) -> Contradiction | None:
    """Return where one text calls normal what the other says something of: intact, torn."""
    normal = [sum(term.concept.name == NORMALITY for term in text.terms) for text in (zh, en)]
    stated = [
        sum(
            term.concept.group is not WordGroup.ORGAN
            and not term.concept.general
            and term.polarity is not Certainty.ABSENT
            for term in text.terms
        )
        for text in (zh, en)
    ]
    exchanged = (normal[0] - normal[1]) * (stated[0] - stated[1]) < 0
    return Contradiction(Severity.WARN) if exchanged else None


def _by_concept(named: NamedTerms) -> dict[Meaning, list[Term]]:
    found: dict[Meaning, list[Term]] = {}
    for term in named.terms:
        found.setdefault(term.concept, []).append(term)
    return found
