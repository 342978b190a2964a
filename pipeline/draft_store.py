"""Stores a draft with what was asked for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.pipeline.alerts import mark_draft
from radraft.pipeline.report_templates import begun_draft
from radraft.prompts.build import request_json
from radraft.reports.critical import CriticalRules, preset
from radraft.reports.values import Coverage
from radraft.store import drafts

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.prompts.values import DraftRequest
    from radraft.reports.draft import Draft
    from radraft.store.leases import Owner


def store_draft(
    session: Session,
    result: Draft,
    request: DraftRequest | None = None,
    *,
    owner: Owner | None = None,
    critical_rules: CriticalRules | None = None,
) -> None:
    """Store a draft together with what was asked, so that a signature can make a training pair,
    and mark its case where it states a critical finding by `critical_rules`, or by the preset. Its
    report begins as the draft, or as its site begins reports (`report_templates`).

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
        begin_as=begun_draft(session, result, datetime.now(UTC)),
    )
    if result.coverage is Coverage.DRAFTED:
        mark_draft(session, result.case_id, result.report, critical_rules or preset())
