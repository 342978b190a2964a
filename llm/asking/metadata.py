"""Answers from what is known beside a report's sentences: people, times, technique, quality."""

from __future__ import annotations

import re
from collections.abc import Sequence

from radraft.llm.asking.cases import Case, quote_field, quote_sentence, related_quotes
from radraft.llm.asking.questions import Asked
from radraft.llm.asking.reading import LIMITED
from radraft.llm.asking.technique import facets_asked, seen_by_what_was_not, technique_differs
from radraft.llm.asking.values import Finding, Kind, MetadataField, Outcome, Quote, Source

_TOLD = re.compile(r"电话|告知|通知|told|informed|phone", re.IGNORECASE)
_PEOPLE = frozenset({MetadataField.AUTHOR, MetadataField.REVIEWER, MetadataField.ORDERED_BY})
_TIMES = frozenset({MetadataField.SIGNED_AT, MetadataField.PERFORMED_AT})


def from_metadata(case: Case) -> Finding:
    """Answer who, when and how."""
    fields, source = case.asked.fields, case.meant or case.report
    found = _quoted(source, case, fields)
    if MetadataField.REVIEWER in fields and not any(
        q.part in (MetadataField.REVIEWER, MetadataField.AUTHOR) for q in found
    ):
        found += _quoted(source, case, (MetadataField.AUTHOR,))
    if not found:
        found = next(
            (q for other in reversed(case.priors) if (q := _quoted(other, case, fields))), ()
        )
    if not found:
        return Finding(Outcome.NOT_MENTIONED, related=related_quotes(case))
    if MetadataField.CRITICAL_ALERT in fields:
        told = [s for s in case.evidence(source).sentences if _TOLD.search(f"{s.zh} {s.en}")]
        found += tuple(quote_sentence(case, source, s) for s in told)
    if any(_differs(case, quote) for quote in found):
        return Finding(Outcome.CORRECTED, found)
    return Finding(Outcome.ANSWERED, found)


def by_technique(case: Case) -> Finding | None:
    """Return the technique where a question asks what was seen by something that was not done;
    None where it does not."""
    source = case.meant or case.report
    quote = quote_field(case, MetadataField.TECHNIQUE, source)
    if quote is None or not seen_by_what_was_not(case.asked, quote.text):
        return None
    return Finding(Outcome.CORRECTED, (quote,))


def settled(asked: Asked, found: Finding) -> bool:
    """Return whether what was found is a field that the question asks for by name, or the
    technique that has not what it takes for done."""
    fields = {*MetadataField}
    if not any(quote.part in fields for quote in found.quotes):
        return False
    if asked.kind is not Kind.METADATA:
        return found.outcome is Outcome.CORRECTED and all(q.part in fields for q in found.quotes)
    return MetadataField.TECHNIQUE not in asked.fields or facets_asked(asked.text)


def _quoted(source: Source, case: Case, fields: Sequence[MetadataField]) -> tuple[Quote, ...]:
    return tuple(q for name in fields if (q := quote_field(case, name, source)) is not None)


def _differs(case: Case, quote: Quote) -> bool:
    """Return whether a field says otherwise than the question takes for true."""
    if quote.part == MetadataField.TECHNIQUE:
        return technique_differs(case.asked, quote.text)
    if not case.asked.presumes:
        return False
    if quote.part in _PEOPLE:
        names = _names(case.asked.text)
        return bool(names) and not any(name in quote.text.lower() for name in names)
    if quote.part in _TIMES and case.meant is None:
        return _another_day(case, quote.text)
    return False


def _names(text: str) -> set[str]:
    latin = re.findall(r"\b(?:[Dd]r\.?|[Pp]rof\.?|[Dd]octor)\s+([A-Z][a-z]+)", text)
    chinese = re.findall(r"([\u4e00-\u9fff]{2,3}?)(?:医生|主任|大夫|教授)", text)
    return {name.lower() for name in (*latin, *chinese)} - {"报告", "审核", "哪个", "哪位"}


def _another_day(case: Case, text: str) -> bool:
    when = case.asked.when
    date = re.search(r"(20\d\d)-(\d\d)-(\d\d)(?: (\d\d):)?", text)
    if date is None or not when.dated:
        return False
    year, month, day, hour = (int(part) if part else None for part in date.groups())
    return any(
        wanted is not None and stands is not None and wanted != stands
        for wanted, stands in (
            (when.year, year), (when.month, month), (when.day, day), (when.hour, hour),
        )
    )  # fmt: skip


def from_quality(case: Case) -> Finding | None:
    """Answer what could be judged; None where the sentences on what is asked say more."""
    asked = case.asked
    evidence = case.evidence(case.report)
    found = evidence.matches
    limited = [m.sentence for m in found if m.limited]
    if not asked.has_subject:
        limited = [s for s in evidence.sentences if LIMITED.search(f"{s.zh} {s.en}".lower())]
    quality = quote_field(case, MetadataField.QUALITY, case.report)
    quotes = [q for q in (quality,) if q is not None]
    quotes += [quote_sentence(case, case.report, s) for s in limited]
    if quotes:
        return Finding(Outcome.ANSWERED, tuple(quotes))
    return None if found else Finding(Outcome.NOT_MENTIONED, related=related_quotes(case))
