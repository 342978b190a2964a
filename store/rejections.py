"""Why readers took drafted sentences out of reports."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from radraft.reports.people import Person, known_person
from radraft.reports.rejection import Rejection, RejectReason
from radraft.store import faults
from radraft.store.tables import RejectionRow


def add(
    session: Session,
    case_id: str,
    sentence_id: str,
    reason: RejectReason,
    *,
    by: Person,
    now: datetime,
) -> None:
    """Keep why somebody took a drafted sentence of the case out; the caller holds the case."""
    session.add(
        RejectionRow(
            case_id=case_id,
            sentence_id=sentence_id,
            reason=reason.value,
            by=by.name,
            by_account=by.id,
            at=now,
        )
    )


def of_case(session: Session, case_id: str) -> tuple[Rejection, ...]:
    """Return every rejection of a case's sentences, first to newest."""
    wanted = (
        select(RejectionRow)
        .where(RejectionRow.case_id == case_id)
        .order_by(RejectionRow.rejection_id)
    )
    with faults.decoding("rejections", case_id):
        return tuple(
            Rejection(
                sentence_id=row.sentence_id,
                reason=RejectReason(row.reason),
                by=known_person(row.by, row.by_account),
                at=row.at,
            )
            for row in session.scalars(wanted)
        )
