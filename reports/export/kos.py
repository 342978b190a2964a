"""The key images of a report as a Key Object Selection (PS3.3 A.35.4, PS3.16 TID 2010): a viewer
opens at them, whether or not it reads reports."""

from __future__ import annotations

from radraft.core.errors import ReportError
from radraft.reports.export.dicom_document import (
    DocumentKind,
    document_time,
    instance_uid,
    references,
    series_uid,
)
from radraft.reports.export.values import OutgoingReport
from radraft.studies import kos


def document(report: OutgoingReport) -> bytes:
    """Return the selection of the report's key images "For Report Attachment", by whoever answers
    for the report; the same report gives the same bytes.

    ReportError `export_no_key_images` where it has none that can be referred to,
    `export_name_too_long`.
    """
    found = references(report)
    if not found:
        raise ReportError("export_no_key_images", case_id=report.case_id)
    about = report.examination
    return kos.document(
        found,
        kos.About(about.study_uid, about.patient, about.accession, about.study_time),
        reader=report.signer.name,
        number=report.version,
        at=document_time(report),
        title=kos.SelectionTitle.FOR_REPORT_ATTACHMENT,
        with_offset=True,
        uids=kos.SelectionUids(
            series_uid(report, DocumentKind.KEY_IMAGES),
            instance_uid(report, DocumentKind.KEY_IMAGES),
        ),
    )
