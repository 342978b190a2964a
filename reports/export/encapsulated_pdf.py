"""A report's PDF as a DICOM object (PS3.3 A.45.1), for a PACS that shows no structured report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radraft.reports.export import dicom_codes as codes
from radraft.reports.export.dicom_document import (
    DocumentKind,
    code,
    document_head,
    file_bytes,
    long_string,
    predecessors,
    references,
    sop_item,
)
from radraft.reports.export.values import OutgoingReport, OutgoingStatus

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def document(report: OutgoingReport, pdf: bytes) -> bytes:
    """Return `pdf`, the report as it is printed, as an Encapsulated PDF file; the same report and
    PDF give the same bytes.

    ValueError for what is no PDF; ReportError `export_value_too_long`.
    """
    if not pdf.startswith(b"%PDF-"):
        raise ValueError("not a PDF")
    made = document_head(report, DocumentKind.PDF)
    lang = report.languages[0]
    title = codes.REPORT
    # A workstation made it, from what it had (PS3.3 C.8.6.1).
    made.ConversionType = "WSD"
    made.AcquisitionDateTime = ""
    made.BurnedInAnnotation = "YES"
    made.DocumentTitle = long_string(title.name(lang), "title")
    made.ConceptNameCodeSequence = [code(title.code, title.system.hl7, title.name(lang))]
    signed = report.status is not OutgoingStatus.PRELIMINARY
    made.VerificationFlag = "VERIFIED" if signed else "UNVERIFIED"
    if images := _sources(report):
        made.SourceInstanceSequence = images
    if before := predecessors(report, DocumentKind.PDF):
        made.PredecessorDocumentsSequence = before
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocumentLength = len(pdf)
    made.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    return file_bytes(made)


def _sources(report: OutgoingReport) -> list[Dataset]:
    """Return the key images, which the PDF shows, each instance once."""
    found = {reference.sop_instance_uid: reference for reference in references(report)}
    return [sop_item(reference) for reference in found.values()]
