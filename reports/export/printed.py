"""A report as people read it outside of radraft: every line of it, in order.

Paper and plain text are both made of this, so that neither says what the other does not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import yaml

from radraft.reports.export.header import one_line
from radraft.reports.export.marks import mark, research_notice
from radraft.reports.export.values import OutgoingReport
from radraft.reports.people import Person, PersonKind
from radraft.reports.values import LANGS, AmendmentKind, Lang, Manner, Section, Sentence

MINUTE = "%Y-%m-%d %H:%M"
_NUMBERED = re.compile(r"\s*[(（]?\d+\s*[.、．)）]")
_BEYOND_LATIN = re.compile("[^\u0000-\u024f]")


@dataclass(frozen=True)
class PrintedField:
    """A label and what stands behind it."""

    label: str
    value: str = field(repr=False)


@dataclass(frozen=True)
class PrintedSection:
    """One section in one language."""

    section: Section
    lang: Lang
    heading: str
    lines: tuple[str, ...] = field(repr=False)
    """Its sentences; those of an impression with their numbers."""


@dataclass(frozen=True)
class PrintedSignature:
    """Somebody who answers for the report."""

    label: str
    name: str = field(repr=False)
    minute: str
    """In the institution's zone; empty where no moment is known."""
    remark: str
    """What else is to be known of it; empty where nothing is."""


@dataclass(frozen=True)
class PrintedReport:
    """A report, line by line. Where its labels are in two languages, each holds both."""

    institution: tuple[str, ...]
    """Its name in each language of the labels, each once."""
    department: tuple[str, ...]
    """As `institution`; none where it has none."""
    title: tuple[str, ...]
    person: tuple[PrintedField, ...]
    """Who was examined."""
    examination: tuple[PrintedField, ...]
    """Numbers of the examination, what it was, when, and why."""
    sections: tuple[PrintedSection, ...]
    """Language by language; none that is empty."""
    signatures: tuple[PrintedSignature, ...]
    status: PrintedField
    """With the version."""
    amendment: PrintedField | None
    """What kind of amendment it is, and why it was made."""
    mark: str
    """That a machine began it; empty where none did."""
    notice: str
    """What use that machine is meant for; empty as `mark`."""


def printed_report(report: OutgoingReport, languages: Sequence[Lang]) -> PrintedReport:
    """Return `report` as it is printed, with labels in `languages`. Its text is in every language
    in which it is asserted; a sentence that lacks one stands there in the other: nothing is left
    out of any."""
    institution = report.institution
    return PrintedReport(
        institution=_once(institution.name(lang) for lang in languages),
        department=_once(institution.department(lang) for lang in languages),
        title=_once(word("title", (lang,)) for lang in languages),
        person=tuple(_person(report, languages)),
        examination=tuple(_examination(report, languages)),
        sections=tuple(_sections(report)),
        signatures=tuple(_signatures(report, languages)),
        status=PrintedField(
            word("status", languages),
            f"{word(f'status_{report.status}', languages)} · "
            f"{word('version', languages, n=report.version)}",
        ),
        amendment=_amendment(report, languages),
        mark=_joined((mark(report, lang) for lang in languages), " · "),
        notice=_joined((research_notice(report, lang) for lang in languages), " · "),
    )


def word(name: str, languages: Sequence[Lang], **values: int) -> str:
    """Return a label or a phrase in `languages`, one after the other, with its `values` put in."""
    phrases = (_words()[name][lang] for lang in languages)
    return _joined(phrase.format(**values) if values else phrase for phrase in phrases)


def person_name(name: str, lang: Lang) -> str:
    """Return a DICOM person name (PS3.5, 6.2.1.1) as `lang` writes it: the ideographic group
    without spaces, or the alphabetic one with the given name first."""
    groups = [*map(_name_group, name.split("=")), "", ""]
    alphabetic, ideographic = groups[0], groups[1]
    return (ideographic or alphabetic) if lang == "zh" else (alphabetic or ideographic)


def local_minute(when: datetime | None, zone: str) -> str:
    """Return a moment to the minute as `zone`'s clock showed it, in UTC and saying so where `zone`
    is empty, and one without a zone as it is; empty for None."""
    if when is None:
        return ""
    if when.tzinfo is None:
        return when.strftime(MINUTE)
    if not zone:
        return f"{when.astimezone(UTC).strftime(MINUTE)} UTC"
    return when.astimezone(ZoneInfo(zone)).strftime(MINUTE)


def _person(report: OutgoingReport, languages: Sequence[Lang]) -> Iterator[PrintedField]:
    exam = report.examination
    patient = exam.patient
    names = (person_name(patient.name, lang) for lang in languages)
    yield PrintedField(word("patient", languages), _joined(names))
    sex = f"sex_{patient.sex}"
    yield from _known("sex", word(sex, languages) if sex in _words() else "", languages)
    yield from _known("age", _age(exam.age_years, languages), languages)
    born = "" if patient.birth_date is None else patient.birth_date.isoformat()
    yield from _known("birth_date", born, languages)
    yield from _known("patient_id", patient.patient_id, languages)


def _examination(report: OutgoingReport, languages: Sequence[Lang]) -> Iterator[PrintedField]:
    exam = report.examination
    zone = report.institution.time_zone
    yield from _known("accession", exam.accession, languages)
    body = f"body_{exam.body_part}"
    part = word(body, languages) if body in _words() else exam.body_part
    told = " · ".join(filter(None, (exam.modality, part, exam.description)))
    yield from _known("exam", told, languages)
    yield from _known("study_time", local_minute(exam.study_time, zone), languages)
    yield from _known("history", exam.history, languages)


def _known(name: str, value: str, languages: Sequence[Lang]) -> Iterator[PrintedField]:
    if value.strip():
        yield PrintedField(word(name, languages), one_line(value))


def _age(years: int | None, languages: Sequence[Lang]) -> str:
    if years is None:
        return ""
    return word(f"years_{years}" if years < 2 else "years", languages, n=years)


def _sections(report: OutgoingReport) -> Iterator[PrintedSection]:
    parts = (report.report.findings, report.report.impression)
    for lang in report.languages:
        for section, sentences in zip(Section, parts, strict=True):
            lines = [_text(sentence, lang) for sentence in sentences]
            lines = [line for line in lines if line]
            if section is Section.IMPRESSION:
                lines = _numbered(lines)
            if lines:
                yield PrintedSection(section, lang, word(section, (lang,)), tuple(lines))


def _text(sentence: Sentence, lang: Lang) -> str:
    texts = (sentence.text(lang), *(sentence.text(other) for other in LANGS))
    return next((text.strip() for text in texts if text.strip()), "")


def _numbered(lines: list[str]) -> list[str]:
    """`lines` with numbers, where there are several and their writer gave none."""
    if len(lines) < 2 or any(map(_NUMBERED.match, lines)):
        return lines
    return [f"{number}. {line}" for number, line in enumerate(lines, start=1)]


def _signatures(report: OutgoingReport, languages: Sequence[Lang]) -> Iterator[PrintedSignature]:
    zone = report.institution.time_zone
    signed = local_minute(report.signed_at, zone)
    submitted = local_minute(report.submitted_at, zone)
    if report.signed_at is None:
        yield _signature("author", report.author, submitted, languages)
        yield PrintedSignature(word("reviewer", languages), word("not_signed", languages), "", "")
    elif report.reviewer is None:
        remark = "emergency" if report.manner is Manner.EMERGENCY else ""
        yield _signature("signer", report.author, signed, languages, remark)
    else:
        yield _signature("author", report.author, submitted, languages)
        yield _signature("reviewer", report.reviewer, signed, languages)


def _signature(
    label: str, person: Person, minute: str, languages: Sequence[Lang], remark: str = ""
) -> PrintedSignature:
    typed = "typed_name" if person.kind is PersonKind.TYPED else ""
    remarks = (word(name, languages) for name in (remark, typed) if name)
    name = one_line(person.name)
    return PrintedSignature(word(label, languages), name, minute, " · ".join(remarks))


def _amendment(report: OutgoingReport, languages: Sequence[Lang]) -> PrintedField | None:
    if report.amendment is None:
        return None
    added = report.amendment.kind is AmendmentKind.ADDENDUM
    label = word("addendum" if added else "amendment", languages)
    return PrintedField(label, one_line(report.amendment.reason))


def _name_group(group: str) -> str:
    family, given, middle, *_ = [*(part.strip() for part in group.split("^")), "", "", ""]
    if _BEYOND_LATIN.search(group):
        return family + given + middle
    return " ".join(filter(None, (given, middle, family)))


def _once(texts: Iterator[str]) -> tuple[str, ...]:
    """Return `texts` but empty ones on one line, each once, in order."""
    return tuple(dict.fromkeys(filter(None, map(one_line, texts))))


def _joined(texts: Iterator[str], between: str = " ") -> str:
    return between.join(_once(texts))


@cache
def _words() -> dict[str, dict[Lang, str]]:
    text = files("radraft.reports.export").joinpath("printed_words.yaml").read_text("utf-8")
    words: dict[str, dict[Lang, str]] = yaml.safe_load(text)
    return words
