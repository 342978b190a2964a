"""Editing a working report: every save is a revision, and no save overwrites another unseen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from radraft.core.errors import (
    NotFound,
    ReportError,
)
from radraft.reports import codec
from radraft.reports.diff import Change, diff
from radraft.reports.lifecycle import Move, transition
from radraft.reports.values import Evidence, Origin, Report, ReportState, Sentence
from radraft.store import drafts
from radraft.store.tables import CaseRow, ReportRow, RevisionRow

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


class RevisionConflict(ReportError):
    """Somebody saved in between. `current` is how it stands, `changes` what they did."""

    def __init__(self, base: int, current: WorkingReport, changes: tuple[Change, ...]) -> None:
        super().__init__("revision_conflict", base=base, current=current.revision)
        self.current = current
        self.changes = changes


def current(session: Session, case_id: str) -> WorkingReport:
    """The working report. NotFound `case_not_found`, or `case_not_drafted` while there is none."""
    return working(session, _row(session, case_id, lock=False))


def save(
    session: Session, case_id: str, report: Report, *, base_revision: int, editor: str
) -> WorkingReport:
    """Keep `report`, which was edited from revision `base_revision`, as the next revision.

    Content equal to the current revision's changes nothing and is never a conflict, so a client
    that did not hear the answer may send again. Whatever the client says, a sentence whose text is
    neither the stored nor the drafted one is a person's, and evidence is what was measured. Only
    words that were drafted can be kept against the image: new ones are the person's own.
    RevisionConflict; ReportError `report_is_signed`, `report_invalid`, `author_invalid`.
    """
    editor = checked_name(editor)
    row = _row(session, case_id, lock=True)
    state = transition(ReportState(row.state), Move.REVIEW)
    report = codec.validated(report)
    if report.case_id != case_id:
        raise ReportError("report_of_other_case")
    before = working(session, row)
    after = _with_origins(session, case_id, before.report, report)
    if after == before.report:
        return before
    require_revision(session, before, base_revision)
    row.revision += 1
    row.state = state.value
    row.editor = editor
    row.saved_at = datetime.now(UTC)
    session.add(
        RevisionRow(
            case_id=case_id,
            revision=row.revision,
            content=codec.report_to_json(after),
            editor=editor,
            saved_at=row.saved_at,
        )
    )
    session.flush()
    return working(session, row)


def amend(session: Session, case_id: str, *, editor: str) -> WorkingReport:
    """Reopen a signed report as the working copy of its next version; the signed one stays.

    ReportError `report_not_signed`, `author_invalid`.
    """
    editor = checked_name(editor)
    row = _row(session, case_id, lock=True)
    row.state = transition(ReportState(row.state), Move.AMEND).value
    row.editor = editor
    row.saved_at = datetime.now(UTC)
    session.flush()
    return working(session, row)


def locked(session: Session, case_id: str) -> tuple[ReportRow, WorkingReport]:
    """The working report, held until the transaction ends: for signing."""
    row = _row(session, case_id, lock=True)
    return row, working(session, row)


def working(session: Session, row: ReportRow) -> WorkingReport:
    """The value of a stored working report."""
    return WorkingReport(
        case_id=row.case_id,
        report=_content(session, row.case_id, row.revision),
        revision=row.revision,
        state=ReportState(row.state),
        editor=row.editor,
        saved_at=row.saved_at,
        base_version=row.base_version,
    )


def require_revision(session: Session, now: WorkingReport, base_revision: int) -> None:
    """RevisionConflict unless `base_revision` is current; `revision_unknown` if it never was."""
    if base_revision == now.revision:
        return
    if not 1 <= base_revision < now.revision:
        raise ReportError("revision_unknown", revision=base_revision)
    raise RevisionConflict(base_revision, now, _changes(session, now, base_revision))


def checked_name(name: str) -> str:
    """A reader's name without the space around it. ReportError `author_invalid`."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise ReportError("author_invalid")
    return name


def _row(session: Session, case_id: str, *, lock: bool) -> ReportRow:
    row = session.get(ReportRow, case_id, with_for_update=lock, populate_existing=lock)
    if row is not None:
        return row
    if session.get(CaseRow, case_id) is None:
        raise NotFound("case_not_found", case_id=case_id)
    raise NotFound("case_not_drafted")


def _content(session: Session, case_id: str, revision: int) -> Report:
    return codec.stored_report(session.get_one(RevisionRow, (case_id, revision)).content)


def _with_origins(session: Session, case_id: str, before: Report, report: Report) -> Report:
    """`report` with the origin and the evidence that each sentence can claim.

    Text that stands in the draft or in the current revision under the same id keeps what is known
    of it (an undone deletion is the model's sentence again); anything else a person wrote.
    """
    basis = drafts.basis(session, case_id)
    drafted = () if basis is None else basis.draft.report.sentences
    known = {(s.id, s.zh, s.en): s for s in (*drafted, *before.sentences)}

    def claim(sentence: Sentence) -> Sentence:
        same = known.get((sentence.id, sentence.zh, sentence.en))
        if same is not None:
            return replace(sentence, origin=same.origin, evidence=same.evidence)
        # Support was measured for other words.
        unmeasured = tuple(Evidence(item.image_id, None) for item in sentence.evidence)
        return replace(sentence, origin=Origin.PERSON, evidence=unmeasured, kept=False)

    return replace(
        report,
        findings=tuple(claim(sentence) for sentence in report.findings),
        impression=tuple(claim(sentence) for sentence in report.impression),
    )


def _changes(session: Session, now: WorkingReport, base: int) -> tuple[Change, ...]:
    """From revision `base` to now, each change with the last editor of its sentence."""
    rows = session.scalars(
        select(RevisionRow)
        .where(RevisionRow.case_id == now.case_id, RevisionRow.revision >= base)
        .order_by(RevisionRow.revision)
    ).all()
    reports = [codec.stored_report(row.content) for row in rows]
    editors: dict[str, str | None] = {}
    for row, before, after in zip(rows[1:], reports, reports[1:], strict=False):
        editors.update({change.sentence_id: row.editor for change in diff(before, after)})
    return tuple(
        replace(change, editor=editors.get(change.sentence_id))
        for change in diff(reports[0], now.report)
    )
