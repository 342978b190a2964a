from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from radraft.reports.order import (
    Accession,
    Order,
    OrderState,
    PatientClass,
    Priority,
    RequestedProcedure,
)
from radraft.reports.order_matching import (
    LinkState,
    MatchReason,
    OrderedStudy,
    OrderNote,
    OrderTimes,
    case_priority,
    clinical_text,
    order_match,
    order_notes,
    same_order,
)
from radraft.studies.priors import LinkDecision
from radraft.studies.values import Patient, StudyPriority

TAKEN = datetime(2026, 3, 4, 5, tzinfo=UTC)
PATIENT = Patient("4711023", "Wei^Planted=魏^植入", date(1970, 1, 2), "F")
STRANGER = Patient("9922334", "Lin^Planted=林^伟", date(1951, 8, 30), "M")
ORDER = Order(
    placer="P-1",
    filler="F-1",
    site="north",
    state=OrderState.PLACED,
    accession=Accession("A-0815"),
    patient=PATIENT,
    procedure=RequestedProcedure("RP", "Chest PA", None, "DX", "1.2.3"),
    reason="cough",
    history=None,
    referring=None,
    priority=Priority.ROUTINE,
    placed_at=TAKEN - timedelta(hours=1),
    scheduled_at=None,
)
STUDY = OrderedStudy("north", "1.2.9", "a 0815", PATIENT, "CR", TAKEN)


def of(order: Order = ORDER, study: OrderedStudy = STUDY) -> tuple[LinkDecision, set[MatchReason]]:
    found = order_match(order, study)
    return found.outcome, set(found.reasons)


def test_the_accession_and_the_patient_tie_an_order_to_its_study() -> None:
    assert of() == (LinkDecision.LINK, {MatchReason.ACCESSION})


def test_the_study_uid_ties_them_where_the_accession_does_not() -> None:
    study = replace(STUDY, study_uid="1.2.3", accession="other")
    assert of(study=study) == (LinkDecision.LINK, {MatchReason.STUDY_UID})


def test_another_patients_study_with_the_same_accession_is_for_a_person_to_see() -> None:
    study = replace(STUDY, patient=STRANGER)
    assert of(study=study) == (
        LinkDecision.ASK,
        {MatchReason.ACCESSION, MatchReason.PATIENT_DIFFERS},
    )


def test_a_number_with_another_name_and_birth_date_is_not_the_patient() -> None:
    twice_given = replace(STRANGER, patient_id=PATIENT.patient_id)
    outcome, reasons = of(study=replace(STUDY, patient=twice_given))
    assert outcome is LinkDecision.ASK
    assert reasons == {MatchReason.ACCESSION, MatchReason.PATIENT_UNSURE}


def test_a_sender_without_accessions_is_matched_by_its_own_numbers() -> None:
    order = replace(ORDER, accession=None)
    assert of(order, replace(STUDY, accession="F-1"))[1] == {MatchReason.ORDER_NUMBER}
    assert of(order, replace(STUDY, accession="P-1"))[0] is LinkDecision.LINK
    # One that gives accessions means them.
    assert of(ORDER, replace(STUDY, accession="F-1"))[0] is LinkDecision.APART


def test_another_number_of_the_patient_is_his_too() -> None:
    other = replace(ORDER, patient=replace(PATIENT, patient_id="88001122"))
    assert of(replace(other, other_numbers=("4711023",)))[0] is LinkDecision.LINK


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [
        ({}, LinkDecision.ASK),
        ({"placed_at": TAKEN - timedelta(days=13)}, LinkDecision.ASK),
        ({"placed_at": TAKEN - timedelta(days=15)}, LinkDecision.APART),
        ({"placed_at": TAKEN + timedelta(hours=2)}, LinkDecision.APART),
        ({"scheduled_at": TAKEN + timedelta(hours=20)}, LinkDecision.ASK),
        ({"scheduled_at": TAKEN - timedelta(hours=25)}, LinkDecision.APART),
        ({"patient": STRANGER}, LinkDecision.APART),
        ({"site": "south"}, LinkDecision.APART),
        ({"state": OrderState.CANCELLED}, LinkDecision.APART),
        ({"procedure": replace(ORDER.procedure, modality="CT")}, LinkDecision.APART),
        ({"procedure": replace(ORDER.procedure, modality=None)}, LinkDecision.ASK),
    ],
)
def test_patient_time_and_modality_are_for_a_person_to_confirm(
    changed: dict[str, object], outcome: LinkDecision
) -> None:
    study = replace(STUDY, accession="")
    assert order_match(replace(ORDER, **changed), study).outcome is outcome  # type: ignore[arg-type]


def test_studies_of_other_accessions_are_nobodys_question() -> None:
    assert of(study=replace(STUDY, accession="B-2"))[0] is LinkDecision.APART


def test_two_numbers_of_nothing_tie_nothing() -> None:
    order = replace(ORDER, accession=None, placer="--", filler=None, patient=STRANGER)
    assert of(order, replace(STUDY, accession=" - "))[0] is LinkDecision.APART


def test_a_cancelled_order_is_known_by_its_numbers_all_the_same() -> None:
    assert of(replace(ORDER, state=OrderState.CANCELLED))[0] is LinkDecision.LINK


@pytest.mark.parametrize(
    ("header", "changed", "priority"),
    [
        (StudyPriority.UNKNOWN, {}, StudyPriority.ROUTINE),
        (StudyPriority.UNKNOWN, {"priority": Priority.STAT}, StudyPriority.STAT),
        (StudyPriority.ROUTINE, {"priority": Priority.HIGH}, StudyPriority.EMERGENCY),
        (
            StudyPriority.ROUTINE,
            {"patient_class": PatientClass.EMERGENCY},
            StudyPriority.EMERGENCY,
        ),
        (
            StudyPriority.UNKNOWN,
            {"patient_class": PatientClass.INPATIENT},
            StudyPriority.INPATIENT,
        ),
        # What the scanner was told is believed too.
        (StudyPriority.STAT, {}, StudyPriority.STAT),
        (
            StudyPriority.INPATIENT,
            {"priority": Priority.STAT, "state": OrderState.CANCELLED},
            StudyPriority.INPATIENT,
        ),
    ],
)
def test_the_more_urgent_of_header_and_order_counts(
    header: StudyPriority, changed: dict[str, object], priority: StudyPriority
) -> None:
    assert case_priority(header, [replace(ORDER, **changed)]) is priority  # type: ignore[arg-type]
    assert case_priority(header, []) is header


def test_the_clinical_text_is_procedure_reason_and_history_once_each() -> None:
    assert clinical_text(replace(ORDER, history="fever")) == "Chest PA\ncough\nfever"
    assert clinical_text(replace(ORDER, history="cough ")) == "Chest PA\ncough"


EARLY, DRAFTED, LATE = (TAKEN + timedelta(minutes=minute) for minute in (1, 2, 3))


@pytest.mark.parametrize(
    ("times", "notes"),
    [
        (OrderTimes(EARLY, EARLY, DRAFTED), ()),
        (OrderTimes(EARLY, LATE, DRAFTED), (OrderNote.CHANGED_AFTER_DRAFT,)),
        (OrderTimes(LATE, LATE, DRAFTED), (OrderNote.AFTER_DRAFT,)),
        (OrderTimes(LATE, LATE, None), ()),
    ],
)
def test_a_reader_is_told_what_the_draft_could_not_know(
    times: OrderTimes, notes: tuple[OrderNote, ...]
) -> None:
    assert order_notes(ORDER, LinkState.LINKED, (), times) == notes


def test_a_reader_is_told_of_a_cancelled_order_and_of_one_that_may_be() -> None:
    times = OrderTimes(EARLY, LATE, DRAFTED)
    cancelled = replace(ORDER, state=OrderState.CANCELLED)
    assert order_notes(cancelled, LinkState.CONFIRMED, (), times) == (OrderNote.CANCELLED,)
    assert order_notes(ORDER, LinkState.ASKED, ("patient_and_time",), times) == (OrderNote.UNSURE,)
    assert order_notes(ORDER, LinkState.ASKED, ("accession", "patient_differs"), times) == (
        OrderNote.PATIENT_DIFFERS,
    )
    assert order_notes(ORDER, LinkState.REJECTED, (), times) == ()


def test_a_number_given_twice_is_for_a_person_to_see_where_only_the_name_differs() -> None:
    born = date(1980, 5, 5)
    order = replace(ORDER, patient=Patient("5005", "Chen^Hong", born, "F"))
    outcome, reasons = of(order, replace(STUDY, patient=Patient("5005", "Wu^Gang", born, "F")))
    assert outcome is LinkDecision.ASK
    assert reasons == {MatchReason.ACCESSION, MatchReason.PATIENT_UNSURE}


def test_one_of_the_further_numbers_ties_nobody_who_is_not_named() -> None:
    nameless = Patient("88001122", "", None, "")
    other = replace(ORDER, patient=nameless, other_numbers=("4711023",))
    assert of(other)[0] is LinkDecision.ASK
    assert of(replace(ORDER, patient=replace(nameless, patient_id="4711023")))[0] is (
        LinkDecision.LINK
    )


UNPLACED = replace(ORDER, placer=None)


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({}, True),
        ({"placer": "P-1"}, True),
        ({"patient": STRANGER}, False),
        ({"filler": "F-2"}, False),
        ({"filler": None}, True),
        ({"filler_issuer": "SOUTH"}, False),
        ({"filler": None, "accession": Accession("A-0815", "SOUTH")}, False),
        ({"filler": None, "accession": None}, False),
    ],
)
def test_a_filler_number_or_an_accession_and_the_patient_make_two_messages_one_order(
    changed: dict[str, object], same: bool
) -> None:
    one = replace(UNPLACED, filler_issuer="NORTH", accession=Accession("A-0815", "NORTH"))
    other = replace(one, **changed)  # type: ignore[arg-type]
    assert same_order(one, other) is same
    assert same_order(other, one) is same
