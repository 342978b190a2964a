"""Signing: the working report becomes an immutable version under a canonical hash."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.core.errors import ReportError
from radraft.prompts.build import gave_priors
from radraft.reports import codec
from radraft.reports.check import Severity, check
from radraft.reports.editing import checked_name, locked, require_revision
from radraft.reports.lifecycle import Move, transition
from radraft.reports.values import Coverage, ReportState, SignedReport
from radraft.store import drafts
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

    ReportError with the code of the first blocking issue (`reports.check`), `report_is_signed` or
    `author_invalid`; RevisionConflict when somebody saved in between; ValueError for a naive `now`.
    """
    if now.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    author = checked_name(author)
    reviewer = None if reviewer is None else checked_name(reviewer)
    row, current = locked(session, case_id)
    # Whoever signs what nobody edited has reviewed it all the same.
    state = transition(transition(ReportState(row.state), Move.REVIEW), Move.SIGN)
    require_revision(session, current, base_revision)
    draft = drafts.basis(session, case_id)
    basis = draft.draft if draft is not None else None
    told = draft is not None and gave_priors(draft.request_json)
    for issue in check(current.report, basis, prior_given=told):
        if issue.severity is Severity.BLOCK:
            raise ReportError(issue.code)
    before = versions(session, case_id)
    drafted = draft is not None and draft.draft.coverage is Coverage.DRAFTED
    signed = sealed(
        SignedReport(
            case_id=case_id,
            version=len(before) + 1,
            report=current.report,
            draft_sha=draft.draft.request_sha if draft is not None and drafted else None,
            author=author,
            reviewer=reviewer,
            signed_at=now.astimezone(UTC),
            supersedes=before[-1].content_sha if before else None,
            content_sha="",
        )
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
    """All signed versions, first to newest; empty while nothing is signed."""
    rows = session.scalars(
        select(SignedRow.content).where(SignedRow.case_id == case_id).order_by(SignedRow.version)
    )
    return tuple(codec.signed_from_json(content) for content in rows)


def verify(signed: SignedReport) -> bool:
    """Whether the content is what was signed: recomputes `content_sha`."""
    return sealed(signed).content_sha == signed.content_sha


def sealed(signed: SignedReport) -> SignedReport:
    """`signed` with the `content_sha` of its other fields."""
    fields = canonical.plain(signed)
    del fields["content_sha"]
    return replace(signed, content_sha=canonical.sha256(fields))
