"""Filling the worklist: with studies that were taken in by an earlier version, or all of them anew.

A thousand at a time, each time in a transaction of its own that also notes how far it came. So it
may be broken off and goes on at the next opening, several processes may do it at once, and
whoever reads and writes meanwhile waits for a thousand studies at most.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from radraft.store import worklist_entries, worklist_triggers
from radraft.store.sql import insert_new
from radraft.store.tables import CaseRow, StudyIdentityRow, WorklistFillingRow

if TYPE_CHECKING:
    from radraft.store.database import Store

log = logging.getLogger("radraft.store.worklist_filling")

AT_ONCE = 1000
_THE_ROW = 1


@dataclass(frozen=True)
class Filling:
    """How far it came."""

    studies: int
    """Listed so far."""
    total: int
    changed: int
    """Of those that this process listed: how many the list did not have, or had otherwise."""


@dataclass(frozen=True)
class _Part:
    """What is next."""

    after: str
    case_ids: tuple[str, ...]
    held: tuple[str, ...]
    """Those of them that other transactions hold at this moment."""
    changed: int


def left(session: Session) -> bool:
    """Return whether studies are left to be listed."""
    row = session.get(WorklistFillingRow, _THE_ROW)
    return row is None or row.after is not None


def begin_anew(session: Session) -> tuple[str, ...]:
    """Make the triggers that are missing, and have every study listed anew; the triggers' names."""
    made = worklist_triggers.reinstate(session.connection())
    row = _row(session)
    row.after, row.studies = "", 0
    return made


def fill(store: Store) -> Iterator[Filling]:
    """List what is left, and yield after each thousand how far it came; nothing where none is."""
    with store.read() as session:
        if not left(session):
            return
        total = session.scalar(select(func.count()).select_from(StudyIdentityRow)) or 0
    changed = 0
    while True:
        with store.begin() as session:
            part = _list_next(session)
        if part is None:
            break
        changed += part.changed
        for case_id in part.held:
            # One at a time, as everybody holds them: nobody waits for somebody who waits for us.
            with store.begin() as session:
                changed += worklist_entries.list_anew(session, _held(session, (case_id,)))
        with store.begin() as session:
            done = _note(session, part)
        yield Filling(done, max(done, total), changed)
        # After it was told: whoever shows it sees to it that there is a log.
        log.info("worklist_filling: %d of %d studies", done, total)
    log.info("worklist_filling: done, %d studies were not listed, or otherwise", changed)


def _list_next(session: Session) -> _Part | None:
    """List the next studies, but those that others hold; None where none is left."""
    row = _row(session)
    if row.after is None:
        return None
    ids = session.scalars(
        select(StudyIdentityRow.case_id)
        .where(StudyIdentityRow.case_id > row.after)
        .order_by(StudyIdentityRow.case_id)
        .limit(AT_ONCE)
    ).all()
    if not ids:
        row.after = None
        return None
    free = _held(session, ids, skip=True)
    changed = worklist_entries.list_anew(session, free)
    held = tuple(case_id for case_id in ids if case_id not in set(free))
    return _Part(row.after, tuple(ids), held, changed)


def _held(session: Session, case_ids: Sequence[str], *, skip: bool = False) -> tuple[str, ...]:
    """Hold cases until the transaction ends, and return them: as they stand now they are listed,
    and what changes them afterwards its triggers carry over."""
    found = session.scalars(
        select(CaseRow.case_id)
        .where(CaseRow.case_id.in_(case_ids))
        .order_by(CaseRow.case_id)
        .with_for_update(skip_locked=skip)
    )
    return tuple(found)


def _note(session: Session, part: _Part) -> int:
    """Note that all up to the last of a part are listed, unless another process did; how many."""
    session.execute(
        update(WorklistFillingRow)
        .where(WorklistFillingRow.id == _THE_ROW, WorklistFillingRow.after == part.after)
        .values(after=part.case_ids[-1], studies=WorklistFillingRow.studies + len(part.case_ids))
        .execution_options(synchronize_session=False)
    )
    return session.get_one(WorklistFillingRow, _THE_ROW, populate_existing=True).studies


def _row(session: Session) -> WorklistFillingRow:
    """The row, held until the transaction ends; where it is gone, nothing is known to be listed."""
    insert_new(session, WorklistFillingRow, id=_THE_ROW, after="", studies=0)
    return session.get_one(WorklistFillingRow, _THE_ROW, with_for_update=True)
