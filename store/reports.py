"""Working reports: every save is a revision, and no save overwrites another unseen."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from radraft.core.errors import NotFound, ReportError
from radraft.reports import codec, editing
from radraft.reports.editing import Revision, WorkingReport
from radraft.reports.lifecycle import Move, transition
from radraft.reports.people import Person, known_person
from radraft.reports.values import Report, ReportState
from radraft.store import drafts, faults
from radraft.store.tables import CaseRow, ReportRow, RevisionRow


def current(session: Session, case_id: str) -> WorkingReport:
    """Return the working report. NotFound `case_not_found`, or `case_not_drafted` while there is
    none."""
    return _working(session, _row(session, case_id, lock=False))


def save(
    session: Session, case_id: str, report: Report, *, base_revision: int, editor: Person
) -> WorkingReport:
    """Keep `report`, which was edited from revision `base_revision`, as the next revision.

    Content equal to the current revision's changes nothing and is never a conflict, so a client
    that did not hear the answer may send again. What each sentence may claim: `editing.edited`.
    RevisionConflict; ReportError `report_is_signed`, and those of `editing.edited`.
    """
    row = _row(session, case_id, lock=True)
    state = transition(ReportState(row.state), Move.REVIEW)
    before = _working(session, row)
    basis = drafts.basis(session, case_id)
    drafted = () if basis is None else basis.draft.report.sentences
    after = editing.edited(before, report, drafted=drafted)
    if after == before.report:
        return before
    require_revision(session, before, base_revision)
    row.revision += 1
    row.state = state.value
    _edited_by(row, editor)
    row.saved_at = datetime.now(UTC)
    session.add(
        RevisionRow(
            case_id=case_id,
            revision=row.revision,
            content=codec.report_to_json(after),
            editor=editor.name,
            editor_account=editor.id,
            saved_at=row.saved_at,
        )
    )
    session.flush()
    return _working(session, row)


def amend(session: Session, case_id: str, *, editor: Person) -> WorkingReport:
    """Reopen a signed report as the working copy of its next version; the signed one stays.

    ReportError `report_not_signed`.
    """
    row = _row(session, case_id, lock=True)
    row.state = transition(ReportState(row.state), Move.AMEND).value
    _edited_by(row, editor)
    row.saved_at = datetime.now(UTC)
    session.flush()
    return _working(session, row)


def locked(session: Session, case_id: str) -> tuple[ReportRow, WorkingReport]:
    """Return the working report, held until the transaction ends: for signing."""
    row = _row(session, case_id, lock=True)
    return row, _working(session, row)


def require_revision(session: Session, now: WorkingReport, base_revision: int) -> None:
    """Raise RevisionConflict unless `base_revision` is current; `revision_unknown` if it never
    was."""
    if base_revision == now.revision:
        return
    if not 1 <= base_revision < now.revision:
        raise ReportError("revision_unknown", revision=base_revision)
    raise editing.conflict(now, base_revision, _revisions(session, now.case_id, base_revision))


def _row(session: Session, case_id: str, *, lock: bool) -> ReportRow:
    row = session.get(ReportRow, case_id, with_for_update=lock, populate_existing=lock)
    if row is not None:
        return row
    if session.get(CaseRow, case_id) is None:
        raise NotFound("case_not_found", case_id=case_id)
    raise NotFound("case_not_drafted")


def _working(session: Session, row: ReportRow) -> WorkingReport:
    with faults.decoding("report_revisions", row.case_id):
        revision = session.get_one(RevisionRow, (row.case_id, row.revision))
        return WorkingReport(
            case_id=row.case_id,
            report=codec.stored_report(revision.content),
            revision=row.revision,
            state=ReportState(row.state),
            editor=_editor(row),
            saved_at=row.saved_at,
            base_version=row.base_version,
        )


def _revisions(session: Session, case_id: str, first: int) -> tuple[Revision, ...]:
    rows = session.scalars(
        select(RevisionRow)
        .where(RevisionRow.case_id == case_id, RevisionRow.revision >= first)
        .order_by(RevisionRow.revision)
    )
    with faults.decoding("report_revisions", case_id):
        return tuple(Revision(codec.stored_report(row.content), _editor(row)) for row in rows)


def _edited_by(row: ReportRow, editor: Person) -> None:
    row.editor, row.editor_account = editor.name, editor.id


def _editor(row: ReportRow | RevisionRow) -> Person | None:
    return None if row.editor is None else known_person(row.editor, row.editor_account)
