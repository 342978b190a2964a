"""What the head of every document needs: when the report was made what it is, and whose it is."""

from __future__ import annotations

from datetime import datetime

from radraft.core.errors import ReportError
from radraft.reports.export.values import OutgoingReport, OutgoingStatus
from radraft.studies.one_patient import has_number


def report_time(report: OutgoingReport) -> datetime:
    """Return when it was signed, else handed over for review, in UTC.

    ValueError where it was neither: such a report does not leave.
    """
    moment = report.signed_at or report.submitted_at
    if moment is None:
        raise ValueError("a report that leaves was signed or handed over for review")
    return moment


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
