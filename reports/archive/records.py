"""What every source's records are checked for before anything is looked up."""

from __future__ import annotations

from dataclasses import replace

from radraft.reports.archive.sections import divided
from radraft.reports.archive.values import (
    MOST_LABEL,
    MOST_TEXT,
    PastReport,
    PastStatus,
    RefusalReason,
    RefusedRecord,
)
from radraft.reports.characters import refused, without_zero_width

_NOTHING = frozenset({"", "-", "--", "/", "无", "空", "null", "none", "n/a", "nil", "."})
"""What stands in a field that nobody filled in."""
_REPLACED = "\ufffd"


def checked(report: PastReport) -> PastReport | RefusedRecord:
    """Return the report with its two sections, line ends as `\\n` and characters without width left
    out; or why no report can be made of it."""
    tidy = replace(
        report,
        findings=_plain(report.findings),
        impression=_plain(report.impression),
        text=_plain(report.text),
        record_id=report.digest,
    )
    reason = _reason(tidy)
    if reason is not None:
        return refusal(report, reason)
    if tidy.text and not (tidy.findings and tidy.impression):
        sections = divided(tidy.text)
        tidy = replace(
            tidy,
            findings=tidy.findings or sections.findings,
            impression=tidy.impression or sections.impression,
            above=sections.above,
            below="\n".join(
                filter(
                    None,
                    (
                        _beyond(tidy.findings, sections.findings),
                        _beyond(tidy.impression, sections.impression),
                        sections.below,
                    ),
                )
            ),
        )
    if not (tidy.findings or tidy.impression):
        return refusal(report, RefusalReason.EMPTY)
    return replace(tidy, text="")


def refusal(report: PastReport, reason: RefusalReason) -> RefusedRecord:
    """Return what is kept of a record that is not taken."""
    record_id = report.record_id or report.digest
    return RefusedRecord(
        report.place, reason, record_id, report.accession[:64], report.study_uid[:64]
    )


def _reason(report: PastReport) -> RefusalReason | None:
    texts = (report.findings, report.impression, report.text)
    labels = (
        *(report.accession, report.study_uid, report.patient_number, report.patient_name),
        *(report.author, report.reviewer, report.modality, report.body_part),
    )
    if any(_REPLACED in value or next(refused(value), None) for value in (*texts, *labels)):
        return RefusalReason.WRONG_CHARACTERS
    if max(map(len, texts)) > MOST_TEXT or max(map(len, labels)) > MOST_LABEL:
        return RefusalReason.TOO_LONG
    if not any(texts):
        return RefusalReason.EMPTY
    if report.status in {PastStatus.PRELIMINARY, PastStatus.CANCELLED}:
        return RefusalReason.NOT_FINAL
    if not (report.accession or report.study_uid):
        return RefusalReason.NO_IDENTIFIER
    return None


def _beyond(said: str, section: str) -> str:
    """Return a section of the text where the source has that section by itself and says something
    else there."""
    own, other = ("".join(filter(str.isalnum, part)) for part in (said, section))
    return "" if not said or other in own else section


def _plain(text: str) -> str:
    tidy = without_zero_width(text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    return "" if tidy.casefold() in _NOTHING else tidy
