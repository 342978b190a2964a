"""What the worklist lists and finds studies by: kept with each study that is taken in.

What changes afterwards triggers carry over, whoever writes: see `worklist_triggers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    String,
    Text,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    null,
    select,
    type_coerce,
    update,
)
from sqlalchemy.orm import Session, aliased

from radraft.core.errors import ReportError
from radraft.reports import codec
from radraft.reports.people import Person
from radraft.reports.values import ReportState
from radraft.store.sql import insert_all_new, storable
from radraft.store.tables import (
    CaseQualityRow,
    CaseRow,
    NameKeyRow,
    PatientRow,
    ReadingAssignmentRow,
    ReportRow,
    SignedRow,
    StudyIdentityRow,
    WorklistEntryRow,
)
from radraft.store.values import LAST, RANKS, CaseState
from radraft.studies import name_search
from radraft.studies.values import Study

LONGEST_NAME = 200
"""Characters of a name that are kept to find it by: an index takes no longer ones."""
LONGEST_CODE = 64


def add(session: Session, case_id: str, study: Study) -> None:
    """List a study that is being taken in, or is described anew, after its identity was kept."""
    session.execute(delete(WorklistEntryRow).where(WorklistEntryRow.case_id == case_id))
    day = None if study.study_time is None else study.study_time.date()
    _insert(
        session,
        StudyIdentityRow.case_id == case_id,
        number=name_search.number_key(storable(study.patient.patient_id)),
        accession=name_search.number_key(storable(study.accession)),
        study_date=day,
    )
    add_name(session, storable(study.patient.name)[:LONGEST_NAME])


def add_name(session: Session, name: str) -> None:
    """Keep by what a name is found, unless it is known already."""
    if session.scalar(select(NameKeyRow.key).where(NameKeyRow.name == name).limit(1)) is None:
        keys = name_search.name_keys(name)
        if keys:
            rows = [{"name": name, "key": key} for key in sorted(keys)]
            insert_all_new(session, NameKeyRow, rows)


def sign(session: Session, case_id: str, author: Person, reviewer: Person | None) -> None:
    """Note who wrote and who reviewed the signed version that the report is now."""
    session.execute(
        update(WorklistEntryRow)
        .where(WorklistEntryRow.case_id == case_id)
        .values(
            author=author.name,
            author_account=author.id,
            reviewer=None if reviewer is None else reviewer.name,
            reviewer_account=None if reviewer is None else reviewer.id,
        )
        .execution_options(synchronize_session=False)
    )


def list_anew(session: Session, case_ids: Sequence[str]) -> int:
    """List studies, whose cases are held, as they stand; how many were not listed, or otherwise."""
    if not case_ids:
        return 0
    before = _as_stored(session, case_ids)
    session.execute(delete(WorklistEntryRow).where(WorklistEntryRow.case_id.in_(case_ids)))
    _insert(session, StudyIdentityRow.case_id.in_(case_ids), number="", accession="")
    # One row is changed after another: whatever is damaged stays damaged, and hides no other.
    change = (
        update(WorklistEntryRow.__table__)  # type: ignore[arg-type]
        .where(WorklistEntryRow.case_id == bindparam("of"))
        .values(
            number=bindparam("folded_number"),
            accession=bindparam("folded_accession"),
            study_date=bindparam("day"),
        )
    )
    rows = session.execute(_FOUND_BY.where(StudyIdentityRow.case_id.in_(case_ids))).all()
    if rows:
        session.connection().execute(change, list(map(_found_by, rows)))
    for name in dict.fromkeys(row.patient_name[:LONGEST_NAME] for row in rows):
        add_name(session, name)
    _note_signers(session, case_ids)
    after = _as_stored(session, case_ids)
    return sum(before.get(case_id) != after.get(case_id) for case_id in case_ids)


def _insert(session: Session, which: ColumnElement[bool], **folded: str | date | None) -> None:
    """List the studies of `which` as they stand, in the database alone: nothing is decoded."""
    state = func.coalesce(ReportRow.state, ReportState.DRAFTED.value)
    once = select(SignedRow.version).where(SignedRow.case_id == CaseRow.case_id).exists()
    reading = (
        select(ReadingAssignmentRow.reading_site)
        .where(ReadingAssignmentRow.case_id == CaseRow.case_id)
        .order_by(ReadingAssignmentRow.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    day = folded.get("study_date")
    columns: dict[Any, Any] = {
        WorklistEntryRow.case_id: CaseRow.case_id,
        WorklistEntryRow.site: CaseRow.site,
        WorklistEntryRow.reading_site: func.coalesce(reading, ""),
        WorklistEntryRow.modality: func.substr(CaseRow.modality, 1, LONGEST_CODE),
        WorklistEntryRow.body_part: func.substr(CaseRow.body_part, 1, LONGEST_CODE),
        WorklistEntryRow.phase: case(
            (state == ReportState.DRAFTED.value, CaseRow.state), else_=state
        ),
        WorklistEntryRow.signed: state == ReportState.SIGNED.value,
        WorklistEntryRow.once_signed: once,
        WorklistEntryRow.received_at: CaseRow.received_at,
        WorklistEntryRow.priority: CaseRow.priority,
        WorklistEntryRow.rank: case(
            {name.value: rank for name, rank in RANKS.items()}, value=CaseRow.priority, else_=LAST
        ),
        WorklistEntryRow.author: ReportRow.author,
        WorklistEntryRow.author_account: ReportRow.author_account,
        WorklistEntryRow.verdict: CaseQualityRow.verdict,
        WorklistEntryRow.name: func.substr(StudyIdentityRow.patient_name, 1, LONGEST_NAME),
        WorklistEntryRow.number: literal(folded["number"], String()),
        WorklistEntryRow.accession: literal(folded["accession"], String()),
        WorklistEntryRow.study_date: cast(null(), Date) if day is None else literal(day, Date()),
    }
    rows = (
        select(*columns.values())
        .select_from(StudyIdentityRow)
        .join(CaseRow, CaseRow.case_id == StudyIdentityRow.case_id)
        .outerjoin(ReportRow, ReportRow.case_id == CaseRow.case_id)
        .outerjoin(CaseQualityRow, CaseQualityRow.case_id == CaseRow.case_id)
        # A past study is on no list until a person wants a report of it.
        .where(which, CaseRow.state != CaseState.ARCHIVED.value)
    )
    session.execute(insert(WorklistEntryRow).from_select(list(columns), rows))


_FOUND_BY = select(
    StudyIdentityRow.case_id,
    StudyIdentityRow.patient_name,
    StudyIdentityRow.accession,
    StudyIdentityRow.study_time,
    PatientRow.patient_id,
).join(PatientRow, PatientRow.patient_ref == StudyIdentityRow.patient_ref)


def _found_by(row: Any) -> dict[str, object]:
    day: date | None = None
    with suppress(ValueError, TypeError):
        day = datetime.fromisoformat(row.study_time).date()
    return {
        "of": row.case_id,
        "folded_number": name_search.number_key(row.patient_id),
        "folded_accession": name_search.number_key(row.accession),
        "day": day,
    }


def _note_signers(session: Session, case_ids: Sequence[str]) -> None:
    """Note who wrote and who reviewed what is signed now: only the signature names them."""
    other = aliased(SignedRow)
    newest = (
        select(func.max(other.version)).where(other.case_id == SignedRow.case_id).scalar_subquery()
    )
    signed = (
        select(SignedRow.case_id, type_coerce(SignedRow.content, String))
        .join(WorklistEntryRow, WorklistEntryRow.case_id == SignedRow.case_id)
        .where(SignedRow.case_id.in_(case_ids), SignedRow.version == newest)
        .where(WorklistEntryRow.signed.is_(True))
    )
    for case_id, content in session.execute(signed):
        # What is not what was signed is named when it is opened.
        with suppress(ReportError):
            sign(session, case_id, *codec.signers_from_json(content))


def _as_stored(session: Session, case_ids: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """Rows of the list as they are stored, damaged or not."""
    columns = [type_coerce(column, Text) for column in WorklistEntryRow.__table__.c]
    rows = session.execute(select(*columns).where(WorklistEntryRow.case_id.in_(case_ids)))
    return {row[0]: tuple(row) for row in rows}
