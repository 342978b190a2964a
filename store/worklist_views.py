"""What people want of the list again: views under names of their own, and what its lines show."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.core.errors import NotFound, ReportError
from radraft.store import faults
from radraft.store.sql import insert_new, storable
from radraft.store.tables import WorklistColumnsRow, WorklistViewRow
from radraft.store.values import PRESET_COLUMNS, Column, Stage, WorklistFilter

MOST = 30
"""Views of one person."""
LONGEST = 64


@dataclass(frozen=True)
class WorklistView:
    """A filter under a name."""

    view_id: int
    name: str
    wanted: WorklistFilter


def of_account(session: Session, account_id: str) -> tuple[WorklistView, ...]:
    """Return somebody's views by name."""
    rows = session.scalars(
        select(WorklistViewRow)
        .where(WorklistViewRow.account_id == account_id)
        .order_by(WorklistViewRow.name)
    )
    return tuple(map(_view, rows))


def save(
    session: Session, account_id: str, name: str, wanted: WorklistFilter, now: datetime
) -> WorklistView:
    """Keep a view, in place of one of that name. What was searched for is not kept: it names a
    patient. ReportError `view_name_invalid`, `views_full`."""
    name = " ".join(storable(name).split())
    if not 0 < len(name) <= LONGEST or not name.isprintable():
        raise ReportError("view_name_invalid")
    text = canonical.dumps(replace(wanted, search=""))
    held = of_account(session, account_id)
    if len(held) >= MOST and name not in {view.name for view in held}:
        raise ReportError("views_full", most=MOST)
    key = {"account_id": account_id, "name": name}
    insert_new(session, WorklistViewRow, **key, wanted=text, saved_at=now)
    row = session.scalars(
        update(WorklistViewRow)
        .where(WorklistViewRow.account_id == account_id, WorklistViewRow.name == name)
        .values(wanted=text, saved_at=now)
        .returning(WorklistViewRow)
    ).one()
    return _view(row)


def remove(session: Session, account_id: str, view_id: int) -> None:
    """Forget one of somebody's own views. NotFound `view_not_found`."""
    gone = session.execute(
        delete(WorklistViewRow)
        .where(WorklistViewRow.account_id == account_id, WorklistViewRow.view_id == view_id)
        .returning(WorklistViewRow.view_id)
        .execution_options(synchronize_session=False)
    )
    if gone.first() is None:
        raise NotFound("view_not_found")


def columns(session: Session, account_id: str) -> tuple[Column, ...]:
    """Return what somebody wants shown of each study."""
    row = session.get(WorklistColumnsRow, account_id)
    if row is None:
        return PRESET_COLUMNS
    # What a later version knew, and this one does not, is left out.
    return tuple(column for column in Column if column in row.columns)


def choose_columns(
    session: Session, account_id: str, chosen: Collection[Column]
) -> tuple[Column, ...]:
    """Keep what somebody wants shown of each study, and return it in the order of `Column`."""
    kept = tuple(column for column in Column if column in chosen)
    names = tuple(column.value for column in kept)
    insert_new(session, WorklistColumnsRow, account_id=account_id, columns=names)
    session.get_one(WorklistColumnsRow, account_id, with_for_update=True).columns = names
    return kept


def _view(row: WorklistViewRow) -> WorklistView:
    with faults.decoding("worklist_views", str(row.view_id)):
        kept = json.loads(row.wanted)
        days = {name: kept[name] and date.fromisoformat(kept[name]) for name in ("since", "until")}
        wanted = WorklistFilter(**kept | days | {"stage": Stage(kept["stage"])})
        return WorklistView(row.view_id, row.name, wanted)
