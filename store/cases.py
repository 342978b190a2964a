"""Cases: studies taken in, their key images, and where each stands on its way to a draft."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from radraft.core.errors import NotFound
from radraft.reports.values import ReportState
from radraft.store import faults, instances, patient_keys
from radraft.store.key_images import add_key_images, key_images
from radraft.store.sql import insert_new, storable
from radraft.store.tables import CaseRow, PatientRow, ReportRow, StudyIdentityRow
from radraft.store.values import Case, CaseState, Identity, StoredImage, Worklist, WorklistRow
from radraft.studies.values import DeidStudy, Patient, Study, View

__all__ = [
    "Case",
    "CaseState",
    "Identity",
    "StoredImage",
    "Worklist",
    "WorklistRow",
    "add_key_images",
    "add_study",
    "age_and_date",
    "counts",
    "deid_study",
    "find_case",
    "get_case",
    "identity",
    "key_images",
    "lock",
    "requeue",
    "set_state",
    "worklist",
]

SETTLED = (CaseState.DRAFTED, CaseState.NOT_COVERED, CaseState.FAILED)


def add_study(
    session: Session,
    *,
    site: str,
    study: Study,
    deid: DeidStudy,
    issues: tuple[str, ...],
    original_keys: tuple[str, ...],
) -> bool:
    """Take a study in; False when it is there already, and then nothing was changed.

    Of two processes that take in the same study at once, one gets True.
    """
    added = insert_new(
        session,
        CaseRow,
        case_id=deid.case_id,
        patient_ref=deid.patient_ref,
        site=site,
        modality=storable(deid.modality),
        body_part=storable(deid.body_part),
        view=deid.view.value,
        age_band=deid.age_band,
        sex=storable(deid.sex),
        history=storable(deid.history),
        state=CaseState.RECEIVED.value,
        received_at=datetime.now(UTC),
        issues=issues,
    )
    if added:
        add_identity(session, study, deid, original_keys)
    return added


def get_case(session: Session, case_id: str) -> Case:
    """The case. NotFound `case_not_found`."""
    row = session.get(CaseRow, case_id)
    if row is None:
        raise NotFound("case_not_found", case_id=case_id)
    with faults.decoding("cases", case_id):
        return Case(
            case_id=row.case_id,
            patient_ref=row.patient_ref,
            site=row.site,
            modality=row.modality,
            body_part=row.body_part,
            view=View(row.view),
            age_band=row.age_band,
            sex=row.sex,
            history=row.history,
            state=CaseState(row.state),
            received_at=row.received_at,
            issues=row.issues,
        )


def lock(session: Session, case_id: str) -> None:
    """Hold a case until the transaction ends: before its report, as everybody does."""
    session.get(CaseRow, case_id, with_for_update=True, populate_existing=True)


def find_case(session: Session, study_uid: str) -> str | None:
    """The case id of a study, None when it was not taken in."""
    return session.scalar(
        select(StudyIdentityRow.case_id).where(StudyIdentityRow.study_uid == storable(study_uid))
    )


def deid_study(session: Session, case_id: str) -> DeidStudy:
    """The de-identified study again, without instances: their pixels are in the key images."""
    known = get_case(session, case_id)
    return DeidStudy(
        case_id=known.case_id,
        patient_ref=known.patient_ref,
        modality=known.modality,
        body_part=known.body_part,
        view=known.view,
        age_band=known.age_band,
        sex=known.sex,
        history=known.history,
        instances=(),
    )


def identity(session: Session, case_id: str) -> Identity:
    """Who was examined. NotFound `case_not_found`."""
    row = session.get(StudyIdentityRow, case_id)
    if row is None:
        raise NotFound("case_not_found", case_id=case_id)
    patient = session.get_one(PatientRow, row.patient_ref)
    return Identity(
        patient=Patient(patient.patient_id, row.patient_name, row.birth_date, row.patient_sex),
        accession=row.accession,
        study_time=_time(row.study_time),
        description=row.description,
        history=row.history,
        age_years=row.age_years,
    )


def age_and_date(session: Session, case_id: str) -> tuple[int | None, date | None]:
    """Return the patient's age in years and the day of the study, each None where it is not known,
    and nothing else of the identity. NotFound `case_not_found`."""
    row = session.get(StudyIdentityRow, case_id)
    if row is None:
        raise NotFound("case_not_found", case_id=case_id)
    time = _time(row.study_time)
    return row.age_years, None if time is None else time.date()


def worklist(session: Session, *, limit: int = 500) -> Worklist:
    """Return the first `limit` lines: what is still to be signed first, newest first within
    that."""
    signed = case((ReportRow.state == ReportState.SIGNED.value, 1), else_=0)
    rows = session.execute(
        select(CaseRow, StudyIdentityRow, ReportRow)
        .join(StudyIdentityRow, StudyIdentityRow.case_id == CaseRow.case_id)
        .outerjoin(ReportRow, ReportRow.case_id == CaseRow.case_id)
        .order_by(signed, CaseRow.received_at.desc(), CaseRow.case_id)
        .limit(limit)
    )
    total = session.scalar(select(func.count()).select_from(StudyIdentityRow)) or 0
    return Worklist(tuple(_worklist_row(*row) for row in rows), total)


def counts(session: Session) -> dict[CaseState, int]:
    """How many cases are in each state."""
    rows = session.execute(select(CaseRow.state, func.count()).group_by(CaseRow.state)).all()
    found = {CaseState(state): number for state, number in rows}
    return {state: found.get(state, 0) for state in CaseState}


def kind_counts(session: Session, site: str) -> tuple[tuple[str, str, str, int], ...]:
    """Return how many cases of `site` there are of each modality, body part and view."""
    rows = session.execute(
        select(CaseRow.modality, CaseRow.body_part, CaseRow.view, func.count())
        .where(CaseRow.site == site)
        .group_by(CaseRow.modality, CaseRow.body_part, CaseRow.view)
    )
    return tuple((row[0], row[1], row[2], row[3]) for row in rows)


def requeue(session: Session, case_id: str) -> None:
    """Have a settled case drafted again; one that is waiting or being drafted stays so."""
    get_case(session, case_id)
    # One statement: between a look and a change another process may queue and claim the case.
    session.execute(
        update(CaseRow)
        .where(CaseRow.case_id == case_id, CaseRow.state.in_([state.value for state in SETTLED]))
        .values(state=CaseState.RECEIVED.value)
    )


def set_state(session: Session, case_ids: tuple[str, ...], state: CaseState) -> None:
    """Put cases into a state; the caller has seen to it that the move is allowed."""
    session.execute(update(CaseRow).where(CaseRow.case_id.in_(case_ids)).values(state=state.value))


def add_identity(
    session: Session, study: Study, deid: DeidStudy, original_keys: tuple[str, ...]
) -> None:
    patient = study.patient
    insert_new(
        session,
        PatientRow,
        patient_ref=deid.patient_ref,
        patient_id=storable(patient.patient_id),
    )
    session.add(
        StudyIdentityRow(
            case_id=deid.case_id,
            study_uid=storable(study.study_uid),
            patient_ref=deid.patient_ref,
            patient_name=storable(patient.name),
            patient_sex=storable(patient.sex),
            birth_date=patient.birth_date,
            accession=storable(study.accession),
            study_time=None if study.study_time is None else study.study_time.isoformat(),
            description=storable(study.description),
            history=storable(study.history),
            age_years=study.age_years,
            original_keys=original_keys,
        )
    )
    patient_keys.add(session, deid.case_id, patient)
    session.flush()
    instances.add(session, study, deid, original_keys)


def _worklist_row(known: CaseRow, who: StudyIdentityRow, report: ReportRow | None) -> WorklistRow:
    with faults.decoding("cases", known.case_id):
        return WorklistRow(
            case_id=known.case_id,
            modality=known.modality,
            body_part=known.body_part,
            study_time=_time(who.study_time),
            received_at=known.received_at,
            state=CaseState(known.state),
            report_state=None if report is None else ReportState(report.state),
            patient_name=who.patient_name,
            patient_sex=who.patient_sex,
            age_years=who.age_years,
            editor=None if report is None else report.editor,
        )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
