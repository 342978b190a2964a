"""What people think of answers of the conversation: kept to measure answers by, never changed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from radraft.core.errors import NotFound, ReportError
from radraft.reports.characters import require_visible
from radraft.reports.people import Person, known_person
from radraft.store import faults
from radraft.store.sql import chunks
from radraft.store.tables import TurnMarkRow, TurnRow

MOST_CORRECTION = 1000
"""Characters."""


class TurnVerdict(StrEnum):
    """What somebody thinks of an answer."""

    UP = "up"
    DOWN = "down"
    NONE = "none"
    """He took back what he had said."""


@dataclass(frozen=True)
class TurnMark:
    """What somebody said last of one answer."""

    turn_id: int
    verdict: TurnVerdict
    correction: str = field(repr=False)
    """What he would have answered; empty where he says nothing."""
    by: Person
    at: datetime


def add(
    session: Session,
    case_id: str,
    turn_id: int,
    verdict: TurnVerdict,
    *,
    correction: str = "",
    by: Person,
    now: datetime,
) -> TurnMark:
    """Keep what somebody thinks of an answer. NotFound `turn_not_found` where it is not of this
    case; ReportError `inquiry_too_long`, `character_refused`."""
    turn = session.get(TurnRow, turn_id)
    if turn is None or turn.case_id != case_id:
        raise NotFound("turn_not_found")
    correction = correction.strip()
    if len(correction) > MOST_CORRECTION:
        raise ReportError("inquiry_too_long", most=MOST_CORRECTION, length=len(correction))
    require_visible(correction, "correction")
    row = TurnMarkRow(
        turn_id=turn_id,
        verdict=verdict.value,
        correction=correction,
        by=by.name,
        by_account=by.id,
        at=now,
    )
    session.add(row)
    session.flush()
    return _mark(row)


def marked(session: Session) -> tuple[int, ...]:
    """Return the ids of all answers that anybody ever said something of."""
    return tuple(session.scalars(select(TurnMarkRow.turn_id).distinct()))


def of_turns(session: Session, turn_ids: Collection[int]) -> dict[int, tuple[TurnMark, ...]]:
    """Return what each person said last of each of these answers; what was taken back is left
    out."""
    last: dict[tuple[int, str], TurnMark] = {}
    for some in chunks(turn_ids):
        rows = session.scalars(
            select(TurnMarkRow).where(TurnMarkRow.turn_id.in_(some)).order_by(TurnMarkRow.mark_id)
        )
        for row in rows:
            mark = _mark(row)
            last[mark.turn_id, mark.by.id or mark.by.name] = mark
    found: dict[int, tuple[TurnMark, ...]] = {}
    for mark in last.values():
        if mark.verdict is not TurnVerdict.NONE:
            found[mark.turn_id] = (*found.get(mark.turn_id, ()), mark)
    return found


def _mark(row: TurnMarkRow) -> TurnMark:
    with faults.decoding("turn_marks", str(row.mark_id)):
        return TurnMark(
            turn_id=row.turn_id,
            verdict=TurnVerdict(row.verdict),
            correction=row.correction,
            by=known_person(row.by, row.by_account),
            at=row.at,
        )
