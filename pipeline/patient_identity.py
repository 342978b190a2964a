"""Whose a study or an order is, brought to what ADT messages and people say.

Signed reports are not touched: what was signed names no patient, and who he is is read when a
report leaves.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from radraft.reports.checks.values import Issue, Severity
from radraft.reports.patient_record import PatientField, PatientRecord, changed_fields, merge_doubts
from radraft.store import cases, identity_change, patient_records
from radraft.studies._ages import age_in_years
from radraft.studies.deid.pseudonyms import Pseudonyms
from radraft.studies.deidentify import age_band, without_identity
from radraft.studies.priors import plain_number, usable_number
from radraft.studies.values import Patient

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.reports.order import Order
    from radraft.store.values import Case

CORRECTED, MERGED, UNSURE = "patient_corrected", "patient_merged", "patient_unsure"
_MOST_NAME = 120
NOTES = (UNSURE, MERGED, CORRECTED)
"""What the reader of a report that is not signed is told, in this order."""


def bring_up_to_date(
    session: Session,
    case_id: str,
    secret: bytes,
    now: datetime,
    *,
    by: str | None = None,
    told: bool = True,
) -> tuple[PatientField, ...]:
    """Have a case be of whom messages and people say; in what that changed.

    The caller holds the case. `by`: whose message or answer it is, None for whoever said it last.
    `told`: whether whoever reads the study is to be told, who may have seen it as it was.
    """
    before = cases.identity(session, case_id).patient
    number = patient_records.sent_identity(session, case_id).patient.patient_id
    if not usable_number(number):
        return ()
    found = patient_records.whose(session, case_id)
    fields = changed_fields(before, found.patient)
    if fields or found.doubts:
        patient_records.keep_sent(session, case_id, now)
    identity_change.ask(session, case_id, found.doubts, now)
    if fields:
        _change(session, case_id, before, found.patient, secret)
        if by is None:
            site = cases.get_case(session, case_id).site
            by = printable(patient_records.said_by(session, site, number))
        patient_records.note_change(session, case_id, fields, by, now)
    if fields and told:
        code = MERGED if PatientField.NUMBER in fields else CORRECTED
        identity_change.note(session, case_id, code)
    change = identity_change.note if found.doubts else identity_change.drop
    change(session, case_id, UNSURE)
    return fields


def _change(
    session: Session, case_id: str, before: Patient, patient: Patient, secret: bytes
) -> None:
    known = cases.identity(session, case_id)
    age = known.age_years
    if patient.birth_date != before.birth_date:
        sent = patient_records.sent_identity(session, case_id)
        age = sent.age_years
        if patient.birth_date != sent.patient.birth_date and known.study_time is not None:
            age = age_in_years("", patient.birth_date, known.study_time.date())
    study_uid = identity_change.study_uid(session, case_id)
    identity_change.save(
        session,
        case_id,
        patient,
        patient_ref=Pseudonyms(secret).patient(patient.patient_id, study_uid),
        age_years=age,
        age_band=age_band(age),
        sex=patient.sex if patient.sex in {"M", "F", "O"} else "",
    )
    # A history may call the patient by his right name, which nobody knew when he came.
    history, of_header = identity_change.histories(session, case_id)
    identity_change.keep_histories(
        session,
        case_id,
        without_identity(history, (patient,), (), ()),
        None if of_header is None else without_identity(of_header, (patient,), (), ()),
    )


def printable(sender: str) -> str:
    """Return a sending application and facility as one short line."""
    plain = "".join(character if character.isprintable() else " " for character in sender)
    return plain[:_MOST_NAME].strip("| ") or "HL7"


def corrected_order(session: Session, order: Order, sent_at: datetime) -> Order:
    """Return an order under the number that its patient has since, and called as he was corrected
    after it was sent. Where another sex or birth date makes that unsure it stays as it is."""
    number = order.patient.patient_id
    if not usable_number(number):
        return order
    own = patient_records.record(session, order.site, number)
    standing = patient_records.surviving(session, order.site, number)
    patient = _newer(order.patient, own, sent_at)
    others = order.other_numbers
    if standing is not None and not merge_doubts(patient, standing.said):
        patient = _newer(replace(patient, patient_id=standing.number), standing, sent_at)
        others = tuple(
            other
            for other in dict.fromkeys((number, *others))
            if plain_number(other) != plain_number(standing.number)
        )
    if (patient, others) == (order.patient, order.other_numbers):
        return order
    people = tuple(sorted({*order.people, order.patient.name} - {patient.name, ""}))
    return replace(order, patient=patient, other_numbers=others, people=people)


def _newer(patient: Patient, record: PatientRecord, sent_at: datetime) -> Patient:
    """Return `patient` as a record calls him where it is newer than the order."""
    newer = record.said_at is not None and sent_at <= record.said_at
    return record.said.on(patient) if newer else patient


def issues(case: Case) -> tuple[Issue, ...]:
    """Return what a reader must know of the patient whom he reports on."""
    return tuple(Issue(code, Severity.WARN) for code in NOTES if code in case.issues)
