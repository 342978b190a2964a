"""Past reports in DICOM structured reports: which part of a document is findings, which impression.

By the codes of PS3.16 (TID 2000 and the section headings of CID 7001 and 7002) and LOINC's, else by
the names that a maker gave. Codes and numbers are part of the text where they stand in a section.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from radraft.core import canonical
from radraft.core.errors import StudyRejected
from radraft.reports.archive.records import checked, refusal
from radraft.reports.archive.sections import section_named
from radraft.reports.archive.values import PastReport, PastStatus, RefusalReason, RefusedRecord
from radraft.reports.values import Section
from radraft.studies._limits import MAX_TEXT
from radraft.studies.structured_report import ContentItem, StructuredReport, read_structured_report

_SECTIONS = {
    **dict.fromkeys(("59776-5", "18782-3", "121070", "121071"), Section.FINDINGS),
    **dict.fromkeys(
        ("19005-8", "121072", "121073", "121074", "121075", "121076", "121077"),
        Section.IMPRESSION,
    ),
}
"""Findings; impressions, recommendations and conclusions."""
_OTHERS = frozenset(
    [
        *("121060", "11329-0", "121061", "121062", "121063", "121064", "121065", "121066"),
        *("121109", "18785-6", "55111-9", "55115-0", "18834-2", "121068", "121069", "121078"),
        *("121049", "121058", "121005", "121008", "121009", "121106", "111636"),
    ]
)
"""History, reason and description of the procedure, comparison, technique, language, observer."""


def sr_report(path: Path, place: str) -> PastReport | RefusedRecord | None:
    """Return the report of a DICOM file, or why it has none; None for an image or another file that
    is no structured report."""
    try:
        document = read_structured_report(path)
    except StudyRejected:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return RefusedRecord(place, RefusalReason.UNREADABLE, canonical.sha256(["sr", digest]))
    if document is None:
        return None
    report = _report(document, place)
    if any(len(item.text) >= MAX_TEXT for item in document.items):
        # What is longer was cut.
        return refusal(report, RefusalReason.TOO_LONG)
    if not any(item.kind == "TEXT" for item in document.items):
        blank = not document.items
        return refusal(report, RefusalReason.EMPTY if blank else RefusalReason.NOT_A_REPORT)
    return checked(report)


def _report(document: StructuredReport, place: str) -> PastReport:
    parts: dict[Section | None, list[str]] = {}
    for item in document.items:
        section, other = _place(item)
        if other:
            continue
        if item.kind == "TEXT":
            parts.setdefault(section, []).append(item.text)
        elif section is not None:
            named = f"{item.names[-1]}: " if item.codes[-1] not in _SECTIONS else ""
            parts.setdefault(section, []).append(f"{named}{item.text}")
    patient = document.patient
    about = document.evidence_uids if len(document.evidence_uids) == 1 else ()
    return PastReport(
        place,
        accession=document.accession,
        study_uid=(*about, document.study_uid)[0],
        patient_number=patient.patient_id,
        patient_name=patient.name,
        sex=patient.sex if patient.sex in {"M", "F", "O"} else "",
        birth_date=patient.birth_date,
        study_time=document.study_time,
        findings="\n".join(parts.get(Section.FINDINGS, ())),
        impression="\n".join(parts.get(Section.IMPRESSION, ())),
        text="\n".join(parts.get(None, ())),
        author=_plain_name(document.author),
        reviewer=_plain_name(document.verifier) if document.verifier != document.author else "",
        reported_at=document.made_at,
        status=_status(document),
    )


def _status(document: StructuredReport) -> PastStatus:
    if not document.complete:
        return PastStatus.PRELIMINARY
    return PastStatus.CORRECTED if document.replaces else PastStatus.FINAL


def _place(item: ContentItem) -> tuple[Section | None, bool]:
    """Return the section that the item's innermost name gives it, None where none does, and whether
    it is of another part of the document."""
    for code, name in zip(item.codes[::-1], item.names[::-1], strict=True):
        if code in _OTHERS:
            return None, True
        section = _SECTIONS.get(code) or section_named(name)
        if section is not None:
            return section, False
    return None, False


def _plain_name(name: str) -> str:
    """Return a person's name (PS3.5 6.2.1.2) as people write it: its first form."""
    first = name.split("=")[0] or name.replace("=", "")
    parts = [part for part in first.split("^") if part]
    if any("\u3400" <= character <= "\u9fff" for character in first):
        return "".join(parts[:2])
    return " ".join(reversed(parts[:2])) if len(parts) > 1 else "".join(parts)
