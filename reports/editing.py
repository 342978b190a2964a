"""Rules of editing: who wrote a sentence, and when a save is stale. Nothing is stored here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from radraft.core.errors import ReportError
from radraft.reports import codec
from radraft.reports.diff import Change, diff
from radraft.reports.values import Evidence, Origin, Report, ReportState, Sentence

MAX_NAME = 64


@dataclass(frozen=True)
class WorkingReport:
    """The report a reader writes in."""

    case_id: str
    report: Report
    revision: int
    state: ReportState
    editor: str | None
    """Who saved last; None while it stands as drafted."""
    saved_at: datetime
    base_version: int
    """The signed version it began as or became; 0 before the first signature."""


@dataclass(frozen=True)
class Revision:
    """One save of a report."""

    report: Report
    editor: str | None


class RevisionConflict(ReportError):
    """Somebody saved in between. `current` is how it stands, `changes` what they did."""

    def __init__(self, base: int, current: WorkingReport, changes: tuple[Change, ...]) -> None:
        super().__init__("revision_conflict", base=base, current=current.revision)
        self.current = current
        self.changes = changes


def edited(before: WorkingReport, report: Report, *, drafted: Iterable[Sentence]) -> Report:
    """Return `report`, edited from `before`, with the origins and evidence it can claim.

    Text that stands in the draft (`drafted`) or in `before` under the same id keeps what is known
    of it (an undone deletion is the model's sentence again); anything else a person wrote, whatever
    the client says. Evidence is what was measured, and only words that were drafted can be kept
    against the image. ReportError `report_invalid`, `report_of_other_case`.
    """
    report = codec.validated(report)
    if report.case_id != before.case_id:
        raise ReportError("report_of_other_case")
    known = {(s.id, s.zh, s.en): s for s in (*drafted, *before.report.sentences)}
    return replace(
        report,
        findings=tuple(_claimed(sentence, known) for sentence in report.findings),
        impression=tuple(_claimed(sentence, known) for sentence in report.impression),
    )


def conflict(now: WorkingReport, base: int, revisions: Sequence[Revision]) -> RevisionConflict:
    """Return the conflict of a save from revision `base`: each change since, with the last editor
    of its sentence. `revisions` are those from `base` to the current one."""
    editors: dict[str, str | None] = {}
    for before, after in pairwise(revisions):
        changes = diff(before.report, after.report)
        editors.update({change.sentence_id: after.editor for change in changes})
    changed = tuple(
        replace(change, editor=editors.get(change.sentence_id))
        for change in diff(revisions[0].report, now.report)
    )
    return RevisionConflict(base, now, changed)


def checked_name(name: str) -> str:
    """Return a reader's name without the space around it. ReportError `author_invalid`."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise ReportError("author_invalid")
    return name


def _claimed(sentence: Sentence, known: dict[tuple[str, str, str], Sentence]) -> Sentence:
    same = known.get((sentence.id, sentence.zh, sentence.en))
    if same is not None:
        return replace(sentence, origin=same.origin, evidence=same.evidence)
    # Support was measured for other words.
    unmeasured = tuple(Evidence(item.image_id, None) for item in sentence.evidence)
    return replace(sentence, origin=Origin.PERSON, evidence=unmeasured, kept=False)
