"""From ADT messages to whose each study is: corrected, merged, asked about, and written down."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from radraft.core.errors import NotFound
from radraft.pipeline import orders as case_orders, patient_corrections
from radraft.pipeline.order_intake import OrderIntake
from radraft.pipeline.patient_corrections import decide, forget_unneeded, look_again, shown_patient
from radraft.pipeline.patient_identity import CORRECTED, MERGED, UNSURE, bring_up_to_date
from radraft.reports.audit import AuditActor, AuditKind, AuditQuery
from radraft.reports.order_matching import LinkState
from radraft.reports.patient_record import Doubt, PatientAnswer, PatientField
from radraft.store import audit, cases, order_messages, patient_records, priors, worklist_pages
from radraft.store.database import Store
from radraft.store.order_messages import MessageState
from radraft.store.tables import PatientRecordRow
from radraft.store.values import WorklistFilter
from radraft.store.worklist_pages import Visible
from radraft.studies.deidentify import deidentify
from radraft.studies.values import CheckedStudy, Patient, Study
from tests import builders
from tests.hl7_messages import order_message, patient_message, segment
from tests.pipeline.test_order_intake import history, messages, send, shown
from tests.scale import on_both

pytestmark = on_both(
    "test_two_messages_at_once_leave_one_patient",
    "test_a_fault_leaves_nothing_and_the_sender_sends_again",
    "test_a_merge_moves_studies_and_orders",
    "test_a_message_is_taken_once",
    "test_a_correction_is_found_by_and_seen",
    "test_a_circle_stands_as_its_newest_message_says",
)

BORN = date(1970, 1, 2)
HERSELF = Patient(builders.PATIENT_ID, builders.NAME, BORN, "F")
TEMPORARY = Patient("TEMP-77", "Unknown^Female", None, "F")
READER = AuditActor("Dr Reader", address="10.9.9.9")


@pytest.fixture
def intake(store: Store) -> OrderIntake:
    return OrderIntake(store)


def take_in(store: Store, number: int = 1, site: str = "site-a", **changes: Any) -> str:
    """Take a study in as the line does, and bring it to what is said of its patient."""
    study: Study = replace(builders.make_study(number), **changes)
    deid = deidentify(CheckedStudy(study, ()), store.secret)
    now = datetime.now(UTC)
    with store.begin() as session:
        assert cases.add_study(
            session, site=site, study=study, deid=deid, issues=(), original_keys=()
        )
        bring_up_to_date(session, deid.case_id, store.secret, now, told=False)
        case_orders.match_case(session, deid.case_id, now)
    return deid.case_id


def whose(store: Store, case_id: str) -> Patient:
    with store.read() as session:
        return cases.identity(session, case_id).patient


def found_by(store: Store, text: str) -> set[str]:
    """The cases that the worklist's search finds."""
    with store.read() as session:
        found = worklist_pages.page(
            session,
            WorklistFilter(search=text),
            Visible(),
            urgent=worklist_pages.Urgent({}, {}),
            clock=None,
            after=None,
            limit=50,
        )
    return set(found.case_ids)


def events(store: Store) -> list[dict[str, str]]:
    with store.read() as session:
        page = audit.search(session, AuditQuery(kinds=frozenset({AuditKind.PATIENT})))
    return [
        {"name": one.event.actor.name, "address": one.event.actor.address, **one.event.details}
        for one in reversed(page.entries)
    ]


def issues(store: Store, case_id: str) -> tuple[str, ...]:
    with store.read() as session:
        return cases.get_case(session, case_id).issues


def answer(store: Store, case_id: str, said: PatientAnswer) -> None:
    with store.begin() as session:
        now = datetime.now(UTC)
        decide(session, case_id, said, by=READER, secret=store.secret, now=now)


def merge_message(control_id: str = "M1", *, prior: str, into: str, **changes: Any) -> str:
    return patient_message(
        control_id,
        kind="ADT^A40",
        patient=f"{into}^^^HOSPITAL^MR",
        prior=f"{prior}^^^HOSPITAL^MR",
        **changes,
    )


def test_a_correction_is_found_by_and_seen(store: Store, intake: OrderIntake) -> None:
    case_id = take_in(store)
    assert found_by(store, "王小明") == set()
    corrected = patient_message(name="Wang^Xiaoming~王^小明", born="19750607", sex="M")
    assert send(intake, corrected) == ("AA", "")
    now = Patient(builders.PATIENT_ID, "Wang^Xiaoming=王^小明", date(1975, 6, 7), "M")
    with store.read() as session:
        # All of it differs: whose it is a person says first.
        assert patient_records.sent_identity(session, case_id).doubts == tuple(Doubt)[:3]
    assert whose(store, case_id) == HERSELF
    answer(store, case_id, PatientAnswer.SAME)
    assert whose(store, case_id) == now
    for text in ("王小明", "xiaoming", "wxm", builders.PATIENT_ID):
        assert found_by(store, text) == {case_id}, text
    assert found_by(store, "魏植入") == set()


def test_one_field_is_corrected_and_the_rest_stays(store: Store, intake: OrderIntake) -> None:
    case_id = take_in(store)
    assert send(intake, patient_message(name="Wei^Planted~魏^值入", born="", sex="")) == ("AA", "")
    assert whose(store, case_id) == replace(HERSELF, name="Wei^Planted=魏^值入")
    with store.read() as session:
        (change,) = shown_patient(session, case_id).changes
        assert (change.fields, change.by) == ((PatientField.NAME,), "HIS|HOSPITAL")
        assert shown_patient(session, case_id).sent == HERSELF
    assert issues(store, case_id) == (CORRECTED,)
    assert events(store) == [
        {
            "name": "HIS|HOSPITAL",
            "address": "10.1.2.3",
            "what": "corrected",
            "fields": "name",
            "cases": "1",
            "orders": "0",
            "asked": "0",
            "cases_1": case_id,
        }
    ]


def test_a_birth_date_and_a_sex_reach_age_and_model(store: Store, intake: OrderIntake) -> None:
    case_id = take_in(store)
    send(intake, patient_message(kind="ADT^A31", born="19900102", sex="M"))
    with store.read() as session:
        assert cases.identity(session, case_id).age_years == 36
        case = cases.get_case(session, case_id)
        assert (case.age_band, case.sex) == ("18-39", "M")


def test_a_merge_moves_studies_and_orders(store: Store, intake: OrderIntake) -> None:
    survivor = take_in(store, 1, study_time=datetime(2025, 1, 1, 8))
    case_id = take_in(store, 2, patient=TEMPORARY, accession="T-1", age_years=None)
    temporary = {"patient": "TEMP-77", "name": "Unknown^Female", "born": "", "accession": "T-1"}
    send(intake, order_message(placer="P-9", filler="", reason="外伤", **temporary))
    # Nothing of the two is alike: of a number without a birth date a person has to say.
    assert shown(store, case_id)[0][1] is LinkState.LINKED
    with store.read() as session:
        assert priors.find(session, case_id).priors == ()
    assert send(intake, merge_message(prior="TEMP-77", into=builders.PATIENT_ID)) == ("AA", "")
    assert whose(store, case_id) == HERSELF
    for text in (builders.PATIENT_ID, "魏植入", "weizhiru", "wzr"):
        assert found_by(store, text) == {survivor, case_id}, text
    assert found_by(store, "TEMP-77") == set()
    assert shown(store, case_id)[0][1] is LinkState.LINKED
    with store.read() as session:
        assert [prior.case_id for prior in priors.find(session, case_id).priors] == [survivor]
        assert cases.identity(session, case_id).age_years == 56
    assert issues(store, case_id) == (MERGED,)
    assert issues(store, survivor) == ()
    (said,) = events(store)
    assert (said["what"], said["cases"], said["orders"]) == ("merged", "1", "1")
    assert said["fields"] == "number name birth_date"
    # What comes later under the old number is hers too, and so are orders.
    later = take_in(store, 3, patient=TEMPORARY, accession="T-2", age_years=None)
    assert whose(store, later) == HERSELF
    send(intake, order_message("C7", placer="P-10", filler="", **temporary | {"accession": "T-2"}))
    assert shown(store, later)[0][1] is LinkState.LINKED
    with store.begin() as session:
        (order, _) = case_orders.orders.of_patients(session, "site-a", {"PLANTED-ID-4711"})[-1]
    assert order.order.patient == HERSELF
    assert order.order.other_numbers == ("TEMP-77",)


def test_another_site_of_the_same_number_is_left_alone(store: Store, intake: OrderIntake) -> None:
    here, there = take_in(store, 1), take_in(store, 2, site="site-b")
    send(intake, patient_message(name="Wei^Planted~魏^值入"))
    assert whose(store, here).name == "Wei^Planted=魏^值入"
    assert whose(store, there) == HERSELF


def test_a_message_is_taken_once(store: Store, intake: OrderIntake) -> None:
    case_id = take_in(store)
    first = patient_message("A1", name="Wei^Planted~魏^一")
    send(intake, first)
    send(intake, patient_message("A2", name="Wei^Planted~魏^二", entered_at="20260305090000+0800"))
    assert send(intake, first) == ("AA", "")
    assert whose(store, case_id).name == "Wei^Planted=魏^二"
    assert len(events(store)) == 2
    assert messages(store)[0] == (MessageState.APPLIED, None, False, 1)


def test_an_older_correction_says_only_what_was_not_known(
    store: Store, intake: OrderIntake
) -> None:
    case_id = take_in(store, patient=replace(HERSELF, sex=""))
    new = patient_message("A2", name="Wei^Planted~魏^新", sex="", entered_at="20260305090000+0800")
    old = patient_message("A1", name="Wei^Planted~魏^旧", entered_at="20260305080000+0800")
    send(intake, new)
    send(intake, old)
    assert whose(store, case_id) == replace(HERSELF, name="Wei^Planted=魏^新")
    # Another system's clock is not compared: what came last holds.
    send(intake, patient_message("B1", name="Wei^Planted~魏^他", sender="EMPI",
                                 entered_at="20260305070000+0800"))  # fmt: skip
    assert whose(store, case_id).name == "Wei^Planted=魏^他"


def test_a_study_that_was_registered_after_a_correction_is_as_its_header_says(
    store: Store, intake: OrderIntake
) -> None:
    send(intake, patient_message(name="Wei^Planted~魏^旧", entered_at="20260101080000+0800"))
    later = take_in(store, 1)
    stale = take_in(store, 2, study_time=datetime(2026, 1, 1, 20))
    assert whose(store, later) == HERSELF
    assert whose(store, stale).name == "Wei^Planted=魏^旧"


@pytest.mark.parametrize("order", ["first", "last"])
def test_chains_of_merges_come_to_the_same_in_any_order(
    store: Store, intake: OrderIntake, order: str
) -> None:
    case_id = take_in(store, patient=TEMPORARY, age_years=None)
    chain = [merge_message("M1", prior="TEMP-77", into="MIDDLE-1"),
             merge_message("M2", prior="MIDDLE-1", into="LAST-1",
                           entered_at="20260305090000+0800")]  # fmt: skip
    for message in chain if order == "first" else reversed(chain):
        send(intake, message)
    assert whose(store, case_id).patient_id == "LAST-1"
    assert found_by(store, "LAST-1") == {case_id}


def test_a_circle_stands_as_its_newest_message_says(store: Store, intake: OrderIntake) -> None:
    one = take_in(store, 1, patient=replace(HERSELF, patient_id="AAA-1"))
    two = take_in(store, 2, patient=replace(HERSELF, patient_id="BBB-2"))
    three = take_in(store, 3, patient=replace(HERSELF, patient_id="CCC-3"))
    hours = (8, 9, 10)
    for hour, (prior, into) in zip(
        hours, (("AAA-1", "BBB-2"), ("BBB-2", "CCC-3"), ("CCC-3", "AAA-1")), strict=True
    ):
        at = f"20260305{hour:02}0000+0800"
        message = merge_message(f"M{hour}", prior=prior, into=into, entered_at=at)
        assert send(intake, message) == ("AA", "")
    assert {whose(store, case_id).patient_id for case_id in (one, two, three)} == {"AAA-1"}
    # The same back and forth: an older one of the two changes nothing.
    send(intake, merge_message("M5", prior="AAA-1", into="CCC-3", entered_at="20260305070000+0800"))
    assert {whose(store, case_id).patient_id for case_id in (one, two, three)} == {"AAA-1"}


def test_a_merge_that_was_corrected_moves_its_studies_on(store: Store, intake: OrderIntake) -> None:
    case_id = take_in(store, patient=TEMPORARY, age_years=None)
    send(intake, merge_message("M1", prior="TEMP-77", into="WRONG-1"))
    own = take_in(store, 2, patient=replace(HERSELF, patient_id="WRONG-1"))
    right = merge_message("M2", prior="TEMP-77", into="RIGHT-1", entered_at="20260306080000+0800")
    send(intake, right)
    assert whose(store, case_id).patient_id == "RIGHT-1"
    assert whose(store, own).patient_id == "WRONG-1"


def test_a_merge_of_two_who_differ_waits_for_a_person(store: Store, intake: OrderIntake) -> None:
    man = Patient("MAN-1", "Li^Da", date(1990, 5, 5), "M")
    survivor = take_in(store, 1)
    case_id = take_in(store, 2, patient=man, accession="L-1")
    assert send(intake, merge_message(prior="MAN-1", into=builders.PATIENT_ID)) == ("AA", "")
    assert whose(store, case_id) == man
    assert issues(store, case_id) == (UNSURE,)
    with store.read() as session:
        (question,) = patient_records.questions(session)
        assert question.case_id == case_id
        assert question.doubts == (Doubt.BIRTH_DIFFERS, Doubt.SEX_DIFFERS)
        assert patient_records.asked(session) == 1
        assert shown_patient(session, case_id).proposed == HERSELF
    answer(store, case_id, PatientAnswer.OTHER)
    assert whose(store, case_id) == man
    assert issues(store, case_id) == ()
    send(intake, patient_message("A8", kind="ADT^A31"))
    assert whose(store, case_id) == man
    answer(store, case_id, PatientAnswer.SAME)
    assert whose(store, case_id) == HERSELF
    assert found_by(store, builders.PATIENT_ID) == {survivor, case_id}
    answer(store, case_id, PatientAnswer.OTHER)
    assert whose(store, case_id) == man
    assert [(one["name"], one["what"]) for one in events(store)[1:]] == [
        ("Dr Reader", "other"), ("Dr Reader", "same"), ("Dr Reader", "other"),
    ]  # fmt: skip


def test_a_correction_of_the_survivor_answers_the_question(
    store: Store, intake: OrderIntake
) -> None:
    man = replace(HERSELF, patient_id="MAN-1", sex="M")
    case_id = take_in(store, 2, patient=man)
    send(intake, merge_message(prior="MAN-1", into="NEW-1", sex="F"))
    assert issues(store, case_id) == (UNSURE,)
    send(intake, patient_message("A2", patient="NEW-1", sex="M",
                                 entered_at="20260305093000+0800"))  # fmt: skip
    assert whose(store, case_id) == replace(man, patient_id="NEW-1")
    assert issues(store, case_id) == (MERGED,)


def test_what_a_reader_said_outweighs_a_merge(store: Store, intake: OrderIntake) -> None:
    earlier = take_in(store, 1, study_time=datetime(2025, 1, 1, 8))
    case_id = take_in(store, 2, patient=replace(HERSELF, patient_id="TWIN-2"), accession="W-2")
    with store.begin() as session:
        priors.reject(session, case_id, earlier, by="Dr Reader", now=datetime.now(UTC))
    send(intake, merge_message(prior="TWIN-2", into=builders.PATIENT_ID))
    assert whose(store, case_id).patient_id == "TWIN-2"
    with store.read() as session:
        (question,) = patient_records.questions(session)
        assert question.doubts == (Doubt.READER_SAID_OTHER,)
    answer(store, case_id, PatientAnswer.SAME)
    assert whose(store, case_id) == HERSELF
    with store.read() as session:
        assert [prior.case_id for prior in priors.find(session, case_id).priors] == [earlier]


def test_what_a_reader_said_of_one_study_holds_for_all_of_the_number(
    store: Store, intake: OrderIntake
) -> None:
    earlier = take_in(store, 1, study_time=datetime(2025, 1, 1, 8))
    twins = replace(HERSELF, patient_id="TWIN-2")
    cases_of_twin = [take_in(store, number, patient=twins, accession=f"W-{number}")
                     for number in (2, 3)]  # fmt: skip
    with store.begin() as session:
        priors.reject(session, cases_of_twin[0], earlier, by="Dr Reader", now=datetime.now(UTC))
    send(intake, merge_message(prior="TWIN-2", into=builders.PATIENT_ID))
    assert [whose(store, case_id).patient_id for case_id in cases_of_twin] == ["TWIN-2"] * 2
    answer(store, cases_of_twin[1], PatientAnswer.SAME)
    assert [whose(store, case_id) for case_id in cases_of_twin] == [HERSELF] * 2


def test_a_merge_files_under_the_number_as_the_studies_have_it(
    store: Store, intake: OrderIntake
) -> None:
    take_in(store, 1, patient=replace(HERSELF, patient_id="004711"))
    case_id = take_in(store, 2, patient=replace(HERSELF, patient_id="815"))
    assert send(intake, merge_message(prior="00815", into="4711")) == ("AA", "")
    assert whose(store, case_id).patient_id == "004711"


def test_nothing_is_asked_of_a_study_that_agrees(store: Store, intake: OrderIntake) -> None:
    case_id = take_in(store)
    send(intake, patient_message())
    assert events(store) == []
    with pytest.raises(NotFound, match="patient_question_not_found"):
        answer(store, case_id, PatientAnswer.SAME)


def test_patients_nobody_knows_are_acknowledged_and_forgotten_in_time(
    store: Store, intake: OrderIntake
) -> None:
    take_in(store)
    assert send(intake, patient_message("A1", patient="NOBODY-1")) == ("AA", "")
    assert send(intake, patient_message("A2")) == ("AA", "")
    assert send(intake, merge_message("M1", prior="NOBODY-2", into="NOBODY-3")) == ("AA", "")
    assert [said["cases"] for said in events(store)] == ["0"]
    now = datetime.now(UTC)
    forget_unneeded(store, now)
    assert len(messages(store)) == 3
    forget_unneeded(store, now + timedelta(days=31))
    with store.read() as session:
        kept = session.scalars(select(PatientRecordRow.number).order_by(PatientRecordRow.number))
        assert list(kept) == ["NOBODY-2", "NOBODY-3", builders.PATIENT_ID]
    assert messages(store) == []


def test_a_study_that_was_being_taken_in_meanwhile_is_corrected_soon(
    store: Store, intake: OrderIntake
) -> None:
    send(intake, patient_message(name="Wei^Planted~魏^值入"))
    study = builders.make_study()
    deid = deidentify(CheckedStudy(study, ()), store.secret)
    with store.begin() as session:
        cases.add_study(session, site="site-a", study=study, deid=deid, issues=(), original_keys=())
    look_again(store, datetime.now(UTC))
    assert whose(store, deid.case_id).name == "Wei^Planted=魏^值入"
    assert [said["cases"] for said in events(store)] == ["1"]


def test_a_record_that_is_damaged_keeps_no_other_from_its_studies(
    store: Store, intake: OrderIntake, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(intake, patient_message("A1", patient="BROKEN-1"))
    send(intake, patient_message("A2", name="Wei^Planted~魏^值入"))
    study = builders.make_study()
    deid = deidentify(CheckedStudy(study, ()), store.secret)
    other = replace(study, study_uid="1.2.9", patient=replace(HERSELF, patient_id="BROKEN-1"))
    broken = deidentify(CheckedStudy(other, ()), store.secret)
    with store.begin() as session:
        for one, of in ((study, deid), (other, broken)):
            cases.add_study(session, site="site-a", study=one, deid=of, issues=(), original_keys=())
    real = patient_corrections.bring_up_to_date

    def breaking(session: Any, case_id: str, *rest: Any, **named: Any) -> Any:
        if case_id == broken.case_id:
            raise NotFound("case_not_found", case_id=case_id)
        return real(session, case_id, *rest, **named)

    monkeypatch.setattr(patient_corrections, "bring_up_to_date", breaking)
    look_again(store, datetime.now(UTC))
    assert whose(store, deid.case_id).name == "Wei^Planted=魏^值入"


REFUSED = [
    (patient_message(patient=""), "hl7_patient_missing"),
    (patient_message(patient="0"), "hl7_patient_missing"),
    (patient_message(kind="ADT^A40"), "hl7_merge_missing"),
    (merge_message(prior="0", into="X-1"), "hl7_merge_missing"),
    (merge_message(prior="X-1", into="X-1"), "hl7_merge_same"),
    (merge_message(prior="004711", into="4711"), "hl7_merge_same"),
    (
        patient_message(kind="ADT^A40", patient="4711^^^HOSP_A^MR", prior="815^^^HOSP_B^MR"),
        "hl7_merge_authorities",
    ),
]


@pytest.mark.parametrize(("message", "code"), REFUSED)
def test_what_cannot_be_taken_is_refused_and_kept(
    store: Store, intake: OrderIntake, message: str, code: str
) -> None:
    assert send(intake, message) == ("AE", code)
    with store.read() as session:
        (kept,) = order_messages.listing(session, MessageState.KEPT)
    assert (kept.code, kept.content) == (code, message.encode())
    assert events(store) == []


def test_other_events_are_refused_and_not_kept(store: Store, intake: OrderIntake) -> None:
    assert send(intake, patient_message(kind="ADT^A01")) == ("AR", "hl7_type_unsupported")
    assert messages(store) == []


def test_a_message_of_the_wrong_character_set_is_mended(store: Store, intake: OrderIntake) -> None:
    case_id = take_in(store)
    message = patient_message(name="Wei^Planted~魏^值入", charset="ASCII")
    raw = intake.receive(message.encode("gbk"), site="site-a", source="10.1.2.3")
    assert b"MSA|AA|A1" in raw
    assert whose(store, case_id).name == "Wei^Planted=魏^值入"


def test_numbers_of_another_authority_are_passed_over_where_a_site_names_its_own(
    store: Store,
) -> None:
    case_id = take_in(store)
    intake = OrderIntake(store, {"site-a": "HIS"})
    clinic = f"{builders.PATIENT_ID}^^^CLINIC^MR"
    assert send(intake, patient_message(patient=clinic, name="Li^Da")) == ("AA", "")
    assert whose(store, case_id) == HERSELF
    both = f"{builders.PATIENT_ID}^^^HIS&1.2.3&ISO^MR"
    listed = f"OTHER-1^^^CLINIC^MR~{both}"
    send(intake, patient_message("A2", patient=listed, name="Wei^Planted~魏^值入"))
    assert whose(store, case_id).name == "Wei^Planted=魏^值入"
    prior = f"OTHER-9^^^CLINIC^MR~{builders.PATIENT_ID}^^^HIS^MR"
    merge = patient_message("M1", kind="ADT^A40", patient="CL-2^^^CLINIC^MR~NEW-2^^^HIS^MR",
                            prior=prior, entered_at="20260305093000+0800")  # fmt: skip
    assert send(intake, merge) == ("AA", "")
    assert whose(store, case_id).patient_id == "NEW-2"


def test_a_list_of_numbers_is_merged_each_into_its_own_kind(
    store: Store, intake: OrderIntake
) -> None:
    one = take_in(store, 1, patient=replace(HERSELF, patient_id="OLD-1"))
    two = take_in(store, 2, patient=replace(HERSELF, patient_id="CLIN-1"))
    message = patient_message(
        kind="ADT^A40",
        patient="N-1^^^CLINIC^MR~N-2^^^HOSPITAL^MR~11010119700102001X^^^GA^NI",
        prior="OLD-1^^^HOSPITAL^MR~CLIN-1^^^CLINIC^MR",
    )
    assert send(intake, message) == ("AA", "")
    assert [whose(store, case_id).patient_id for case_id in (one, two)] == ["N-2", "N-1"]


def test_several_merges_of_one_message(store: Store, intake: OrderIntake) -> None:
    one = take_in(store, 1, patient=replace(HERSELF, patient_id="OLD-1"))
    two = take_in(store, 2, patient=replace(HERSELF, patient_id="OLD-2"))
    message = merge_message(prior="OLD-1", into="NEW-1")
    message += segment("PID", {3: "NEW-2", 5: "Wei^Planted~魏^植入"}) + segment("MRG", {1: "OLD-2"})
    assert send(intake, message) == ("AA", "")
    assert [whose(store, case_id).patient_id for case_id in (one, two)] == ["NEW-1", "NEW-2"]


def test_nothing_of_a_message_is_logged_or_audited(
    store: Store, intake: OrderIntake, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    take_in(store)
    send(intake, patient_message(name="Wei^Planted~魏^值入"))
    send(intake, merge_message("M1", prior=builders.PATIENT_ID, into="SECRET-9"))
    send(intake, merge_message("M2", prior="SECRET-9", into="SECRET-9"))
    with store.read() as session:
        page = audit.search(session, AuditQuery())
    said = caplog.text + "".join(str(entry.plain()) for entry in page.entries)
    for word in ("PLANTED", "Planted", "值入", "SECRET"):
        assert word not in said, word


def test_a_former_name_stays_out_of_what_the_model_reads(store: Store, intake: OrderIntake) -> None:
    case_id = take_in(store, history="")
    send(intake, patient_message(name="Wang^Xiaoming~王^小明"))
    send(intake, order_message(reason="魏植入与王小明为同一人，咳嗽", name="Wang^Xiaoming~王^小明"))
    assert "咳嗽" in history(store, case_id)
    for name in ("魏植入", "王小明"):
        assert name not in history(store, case_id)


def test_two_messages_at_once_leave_one_patient(store: Store, intake: OrderIntake) -> None:
    case_id = take_in(store, patient=replace(HERSELF, patient_id="AAA-1"))
    chain = (("AAA-1", "BBB-2"), ("BBB-2", "CCC-3"), ("CCC-3", "DDD-4"))
    sent = [
        threading.Thread(
            target=send, args=(intake, merge_message(f"M{number}", prior=prior, into=into))
        )
        for number, (prior, into) in enumerate(chain)
    ]
    for thread in sent:
        thread.start()
    for thread in sent:
        thread.join()
    # Which of them saw the study last is chance; none is lost.
    look_again(store, datetime.now(UTC))
    assert whose(store, case_id).patient_id == "DDD-4"
    assert all(state is MessageState.APPLIED for state, *_ in messages(store))


def test_a_merge_that_is_older_by_the_record_is_no_message_lost(
    store: Store, intake: OrderIntake
) -> None:
    case_id = take_in(store, patient=replace(HERSELF, patient_id="AAA-1"))
    send(intake, merge_message("M2", prior="AAA-1", into="BBB-2",
                               entered_at="20260305090000+0800"))  # fmt: skip
    send(intake, merge_message("M1", prior="AAA-1", into="CCC-3",
                               entered_at="20260305080000+0800"))  # fmt: skip
    assert whose(store, case_id).patient_id == "BBB-2"


def test_a_fault_leaves_nothing_and_the_sender_sends_again(
    store: Store, intake: OrderIntake, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id = take_in(store)
    message = patient_message(name="Wei^Planted~魏^值入")

    def broken(*_: Any) -> None:
        raise KeyError(builders.NAME)

    with monkeypatch.context() as patched:
        patched.setattr(audit, "append", broken)
        assert send(intake, message) == ("AE", "hl7_breaks_line")
    assert whose(store, case_id) == HERSELF
    with store.read() as session:
        (kept,) = order_messages.listing(session, MessageState.KEPT)
    assert intake.read_again(kept.message_id) is None
    assert whose(store, case_id).name == "Wei^Planted=魏^值入"
