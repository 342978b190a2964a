"""What of a report has to be found again in a form that people read."""

from __future__ import annotations

from collections.abc import Iterator

from radraft.reports.export.marks import mark
from radraft.reports.export.printed import local_minute, person_name
from radraft.reports.export.values import OutgoingReport
from radraft.reports.values import Lang


def sentences(report: OutgoingReport) -> Iterator[str]:
    """Every sentence in each language of the report, in the order in which they are printed."""
    for lang in report.languages:
        for sentence in report.report.sentences:
            yield sentence.text(lang)


def identity(report: OutgoingReport, languages: tuple[Lang, ...]) -> Iterator[str]:
    """Whose it is: names, numbers, dates, the examination."""
    exam = report.examination
    for lang in languages:
        yield person_name(exam.patient.name, lang)
        yield report.institution.name(lang)
        yield report.institution.department(lang)
    yield from (exam.patient.patient_id, exam.accession, exam.modality, exam.description)
    yield from (exam.history, local_minute(exam.study_time, ""))
    if exam.patient.birth_date is not None:
        yield exam.patient.birth_date.isoformat()


def signatures(report: OutgoingReport, languages: tuple[Lang, ...]) -> Iterator[str]:
    """Who signed, each with the minute; version, amendment and mark."""
    zone = report.institution.time_zone
    yield report.author.name
    if report.reviewer is not None:
        yield report.reviewer.name
        yield local_minute(report.submitted_at, zone)
    yield local_minute(report.signed_at, zone)
    if report.amendment is not None:
        yield report.amendment.reason
    statuses = {
        "final": {"zh": "正式报告", "en": "Final report"},
        "corrected": {"zh": "更正报告", "en": "Corrected report"},
        "appended": {"zh": "补充报告", "en": "Report with addendum"},
    }
    for lang in languages:
        yield statuses[report.status][lang]
        yield {"zh": f"第 {report.version} 版", "en": f"version {report.version}"}[lang]
        yield mark(report, lang)
