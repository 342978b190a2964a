"""Drafts that adapters made beside the seen ones; no reader sees them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from radraft.reports import codec
from radraft.reports.draft import Draft
from radraft.reports.values import Coverage
from radraft.store.tables import CaseRow, DraftRow, ShadowDraftRow


def add(session: Session, draft: Draft) -> None:
    """Keep a draft that an adapter made out of sight. ValueError for one that names none."""
    if draft.adapter_id is None:
        raise ValueError("a shadow draft needs its adapter")
    session.add(
        ShadowDraftRow(
            case_id=draft.case_id,
            adapter_id=draft.adapter_id,
            content=codec.draft_to_json(draft),
            created_at=datetime.now(UTC),
        )
    )
    session.flush()


def of_case(session: Session, case_id: str) -> tuple[Draft, ...]:
    """The case's shadow drafts, oldest first."""
    return _drafts(session, ShadowDraftRow.case_id == case_id)


def of_adapter(session: Session, adapter_id: str) -> tuple[Draft, ...]:
    """All that the adapter drafted out of sight, oldest first."""
    return _drafts(session, ShadowDraftRow.adapter_id == adapter_id)


def of_site(session: Session, site: str) -> tuple[Draft, ...]:
    """All that was drafted out of sight of the site's cases, oldest first."""
    of_it = select(CaseRow.case_id).where(CaseRow.site == site)
    return _drafts(session, ShadowDraftRow.case_id.in_(of_it))


def undrafted(
    session: Session, site: str, adapter_ids: Iterable[str], *, since: datetime, limit: int
) -> tuple[str, ...]:
    """Cases of `site` drafted in sight since `since` of which none of the adapters has a shadow
    draft, oldest first."""
    beside = exists().where(
        ShadowDraftRow.case_id == CaseRow.case_id,
        ShadowDraftRow.adapter_id.in_(tuple(adapter_ids)),
    )
    return tuple(
        session.scalars(
            select(CaseRow.case_id)
            .join(DraftRow, DraftRow.case_id == CaseRow.case_id)
            .where(
                CaseRow.site == site,
                DraftRow.coverage == Coverage.DRAFTED.value,
                DraftRow.created_at >= since,
                ~beside,
            )
            .group_by(CaseRow.case_id)
            .order_by(func.min(DraftRow.draft_id))
            .limit(limit)
        )
    )


def _drafts(session: Session, which: ColumnElement[bool]) -> tuple[Draft, ...]:
    rows = session.scalars(
        select(ShadowDraftRow.content).where(which).order_by(ShadowDraftRow.shadow_id)
    )
    return tuple(map(codec.draft_from_json, rows))
