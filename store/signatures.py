"""Signed versions: written once, never changed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from radraft.prompts.build import gave_priors
from radraft.reports import codec
from radraft.reports.lifecycle import Move, transition
from radraft.reports.sign import signed_version, utc
from radraft.reports.values import ReportState, SignedReport
from radraft.store import drafts
from radraft.store.reports import UNBEGUN, locked, require_revision
from radraft.store.tables import SignedRow


def sign(
    session: Session,
    case_id: str,
    *,
    base_revision: int,
    author: str,
    reviewer: str | None = None,
    now: datetime,
) -> SignedReport:
    """Sign the report as it stands at `base_revision`, in the caller's transaction.

    As `reports.sign.signed_version`; also ReportError `report_is_signed` and RevisionConflict when
    somebody saved in between.
    """
    now = utc(now)
    row, current = locked(session, case_id)
    # Whoever signs what nobody edited has reviewed it all the same.
    state = transition(transition(ReportState(row.state), Move.REVIEW), Move.SIGN)
    untouched = current.editor is None and not current.report.sentences
    if not (base_revision == UNBEGUN and untouched):
        require_revision(session, current, base_revision)
    basis = drafts.basis(session, case_id)
    before = versions(session, case_id)
    signed = signed_version(
        current,
        before=before[-1] if before else None,
        draft=None if basis is None else basis.draft,
        prior_given=basis is not None and gave_priors(basis.request_json),
        author=author,
        reviewer=reviewer,
        now=now,
    )
    session.add(
        SignedRow(
            case_id=case_id,
            version=signed.version,
            content=codec.signed_to_json(signed),
            content_sha=signed.content_sha,
            signed_at=signed.signed_at,
        )
    )
    row.state = state.value
    row.base_version = signed.version
    session.flush()
    return signed


def versions(session: Session, case_id: str) -> tuple[SignedReport, ...]:
    """Return all signed versions, first to newest; empty while nothing is signed."""
    return tuple(map(codec.signed_from_json, contents(session, case_id)))


def contents(session: Session, case_id: str) -> tuple[str, ...]:
    """Return all signed versions as they are stored, for `reports.sign.verify`."""
    rows = session.scalars(
        select(SignedRow.content).where(SignedRow.case_id == case_id).order_by(SignedRow.version)
    )
    return tuple(rows)


def newest_versions(session: Session) -> dict[str, int]:
    """Return the number of the newest signed version of each signed case."""
    rows = session.execute(
        select(SignedRow.case_id, func.max(SignedRow.version)).group_by(SignedRow.case_id)
    )
    return {row[0]: row[1] for row in rows}
