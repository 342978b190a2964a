"""What a hospital's patient messages say of patients, and what becomes of a study's identity by it.

HL7 v2.5.1, chapter 3: corrections (3.3.8, 3.3.31) and merges (3.3.40). Messages are read elsewhere;
these are the values they give, and pure rules over them. Never leaves the store and whoever reads
identity.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from radraft.studies.priors import Person, Reason, agreements
from radraft.studies.values import Patient

STALE_HEADERS = timedelta(days=1)
"""How long after a correction modalities still send what their worklists said before."""


class PatientField(StrEnum):
    """What of a patient is corrected."""

    NUMBER = "number"
    NAME = "name"
    BIRTH_DATE = "birth_date"
    SEX = "sex"


class Doubt(StrEnum):
    """Why a study is not surely of the patient that a message says it is of."""

    NAME_DIFFERS = "name_differs"
    BIRTH_DIFFERS = "birth_differs"
    SEX_DIFFERS = "sex_differs"
    READER_SAID_OTHER = "reader_said_other"
    """A reader had said that the studies of the two numbers are of two patients."""


class PatientAnswer(StrEnum):
    """What a person said of a study that is not surely of the patient."""

    SAME = "same"
    OTHER = "other"


@dataclass(frozen=True)
class Demographics:
    """What a message says of a patient; None where it says nothing of it."""

    name: str | None = field(default=None, repr=False)
    """As DICOM's PN."""
    birth_date: date | None = field(default=None, repr=False)
    sex: str | None = field(default=None, repr=False)
    """M, F or O."""

    def over(self, earlier: Demographics) -> Demographics:
        """Return what is known with `earlier`, of which this says what is newer."""
        return Demographics(
            earlier.name if self.name is None else self.name,
            earlier.birth_date if self.birth_date is None else self.birth_date,
            earlier.sex if self.sex is None else self.sex,
        )

    def on(self, patient: Patient) -> Patient:
        """Return `patient` as he was corrected."""
        known = self.over(Demographics(patient.name, patient.birth_date, patient.sex))
        return Patient(patient.patient_id, known.name or "", known.birth_date, known.sex or "")


NOTHING = Demographics()


@dataclass(frozen=True)
class PatientUpdate:
    """A correction: what a patient is called from now on."""

    numbers: tuple[str, ...] = field(repr=False)
    """His numbers, each of which studies may be filed under; the first one leads."""
    said: Demographics = field(repr=False)


@dataclass(frozen=True)
class PatientMerge:
    """That one number is another's from now on."""

    prior: str = field(repr=False)
    surviving: str = field(repr=False)


@dataclass(frozen=True)
class PatientMessage:
    """What a patient message says: first whom it corrects, then what it merges."""

    updates: tuple[PatientUpdate, ...]
    merges: tuple[PatientMerge, ...] = ()


@dataclass(frozen=True)
class PatientRecord:
    """What is known of a patient's number at a site."""

    number: str = field(repr=False)
    """As it was sent."""
    said: Demographics = field(default=NOTHING, repr=False)
    said_at: datetime | None = None
    """UTC: when `said` was entered; None where nothing is said."""

    def applies(self, taken_at: datetime) -> bool:
        """Return whether what is said holds for a study of that time: what was registered later has
        a header that is newer."""
        return self.said_at is not None and taken_at <= self.said_at + STALE_HEADERS


@dataclass(frozen=True)
class SentStudy:
    """A study as its header names its patient."""

    patient: Patient = field(repr=False)
    taken_at: datetime
    """UTC."""


@dataclass(frozen=True)
class CorrectedPatient:
    """Whose a study is by all that messages and people say."""

    patient: Patient = field(repr=False)
    doubts: tuple[Doubt, ...] = ()
    """Why a person has to say whether it is; until then the study is whose it was."""


def corrected_patient(
    study: SentStudy,
    own: PatientRecord,
    surviving: PatientRecord | None,
    known: Demographics,
    *,
    answer: PatientAnswer | None = None,
    kept_apart: bool = False,
) -> CorrectedPatient:
    """Return whose a study is.

    `own`: the record of the number in its header; `surviving`: of the one that it was merged into,
    None where it was not. `known`: what is known of the surviving patient, by messages and by his
    own studies. `kept_apart`: a reader has said that the two are two. It is the same whenever it is
    asked, in whichever order the messages came.
    """
    doubts = _correction_doubts(study, own)
    patient = study.patient
    if answer is PatientAnswer.OTHER:
        return CorrectedPatient(patient)
    if answer is PatientAnswer.SAME or not doubts:
        patient = _as_said(patient, own, study.taken_at)
    if surviving is not None:
        doubts = merge_doubts(patient, known)
        if kept_apart:
            doubts = (*doubts, Doubt.READER_SAID_OTHER)
        if answer is PatientAnswer.SAME or not doubts:
            moved = Patient(surviving.number, patient.name, patient.birth_date, patient.sex)
            patient = _as_said(moved, surviving, study.taken_at)
    return CorrectedPatient(patient, () if answer is not None else doubts)


def merge_doubts(patient: Patient, known: Demographics) -> tuple[Doubt, ...]:
    """Return why a patient may not be the surviving one: another sex, or a birth date that is more
    than mistyped. Names differ in most merges: whoever had none when he came has one now."""
    found = _differences(patient, known)
    return tuple(doubt for doubt in found if doubt is not Doubt.NAME_DIFFERS)


def _correction_doubts(study: SentStudy, record: PatientRecord) -> tuple[Doubt, ...]:
    """Return why what is said of a number may not be of a study's patient: all of it differs, as
    where a number was typed wrong at the modality."""
    if not record.applies(study.taken_at):
        return ()
    found = _differences(study.patient, record.said)
    return found if len(found) == len(_DOUBTS) else ()


def changed_fields(before: Patient, after: Patient) -> tuple[PatientField, ...]:
    """Return in what two identities differ."""
    pairs = (
        (PatientField.NUMBER, before.patient_id, after.patient_id),
        (PatientField.NAME, before.name, after.name),
        (PatientField.BIRTH_DATE, before.birth_date, after.birth_date),
        (PatientField.SEX, before.sex, after.sex),
    )
    return tuple(name for name, old, new in pairs if old != new)


_DOUBTS = {
    Reason.NAME_DIFFERS: Doubt.NAME_DIFFERS,
    Reason.BIRTH_DIFFERS: Doubt.BIRTH_DIFFERS,
    Reason.SEX_DIFFERS: Doubt.SEX_DIFFERS,
}


def _differences(patient: Patient, known: Demographics) -> tuple[Doubt, ...]:
    one = Person("", "", patient.name, patient.birth_date, patient.sex)
    other = Person("", "", known.name or "", known.birth_date, known.sex or "")
    reasons: Collection[Reason] = agreements(one, other)
    return tuple(doubt for reason, doubt in _DOUBTS.items() if reason in reasons)


def _as_said(patient: Patient, record: PatientRecord, taken_at: datetime) -> Patient:
    return record.said.on(patient) if record.applies(taken_at) else patient
