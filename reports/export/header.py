"""What the head of every document needs: when the report was made what it is, and whose it is."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from radraft.core import canonical
from radraft.core.errors import ReportError
from radraft.reports.characters import refused, without_zero_width
from radraft.reports.export.values import OutgoingReport, OutgoingStatus
from radraft.studies.one_patient import has_number

_LINE_END = re.compile("\\s*[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]\\s*")
"""Whatever ends a line for some reader, with the white space around it."""


def one_line(text: str) -> str:
    """Return `text` on one line: a value of a document's head that went on below could be taken for
    a heading and a sentence of the report."""
    return _LINE_END.sub(" ", text.strip())


def require_seen(text: str) -> None:
    """Raise ReportError `export_character_refused` for a character of `text` that nobody sees but
    those without width, of which paper and text show nothing."""
    hidden = next(refused(without_zero_width(text)), None)
    if hidden is not None:
        raise ReportError("export_character_refused", character=hidden)


def report_time(report: OutgoingReport) -> datetime:
    """Return when it was signed, else handed over for review, in UTC.

    ValueError where it was neither: such a report does not leave.
    """
    moment = report.signed_at or report.submitted_at
    if moment is None:
        raise ValueError("a report that leaves was signed or handed over for review")
    return moment


def state_names(report: OutgoingReport) -> tuple[str, ...]:
    """Return what tells this state of the report from every other of its case: of a signed version
    the hash of its content, of one handed over unsigned which submission it is, when it was handed
    over, and the hash of its words. A number alone would be given twice: after a restore version 1
    may be signed again with other words.

    ValueError as of `report_time`.
    """
    if report.status is not OutgoingStatus.PRELIMINARY:
        return (report.content_sha,)
    moment = report_time(report).astimezone(UTC).isoformat()
    words = canonical.sha256(canonical.plain(report.report))
    return ("unsigned", str(report.submission), moment, words)


def patient_number(report: OutgoingReport) -> str:
    """Return the patient's number. ReportError `export_no_patient_number` where the study came
    without one, or with a word for none: a receiver would file the report under a wrong patient."""
    patient = report.examination.patient
    if not has_number(patient):
        raise ReportError("export_no_patient_number", case_id=report.case_id)
    return patient.patient_id.strip()


def require_nothing_signed_before(report: OutgoingReport) -> None:
    """Raise ReportError `export_signed_version_stands` for an amendment that waits for review: at
    the receiver it would take the place of the signed version, which stands until then."""
    if report.status is OutgoingStatus.PRELIMINARY and report.version > 1:
        raise ReportError("export_signed_version_stands", case_id=report.case_id)
