"""What is kept of a draft, and why some cases get none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from radraft.prompts.build import request_json
from radraft.store import drafts, quality
from radraft.studies.quality.values import Verdict

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.llm.profiles import Profile
    from radraft.prompts.values import DraftRequest
    from radraft.reports.draft import Draft
    from radraft.store.leases import Owner
    from radraft.studies.values import DeidStudy

WITHHELD = {Verdict.POOR: "quality_poor", Verdict.REFUSE: "quality_refused"}
"""Verdicts that nothing is drafted from, and the message code that says so."""


@dataclass(frozen=True)
class Barred:
    """No model may draft the case."""

    why: str
    """Message code."""


def barred(session: Session, profile: Profile, case: DeidStudy) -> Barred | None:
    """Why no model may draft this case; None where one may."""
    if not profile.covers(case.modality, case.body_part, case.view):
        return Barred("study_not_covered")
    verdict = quality.verdict(session, case.case_id)
    return Barred(WITHHELD[verdict]) if verdict in WITHHELD else None


def save(
    session: Session,
    result: Draft,
    request: DraftRequest | None = None,
    *,
    owner: Owner | None = None,
) -> None:
    """Store a draft together with what was asked, so that a signature can make a training pair.

    `owner` holds the case's lease; LeaseLost where it does not (any more).
    """
    tokens = request.image_tokens if request is not None else None
    drafts.save_draft(
        session,
        result,
        request_json=request_json(request) if request is not None else None,
        encoder_id=tokens.encoder_id if tokens is not None else None,
        image_ids=request.image_ids if request is not None else (),
        owner=owner,
    )
