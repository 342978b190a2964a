"""When a reader opened a study in the page."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from radraft.reports.people import Person
from radraft.store.cases import get_case
from radraft.store.tables import OpeningRow


def add(session: Session, case_id: str, reader: Person, now: datetime) -> None:
    """Note that `reader` opened the study at `now`. NotFound `case_not_found`."""
    get_case(session, case_id)
    session.add(
        OpeningRow(case_id=case_id, reader=reader.name, reader_account=reader.id, opened_at=now)
    )
    session.flush()


def last(session: Session, case_id: str, reader: Person, before: datetime) -> datetime | None:
    """When `reader` last opened the study, at or before `before`; None where never."""
    return session.scalar(
        select(func.max(OpeningRow.opened_at)).where(
            OpeningRow.case_id == case_id,
            OpeningRow.reader == reader.name,
            OpeningRow.reader_account == reader.id,
            OpeningRow.opened_at <= before,
        )
    )
