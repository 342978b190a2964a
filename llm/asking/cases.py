"""A question held to the reports that it may be answered from, and quotations from these."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from radraft.llm.asking.evidence import Evidence
from radraft.llm.asking.questions import Asked
from radraft.llm.asking.values import MetadataField, Quote, Source, SourceSentence
from radraft.reports.values import Lang

_OLDEST = re.compile(r"当天|那时|原来", re.IGNORECASE)


@dataclass(frozen=True)
class Case:
    """One question, the open report and the patient's earlier ones, oldest first."""

    asked: Asked
    report: Source
    priors: tuple[Source, ...]
    lang: Lang

    @cached_property
    def _evidence(self) -> dict[str, Evidence]:
        return {}

    def evidence(self, source: Source) -> Evidence:
        """Return the question held against the open report or an earlier one. Rules and relevance
        model read the same value, so that neither reads the report again."""
        found = self._evidence.get(source.id)
        if found is None or found.source is not source:
            found = self._evidence[source.id] = Evidence(self.asked, source)
        return found

    @cached_property
    def meant(self) -> Source | None:
        """The earlier report that the question names; None where it names none that is there."""
        when = self.asked.when
        if not when.named or not self.priors:
            return None
        if when.dated:
            dated = [
                prior
                for prior in self.priors
                if _on(when.year, when.month, when.day, when.hour, prior)
            ]
            return dated[-1] if dated else None
        return self.priors[0] if when.first else self.priors[-1]


def _on(
    year: int | None, month: int | None, day: int | None, hour: int | None, source: Source
) -> bool:
    at = source.performed
    return all(
        wanted is None or wanted == stands
        for wanted, stands in ((year, at.year), (month, at.month), (day, at.day), (hour, at.hour))
    )


def quote_sentence(case: Case, source: Source, sentence: SourceSentence) -> Quote:
    """Return a sentence as it stands, in the language of the question where it has that."""
    day = source.performed.date().isoformat()
    return Quote(source.id, sentence.id, sentence.text(case.lang), day, source is not case.report)


def quote_part(case: Case, source: Source, part: SourceSentence) -> Quote:
    """Return one of the `quotable` of a report as it stands."""
    if part.id in {*MetadataField}:
        quote = quote_field(case, MetadataField(part.id), source)
        assert quote is not None
        return quote
    return quote_sentence(case, source, part)


def quote_field(case: Case, name: MetadataField, source: Source) -> Quote | None:
    """Return what is known beside a report's text; None where nothing is."""
    text = source.known(name)
    day = source.performed.date().isoformat()
    return Quote(source.id, name, text, day, source is not case.report) if text else None


def related_quotes(case: Case) -> tuple[Quote, ...]:
    """Return the sentences near the question, to be shown where none answers it."""
    near = case.evidence(case.report).related
    return tuple(quote_sentence(case, case.report, one) for one in near)
