"""The simulated reader: a draft -> the report that this house signs for this film."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from radraft.bench.rehearsal.houses import House
from radraft.bench.rehearsal.values import Said, Statement, Truth
from radraft.reports.findings.extract import extract
from radraft.reports.findings.vocabulary import counted_as
from radraft.reports.values import Origin, Report, Section, Sentence, both


def read(draft: Report, house: House, truth: Truth) -> Report:
    """What the reader signs. What is so decides what it states, the house in which words and order.

    A drafted sentence that states what one of the house's does keeps its id, whatever its words and
    side; what states something else is deleted, what is missing is added. The draft decides nothing
    but the ids, and the reader has nothing to change in a report of its own.
    """
    text = house.text(truth)
    taken = {sentence.id for sentence in draft.sentences}
    return replace(
        draft,
        findings=tuple(_section(draft.findings, text.findings, Section.FINDINGS, taken)),
        impression=tuple(_section(draft.impression, text.impression, Section.IMPRESSION, taken)),
    )


def said(sentence: Sentence) -> Said:
    """What a sentence states in either language."""
    mentions = (*extract(sentence.zh, "zh"), *extract(sentence.en, "en"))
    return frozenset((counted_as(mention.code), mention.polarity) for mention in mentions)


def _section(
    drafted: Sequence[Sentence], wanted: Sequence[Statement], section: Section, taken: set[str]
) -> Iterator[Sentence]:
    """The section's sentences; `taken` are all ids in use."""
    free = {sentence.id: sentence for sentence in drafted}
    same: dict[int, Sentence] = {}
    for exact in (True, False):
        for place, one in enumerate(wanted):
            match = None if place in same else _match(one, free, exact=exact)
            if match is not None:
                same[place] = free.pop(match)
    for place, one in enumerate(wanted):
        kept = same.get(place)
        if kept is not None:
            yield kept.reworded(zh=one.zh, en=one.en)
            continue
        key = next(
            k for n in range(len(taken) + 1) if (k := f"r{section.value[0]}{n}") not in taken
        )
        taken.add(key)
        yield Sentence(key, both(one.zh, one.en, Origin.PERSON))


def _match(wanted: Statement, free: dict[str, Sentence], *, exact: bool) -> str | None:
    for key, sentence in free.items():
        if exact and (sentence.zh, sentence.en) == (wanted.zh, wanted.en):
            return key
        if not exact and wanted.said and said(sentence) == wanted.said:
            return key
    return None
