"""Studies by the numbers that people have of them: exactly, each by an index."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from radraft.store.tables import KeyImageRow, WorklistEntryRow

ENTRIES = WorklistEntryRow.__table__.c


@dataclass(frozen=True)
class NumberedStudy:
    """A study that a number names, as the list has it."""

    case_id: str
    site: str
    reading_site: str
    phase: str
    once_signed: bool
    modality: str
    body_part: str
    study_date: date | None


def of_accession(session: Session, accession: str, most: int) -> tuple[NumberedStudy, ...]:
    """Return the newest `most` studies of exactly this accession number, folded as `number_key`
    folds; none for an empty one."""
    return _numbered(session, ENTRIES.accession == accession, most) if accession else ()


def of_case(session: Session, case_id: str) -> tuple[NumberedStudy, ...]:
    """Return the study of a case, or none."""
    return _numbered(session, ENTRIES.case_id == case_id, 1)


def _numbered(session: Session, which: ColumnElement[bool], most: int) -> tuple[NumberedStudy, ...]:
    columns = (
        ENTRIES.case_id,
        ENTRIES.site,
        ENTRIES.reading_site,
        ENTRIES.phase,
        ENTRIES.once_signed,
        ENTRIES.modality,
        ENTRIES.body_part,
        ENTRIES.study_date,
    )
    newest = (ENTRIES.received_at.desc(), ENTRIES.case_id.desc())
    rows = session.execute(select(*columns).where(which).order_by(*newest).limit(most))
    return tuple(NumberedStudy(*row) for row in rows)


def image_is_of(
    session: Session, image_id: str, accession: str, sites: frozenset[str] | None
) -> bool:
    """Return whether a key image is of a study of this accession number, folded, at `sites`, None
    for any."""
    wanted = (
        select(ENTRIES.case_id)
        .join(KeyImageRow, KeyImageRow.case_id == ENTRIES.case_id)
        .where(
            KeyImageRow.image_id == image_id,
            ENTRIES.accession == accession,
            true() if sites is None else ENTRIES.site.in_(sites),
        )
        .limit(1)
    )
    return session.scalar(wanted) is not None


def is_of(session: Session, case_id: str, accession: str) -> bool:
    """Return whether a case has this accession number, folded."""
    wanted = select(ENTRIES.case_id).where(
        ENTRIES.case_id == case_id, ENTRIES.accession == accession
    )
    return session.scalar(wanted) is not None
