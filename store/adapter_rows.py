"""Adapters and their moves as rows of the database."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from radraft.core.errors import AdapterError
from radraft.llm.adapter import Adapter, AdapterState
from radraft.reports import codec
from radraft.store import faults
from radraft.store.tables import AdapterMoveRow, AdapterRow


def lock(session: Session, site: str) -> None:
    """Wait for other moves at `site`, and see what they did; SQLite has one writer anyhow."""
    session.scalars(
        select(AdapterRow)
        .where(AdapterRow.site == site)
        .order_by(AdapterRow.adapter_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def row_of(session: Session, adapter_id: str) -> AdapterRow:
    """The adapter's row. AdapterError `adapter_unknown`."""
    row = session.get(AdapterRow, adapter_id)
    if row is None:
        raise AdapterError("adapter_unknown")
    return row


def note(
    session: Session,
    adapter_id: str,
    site: str,
    state: AdapterState | None,
    after: AdapterState,
    by: str,
    reason: str,
) -> None:
    """Keep one change of state; `state` is None for a new adapter."""
    session.add(
        AdapterMoveRow(
            adapter_id=adapter_id,
            site=site,
            before=None if state is None else state.value,
            after=after.value,
            by=by,
            reason=reason,
            moved_at=datetime.now(UTC),
        )
    )
    session.flush()


def adapter_of(row: AdapterRow) -> Adapter:
    """The row's adapter."""
    with faults.decoding("adapters", row.adapter_id):
        return Adapter(
            adapter_id=row.adapter_id,
            site=row.site,
            base=row.base,
            files=codec.stored(dict[str, str], row.files),
            rank=row.rank,
            parent=row.parent,
            data_sha=row.data_sha,
            card=codec.stored(dict, row.card),
            made_at=row.made_at,
            state=AdapterState(row.state),
            canary=row.canary,
        )
