"""ADT messages: patients corrected and merged, everywhere that a patient is found by.

In one transaction with the message: what it says of the patient, the studies and orders that are
his by it, and the audit's event. What was signed stays; who he is is read when a report leaves.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import RadraftError, StorageUnavailable
from radraft.pipeline.orders import match_again, match_orders
from radraft.pipeline.patient_identity import bring_up_to_date, corrected_order, printable
from radraft.reports.audit import MOST_DETAIL, AuditActor, AuditEvent, AuditKind
from radraft.reports.patient_record import Doubt, PatientAnswer, PatientField, PatientMessage
from radraft.store import audit, cases, order_messages, orders, patient_records
from radraft.store.patient_records import Entered, PatientChange
from radraft.studies.values import Patient

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.store.database import Store

_LOG = logging.getLogger("radraft.patients")

MISSED_WITHIN = timedelta(minutes=15)
"""Patients who were corrected as lately as this are looked at again from time to time: a study that
was being taken in meanwhile saw nothing of it."""
STRANGERS_KEPT = timedelta(days=30)
"""How long what is said of patients without a study or order is kept: studies come late."""
MESSAGES_KEPT = timedelta(days=30)
"""How long a message that was taken is known again; an older one changes nothing, by its time."""


@dataclass(frozen=True)
class Applied:
    """What became of a message's patients; counts and kinds, and nobody's identity."""

    cases: tuple[str, ...]
    """Studies whose patient's data were changed."""
    fields: tuple[PatientField, ...]
    orders: int
    asked: int
    """Studies of which a person has to say whose they are."""


def take_patients(
    session: Session,
    said: PatientMessage,
    site: str,
    entered: Entered,
    *,
    secret: bytes,
    address: str,
    now: datetime,
) -> Applied:
    """Take what a message says of patients of a site, and bring their studies and orders to it."""
    if said.merges:
        patient_records.take_turns(session)
    touched: set[str] = set()
    updates = [(number, update.said) for update in said.updates for number in update.numbers]
    for number, demographics in sorted(updates, key=lambda update: update[0]):
        patient_records.correct(session, site, number, demographics, entered, now)
        touched.add(number)
    merged = 0
    for merge in said.merges:
        merged += patient_records.merge(session, site, merge, entered, now)
        touched |= {merge.prior, merge.surviving}
    applied = _bring(session, site, touched, secret, printable(entered.sender), now)
    if applied.cases or applied.orders or applied.asked or merged:
        _note(session, applied, site, entered.sender, address, merged=merged, now=now)
    return applied


def _bring(
    session: Session, site: str, touched: set[str], secret: bytes, by: str | None, now: datetime
) -> Applied:
    """Bring the studies and orders of all who are one patient with any of these numbers to what is
    said of him now. Orders are held before cases, as by whoever takes an order."""
    numbers = patient_records.joined_numbers(session, site, touched)
    renamed = []
    for stored, sent_at in orders.of_patients(session, site, numbers):
        order = corrected_order(session, stored.order, sent_at)
        if order != stored.order:
            renamed.append(orders.rename(session, stored.order_id, order))
    found = patient_records.cases_of(session, site, numbers)
    changed: list[str] = []
    fields: set[PatientField] = set()
    asked = 0
    for case_id in found:
        cases.lock(session, case_id)
        before = patient_records.sent_identity(session, case_id).doubts
        in_what = bring_up_to_date(session, case_id, secret, now, by=by)
        doubts = patient_records.sent_identity(session, case_id).doubts
        asked += bool(doubts) and doubts != before
        if in_what:
            changed.append(case_id)
            fields.update(in_what)
    match_orders(session, renamed, now)
    for case_id in changed:
        match_again(session, case_id, now)
    in_order = tuple(name for name in PatientField if name in fields)
    return Applied(tuple(changed), in_order, len(renamed), asked)


def _note(
    session: Session,
    applied: Applied,
    site: str,
    sender: str,
    address: str,
    *,
    merged: int,
    now: datetime,
) -> None:
    """Write down that patients' data were changed: in what, by whom, of which studies; no value."""
    details = {
        "what": "merged" if merged or PatientField.NUMBER in applied.fields else "corrected",
        "fields": " ".join(applied.fields),
        "cases": str(len(applied.cases)),
        "orders": str(applied.orders),
        "asked": str(applied.asked),
    }
    ours = MOST_DETAIL // (len("c-") + 16 + 1)
    for number in range(0, len(applied.cases), ours):
        some = applied.cases[number : number + ours]
        details[f"cases_{number // ours + 1}"] = " ".join(some)
    one = applied.cases[0] if len(applied.cases) == 1 else None
    actor = AuditActor(printable(sender), address=address)
    audit.append(
        session,
        AuditEvent(AuditKind.PATIENT, now, actor, site=site, case_id=one, details=details),
    )


def decide(
    session: Session,
    case_id: str,
    said: PatientAnswer,
    *,
    by: AuditActor,
    secret: bytes,
    now: datetime,
) -> None:
    """A person says whether a study is of the patient that messages say. NotFound `case_not_found`,
    `patient_question_not_found`."""
    case = cases.get_case(session, case_id)
    cases.lock(session, case_id)
    patient_records.answer(session, case_id, said, by, now)
    # What is said of two numbers holds for all their studies.
    number = patient_records.sent_identity(session, case_id).patient.patient_id
    applied = _bring(session, case.site, {number}, secret, by.name, now)
    details = {
        "what": said.value,
        "fields": " ".join(applied.fields),
        "cases": str(len(applied.cases)),
    }
    audit.append(
        session,
        AuditEvent(AuditKind.PATIENT, now, by, site=case.site, case_id=case_id, details=details),
    )


@dataclass(frozen=True)
class ShownPatient:
    """What a study's readers see of its patient's corrections, identity included."""

    changes: tuple[PatientChange, ...]
    sent: Patient
    """As the header named him."""
    proposed: Patient | None
    """Of whom messages say that the study is; None where nobody is asked."""
    doubts: tuple[Doubt, ...]
    answer: PatientAnswer | None
    by: str | None


def shown_patient(session: Session, case_id: str) -> ShownPatient:
    """Return what was corrected of a study's patient. NotFound `case_not_found`."""
    sent = patient_records.sent_identity(session, case_id)
    proposed = None
    if sent.doubts:
        proposed = patient_records.proposed(session, case_id)
    return ShownPatient(
        changes=patient_records.changes(session, case_id),
        sent=sent.patient,
        proposed=proposed,
        doubts=sent.doubts,
        answer=sent.answer,
        by=sent.by,
    )


def look_again(store: Store, now: datetime) -> None:
    """Bring studies that came meanwhile to what was said lately; a patient who fails keeps no other
    from it. StorageUnavailable."""
    with store.read() as session:
        changed = patient_records.with_new_studies(session, now - MISSED_WITHIN)
    for site, number in changed:
        try:
            with store.begin() as session:
                applied = _bring(session, site, {number}, store.secret, None, now)
                if applied.cases or applied.orders or applied.asked:
                    sender = patient_records.said_by(session, site, number)
                    _note(session, applied, site, sender, "", merged=0, now=now)
        except StorageUnavailable:
            raise
        except (RadraftError, SQLAlchemyError) as error:
            _LOG.error("a patient's studies could not be brought up: %s", type(error).__name__)


def forget_unneeded(store: Store, now: datetime) -> None:
    """Forget patients who have nothing here, and messages that are known by their time alone."""
    with store.begin() as session:
        patient_records.forget_strangers(session, now - STRANGERS_KEPT)
        order_messages.forget(session, "ADT", now - MESSAGES_KEPT)
