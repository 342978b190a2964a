"""English reports: mentions of findings by rules. `docs/findings.md` defines what counts."""

from __future__ import annotations

from radraft.reports.findings import _english_sections, _english_sentence, _english_text
from radraft.reports.findings._english_lexicon import lexicon
from radraft.reports.findings._english_places import Context
from radraft.reports.findings._english_sections import Passage
from radraft.reports.findings._english_sentence import Statement
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Region


def read(text: str, region: Region | None = None) -> tuple[Mention, ...]:
    """Return the mentions of a report, by where they start. Sections that only ask are not read.

    `region` is the body part that words without an organ are about.
    """
    return tuple(statement.mention for statement in statements(text, region))


def statements(text: str, region: Region | None = None) -> tuple[Statement, ...]:
    """Return the mentions with how each is hedged, for label sets that need it."""
    words = lexicon()
    text = _english_text.narrow(text)
    lowered = _english_text.lower(text)
    found: list[Statement] = []
    passages = _english_sections.passages(text, lowered, region, words)
    regions = {passage.region for passage in passages if passage.read}
    for passage in passages:
        if not passage.read:
            continue
        context = Context(
            frozenset(passage.tags),
            passage.region if passage.tags else None,
            passage.region,
            partial=passage.headed and len(regions) > 1,
        )
        for sentence in _english_text.sentences(lowered, passage.start, passage.end):
            found += _english_sentence.statements(lowered, sentence, context, words)
    found.sort(key=lambda statement: (statement.mention.start, statement.mention.end))
    return tuple(found)


def claims_prior(text: str) -> bool:
    """Return whether the text names an earlier examination, or states a change since one."""
    words = lexicon()
    text = _english_text.narrow(text)
    lowered = _english_text.lower(text)
    for passage in _english_sections.passages(text, lowered, None, words):
        if passage.read or passage.comparison:
            for sentence in _english_text.sentences(lowered, passage.start, passage.end):
                plain = [words.plain[word] for word in sentence.words]
                if _names_examination(plain, passage):
                    return True
                if any(claims for _, _, claims in words.prior.find(plain)):
                    return True
    return False


def _names_examination(words: list[str], passage: Passage) -> bool:
    return (
        passage.comparison
        and bool(words)
        and not {"none", "<no>", "no", "unavailable", "not", "xxxx"} & set(words)
    )
