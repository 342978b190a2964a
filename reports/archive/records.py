"""What every source's records are checked for before anything is looked up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from radraft.reports.archive.languages import language_of
from radraft.reports.archive.sections import Sections, divided, sentences
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
    if tidy.text:
        tidy = _with_text(tidy, divided(tidy.text))
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


def _with_text(report: PastReport, sections: Sections) -> PastReport:
    """Return the report with what its whole text says: a section that its source does not have by
    itself; beside the findings, for readers, what is in neither."""
    own = (report.findings, report.impression)
    divided_text = (sections.findings, sections.impression)
    beyond = [
        _beyond(own, section) for said, section in zip(own, divided_text, strict=True) if said
    ]
    return replace(
        report,
        findings=report.findings or sections.findings,
        impression=report.impression or sections.impression,
        above=sections.above,
        below="\n".join(filter(None, (*beyond, sections.below))),
    )


def _beyond(said: Sequence[str], section: str) -> str:
    """Return the sentences of a section that stand nowhere in `said`, one a line."""
    known = {_bare(sentence) for part in said for sentence in _sentences(part)}
    return "\n".join(sentence for sentence in _sentences(section) if _bare(sentence) not in known)


def _sentences(text: str) -> tuple[str, ...]:
    return sentences(text, language_of(text))


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def _plain(text: str) -> str:
    tidy = without_zero_width(text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    return "" if tidy.casefold() in _NOTHING else tidy
