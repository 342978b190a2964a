"""Whose a study is, by its header and all that was said: pure rules."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from radraft.reports.patient_record import (
    NOTHING,
    CorrectedPatient,
    Demographics,
    Doubt,
    PatientAnswer,
    PatientField,
    PatientRecord,
    SentStudy,
    changed_fields,
    corrected_patient,
)
from radraft.studies.values import Patient

TAKEN = datetime(2026, 3, 4, tzinfo=UTC)
SENT = Patient("T-1", "Wei^Planted=魏^植入", date(1970, 1, 2), "F")
STUDY = SentStudy(SENT, TAKEN)
OWN = PatientRecord("T-1")
LI = Demographics("Li^Da", date(1990, 5, 5), "M")


def merged(known: Demographics, answer: PatientAnswer | None = None) -> CorrectedPatient:
    surviving = PatientRecord("N-1", known, TAKEN)
    return corrected_patient(STUDY, OWN, surviving, known, answer=answer)


@pytest.mark.parametrize(
    ("known", "doubts"),
    [
        (NOTHING, ()),
        (Demographics("Li^Da"), ()),
        (Demographics("Li^Da", date(1970, 1, 2), "F"), ()),
        (Demographics(None, date(1970, 2, 1)), ()),
        (Demographics(None, date(1971, 1, 2)), ()),
        (Demographics(None, date(1970, 1, 3)), ()),
        (Demographics(None, date(1900, 1, 1)), ()),
        (Demographics(None, date(1950, 8, 9)), (Doubt.BIRTH_DIFFERS,)),
        (Demographics(None, None, "M"), (Doubt.SEX_DIFFERS,)),
        (LI, (Doubt.BIRTH_DIFFERS, Doubt.SEX_DIFFERS)),
    ],
)
def test_who_is_merged_without_asking(known: Demographics, doubts: tuple[Doubt, ...]) -> None:
    found = merged(known)
    assert found.doubts == doubts
    assert (found.patient.patient_id == "N-1") is not doubts or found.patient == SENT


def test_a_person_says_what_is_done() -> None:
    assert merged(LI, PatientAnswer.OTHER) == CorrectedPatient(SENT)
    same = merged(LI, PatientAnswer.SAME)
    assert same == CorrectedPatient(Patient("N-1", "Li^Da", date(1990, 5, 5), "M"))
    # Also where nothing speaks against it any more.
    assert merged(NOTHING, PatientAnswer.OTHER) == CorrectedPatient(SENT)


def test_a_correction_of_everything_is_asked_about() -> None:
    record = PatientRecord("T-1", LI, TAKEN)
    found = corrected_patient(STUDY, record, None, NOTHING)
    assert found == CorrectedPatient(SENT, tuple(Doubt)[:3])
    two = PatientRecord("T-1", Demographics("Li^Da", date(1990, 5, 5)), TAKEN)
    assert corrected_patient(STUDY, two, None, NOTHING).patient.name == "Li^Da"


@pytest.mark.parametrize(("days", "applies"), [(-5, False), (-2, False), (-0.9, True), (30, True)])
def test_a_correction_is_of_what_was_made_before_it(days: float, applies: bool) -> None:
    record = PatientRecord("T-1", Demographics("Li^Da"), TAKEN + timedelta(days=days))
    found = corrected_patient(STUDY, record, None, NOTHING).patient.name
    assert (found == "Li^Da") is applies


def test_what_changed_is_named_by_kind() -> None:
    other = Patient("N-1", "Li^Da", date(1990, 5, 5), "M")
    assert changed_fields(SENT, other) == tuple(PatientField)
    assert changed_fields(SENT, SENT) == ()
