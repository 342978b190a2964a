"""A case's identity as it is written anew: everywhere that it is found by, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from radraft.reports.patient_record import Doubt
from radraft.reports.values import ReportState
from radraft.store import late_images, patient_keys, worklist_entries
from radraft.store.sql import insert_new, storable
from radraft.store.tables import (
    CaseRow,
    OrderedCaseRow,
    PatientKeyRow,
    PatientRow,
    ReportRow,
    SentIdentityRow,
    StudyIdentityRow,
    WorklistEntryRow,
)
from radraft.studies import name_search
from radraft.studies.values import Patient


def study_uid(session: Session, case_id: str) -> str:
    """Return a case's Study Instance UID."""
    return session.get_one(StudyIdentityRow, case_id).study_uid


def save(
    session: Session,
    case_id: str,
    patient: Patient,
    *,
    patient_ref: str,
    age_years: int | None,
    age_band: str,
    sex: str,
) -> None:
    """Write whose a case is; how its header named him was kept before, and the caller holds the
    case."""
    who = session.get_one(StudyIdentityRow, case_id)
    sent = session.get_one(SentIdentityRow, case_id)
    before = session.get_one(PatientRow, who.patient_ref).patient_id
    sent.names = tuple(dict.fromkeys((*sent.names, who.patient_name)))
    sent.numbers = tuple(dict.fromkeys((*sent.numbers, before)))
    number, name = storable(patient.patient_id), storable(patient.name)
    insert_new(session, PatientRow, patient_ref=patient_ref, patient_id=number)
    who.patient_ref, who.patient_name = patient_ref, name
    who.patient_sex, who.birth_date = storable(patient.sex), patient.birth_date
    who.age_years = age_years
    case = session.get_one(CaseRow, case_id)
    case.patient_ref, case.age_band, case.sex = patient_ref, age_band, sex
    session.flush()
    session.execute(delete(PatientKeyRow).where(PatientKeyRow.case_id == case_id))
    patient_keys.add(session, case_id, patient)
    listed_name = name[: worklist_entries.LONGEST_NAME]
    session.execute(
        update(WorklistEntryRow)
        .where(WorklistEntryRow.case_id == case_id)
        .values(name=listed_name, number=name_search.number_key(number))
        .execution_options(synchronize_session=False)
    )
    worklist_entries.add_name(session, listed_name)


def ask(session: Session, case_id: str, doubts: Sequence[Doubt], now: datetime) -> bool:
    """Have a person say whose the case is, for these reasons, or nobody any more; whether that is
    new."""
    row = session.get(SentIdentityRow, case_id)
    codes = tuple(doubt.value for doubt in doubts)
    if row is None or row.doubts == codes:
        return False
    row.doubts, row.changed_at = codes, now
    session.flush()
    return bool(codes)


def note(session: Session, case_id: str, code: str) -> None:
    """Have the case's readers told, unless its report is signed."""
    report = session.get(ReportRow, case_id)
    if report is None or report.state != ReportState.SIGNED:
        late_images.note(session, case_id, code)


def drop(session: Session, case_id: str, code: str) -> None:
    """Have the case's readers told no more."""
    late_images.drop(session, case_id, code)


def histories(session: Session, case_id: str) -> tuple[str, str | None]:
    """Return the case's history without identity, as it is and as its header alone gave it; None
    where no order said more."""
    ordered = session.get(OrderedCaseRow, case_id)
    return session.get_one(CaseRow, case_id).history, None if ordered is None else ordered.history


def keep_histories(session: Session, case_id: str, now: str, of_header: str | None) -> None:
    """Keep both histories as they were cleaned; what a signed report was written with stays."""
    report = session.get(ReportRow, case_id)
    if report is None or report.state != ReportState.SIGNED:
        session.get_one(CaseRow, case_id).history = storable(now)
    ordered = session.get(OrderedCaseRow, case_id)
    if ordered is not None and of_header is not None:
        ordered.history = storable(of_header)
    session.flush()
