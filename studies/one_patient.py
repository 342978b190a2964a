"""Whether the files of one study name one patient."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from radraft.studies._agree import Person, Reason, agreements, known_number
from radraft.studies.values import Patient

PATIENTS_DIFFER = "study_patients_differ"
"""Code of a study whose files name more than one patient."""
RETIRED_CODES = frozenset({"patient_mismatch"})
"""Codes that stand in databases and are given no more; their sentences stay."""
MOST_SPELLINGS = 64
"""Most identities that the files of one patient's study are written in; more are not compared."""
_CONTRADICTIONS = frozenset({Reason.NAME_DIFFERS, Reason.BIRTH_DIFFERS})


def name_two_patients(patients: Iterable[Patient]) -> bool:
    """Return whether any two of `patients` cannot be one; the same in any order.

    What is missing agrees with everything, and so hides no two others that differ.
    """
    distinct = {_comparable(patient) for patient in patients}
    if len(distinct) > MOST_SPELLINGS:
        return True
    return any(contradict(one, other) for one, other in combinations(distinct, 2))


def contradict(one: Patient, other: Patient) -> bool:
    """Return whether two identities cannot be one patient's.

    Numbers that differ always contradict. With the same number, name and birth date must both
    differ (the number was given out twice, or typed wrong); without it, one of them is enough.
    """
    numbers = {known_number(one.patient_id), known_number(other.patient_id)}
    if len(numbers - {""}) > 1:
        return True
    same_number = "" not in numbers
    reasons = agreements(_person(one), _person(other))
    return len(_CONTRADICTIONS.intersection(reasons)) > (1 if same_number else 0)


def has_number(patient: Patient) -> bool:
    """Return whether a patient's number names anyone: not empty, no word for none (UNKNOWN)."""
    return bool(known_number(patient.patient_id))


def _comparable(patient: Patient) -> Patient:
    # A name in an unreadable character set says nothing.
    name = "" if "\ufffd" in patient.name else patient.name
    return Patient(known_number(patient.patient_id), name, patient.birth_date, "")


def _person(patient: Patient) -> Person:
    return Person("", patient.patient_id, patient.name, patient.birth_date, "")
