"""Steps that people take with a report besides saving and signing it: each once, by one person."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from radraft.reports import lifecycle
from radraft.reports.assertion import confirmed_languages, in_languages
from radraft.reports.editing import WorkingReport, require_addendum
from radraft.reports.lifecycle import Move, ReportStep, checked_remark
from radraft.reports.people import Person, known_person
from radraft.reports.roles import Permission
from radraft.reports.values import LANGS, Amendment, AmendmentKind, ReportState
from radraft.store import faults, reports, signatures, worklist_entries
from radraft.store.tables import ReportStepRow

AMENDER = frozenset({Permission.WRITE, Permission.AMEND})
"""What whoever amends may do at least."""


def take(
    session: Session,
    case_id: str,
    move: Move,
    *,
    by: Person,
    permissions: frozenset[Permission],
    now: datetime,
    base_step: int | None = None,
    base_revision: int | None = None,
    remark: str = "",
) -> WorkingReport:
    """Take a step that changes no text: submit, withdraw, return, take over.

    `base_step`, `base_revision`: what the person saw; None: not asked. Of two who take a step at
    once one does. ReportError `step_taken_meanwhile`, `addendum_changes_text` of what is submitted,
    and as `lifecycle.moved` and `lifecycle.checked_remark`; RevisionConflict where somebody saved
    in between; NotFound `case_not_found`.
    """
    remark = checked_remark(move, remark)
    row, working = reports.locked(session, case_id)
    reports.require_step(working, base_step)
    after = lifecycle.moved(
        working.state, move, by=by, author=working.author, permissions=permissions
    )
    if base_revision is not None:
        reports.require_revision(session, working, base_revision)
    if move is Move.SUBMIT and working.base_version:
        signed = signatures.versions(session, case_id)[-1]
        shown = confirmed_languages(signed) or frozenset(LANGS)
        was, is_now = (in_languages(each.report, shown) for each in (signed, working))
        require_addendum(working.amendment, was, is_now)
    return reports.take_step(
        session, row, working, move, by=by, after=after, now=now, remark=remark
    )


def amend(
    session: Session,
    case_id: str,
    *,
    editor: Person,
    reason: str,
    kind: AmendmentKind = AmendmentKind.AMENDMENT,
    permissions: frozenset[Permission] = AMENDER,
    base_step: int | None = None,
    now: datetime,
) -> WorkingReport:
    """Reopen a signed report as the working copy of its next version; the signed one stays.

    ReportError `report_not_signed`, `remark_needed`, and as `take`.
    """
    reason = checked_remark(Move.AMEND, reason)
    row, working = reports.locked(session, case_id)
    reports.require_step(working, base_step)
    after = lifecycle.moved(
        working.state, Move.AMEND, by=editor, author=working.author, permissions=permissions
    )
    row.editor, row.editor_account, row.saved_at = editor.name, editor.id, now
    return reports.take_step(
        session,
        row,
        working,
        Move.AMEND,
        by=editor,
        after=after,
        now=now,
        remark=reason,
        amendment=Amendment(kind, reason),
    )


def cancel(
    session: Session,
    case_id: str,
    *,
    by: Person,
    permissions: frozenset[Permission] = AMENDER,
    base_step: int | None = None,
    base_revision: int | None = None,
    now: datetime,
) -> WorkingReport:
    """Give an amendment up: the report is what was signed again. What was written stays among its
    revisions.

    ReportError `report_not_amended`, `signature_broken` where the signed version does not hold, and
    as `take`.
    """
    row, working = reports.locked(session, case_id)
    reports.require_step(working, base_step)
    after = lifecycle.moved(
        working.state, Move.CANCEL, by=by, author=working.author, permissions=permissions
    )
    if base_revision is not None:
        reports.require_revision(session, working, base_revision)
    signed = signatures.versions(session, case_id)[-1]
    if not signatures.is_of(signed, working.report):
        reports.revise(session, row, signed.report, by)
    cancelled = reports.take_step(session, row, working, Move.CANCEL, by=by, after=after, now=now)
    worklist_entries.sign(session, case_id, signed.author, signed.reviewer)
    return cancelled


def of_case(session: Session, case_id: str) -> tuple[ReportStep, ...]:
    """Return the steps that were taken with a report, first to newest."""
    rows = session.scalars(
        select(ReportStepRow).where(ReportStepRow.case_id == case_id).order_by(ReportStepRow.number)
    )
    with faults.decoding("report_steps", case_id):
        return tuple(
            ReportStep(
                number=row.number,
                move=Move(row.move),
                before=ReportState(row.before),
                after=ReportState(row.after),
                by=known_person(row.by, row.by_account),
                at=row.at,
                revision=row.revision,
                remark=row.remark,
            )
            for row in rows
        )
