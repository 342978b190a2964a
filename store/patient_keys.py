"""By what a patient's other studies are found: see `store.priors`."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from radraft.store.sql import insert_new, storable
from radraft.store.tables import PatientKeyRow, PatientRow, StudyIdentityRow
from radraft.studies import priors
from radraft.studies.values import Patient


def add(session: Session, case_id: str, patient: Patient) -> None:
    """Keep the keys of a study that is being taken in."""
    person = priors.Person(
        site="",
        number=storable(patient.patient_id),
        name=storable(patient.name),
        birth_date=patient.birth_date,
        sex=patient.sex,
    )
    for key in priors.keys(person):
        insert_new(session, PatientKeyRow, case_id=case_id, key=key)


def fill(session: Session) -> None:
    """Add the keys of all studies that lack one: after an upgrade from a version without them."""
    known = session.execute(
        select(StudyIdentityRow, PatientRow.patient_id).join(
            PatientRow, PatientRow.patient_ref == StudyIdentityRow.patient_ref
        )
    ).all()
    for study, number in known:
        patient = Patient(number, study.patient_name, study.birth_date, study.patient_sex)
        add(session, study.case_id, patient)
