"""From HL7 messages to orders of cases: taken once, answered after the commit, nothing lost."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import hl7
import pytest
from sqlalchemy import event, select, text, update

from radraft.core.errors import NotFound
from radraft.exchange import hl7_order
from radraft.pipeline import orders as case_orders
from radraft.pipeline.order_intake import OrderIntake
from radraft.reports.hl7_text import Message, parsed
from radraft.reports.order import Order, OrderState, Priority
from radraft.reports.order_matching import LinkState, OrderedStudy, OrderNote
from radraft.store import cases, order_messages, orders
from radraft.store.database import Store
from radraft.store.order_messages import MessageKey, MessageState
from radraft.store.tables import CaseRow, DraftRow, OrderMessageRow, OrderRow, WorklistEntryRow
from radraft.studies.deidentify import deidentify
from radraft.studies.values import CheckedStudy, Patient, Study, StudyPriority
from tests import builders
from tests.hl7_messages import order_message, segment
from tests.scale import on_both

pytestmark = on_both(
    "test_an_order_that_comes_later_reaches_its_study",
    "test_a_fault_of_the_database_leaves_nothing_and_the_sender_sends_again",
    "test_the_same_message_is_taken_once_however_often_it_is_sent",
    "test_a_message_of_several_orders_is_taken_whole_or_not_at_all",
    "test_two_patients_of_one_accession_have_two_orders",
    "test_an_unsure_order_is_asked_about_and_a_person_decides",
)

LI = Patient("PAT2", "Li^Da", date(1990, 5, 5), "M")
OF_LI = {"patient": "PAT2", "name": "Li^Da", "born": "19900505", "sex": "M"}


@pytest.fixture
def intake(store: Store) -> OrderIntake:
    return OrderIntake(store)


def take_in(store: Store, number: int = 1, **changes: Any) -> str:
    """Take a study in as the line does, and match its orders."""
    study: Study = replace(builders.make_study(number), **changes)
    deid = deidentify(CheckedStudy(study, ()), store.secret)
    with store.begin() as session:
        assert cases.add_study(
            session, site="site-a", study=study, deid=deid, issues=(), original_keys=()
        )
        case_orders.match_case(session, deid.case_id, datetime.now(UTC))
    return deid.case_id


def send(intake: OrderIntake, message: str, codec: str = "utf-8") -> tuple[str, str]:
    """Return the answer's MSA-1, and our code in its ERR; read by another library."""
    raw = intake.receive(message.encode(codec), site="site-a", source="10.1.2.3")
    answer = hl7.parse(raw.decode(codec))
    errors = [part for part in answer if str(part[0]) == "ERR"]
    code = str(errors[0][5]).partition("^")[0] if errors else ""
    return str(answer.segment("MSA")[1]), code


def shown(store: Store, case_id: str) -> list[tuple[str, LinkState, tuple[OrderNote, ...]]]:
    with store.read() as session:
        return [
            (one.case_order.stored.order.name, one.case_order.state, one.notes)
            for one in case_orders.shown_orders(session, case_id)
        ]


def history(store: Store, case_id: str) -> str:
    with store.read() as session:
        return cases.get_case(session, case_id).history


def priority(store: Store, case_id: str) -> str:
    with store.read() as session:
        listed = session.scalar(
            select(WorklistEntryRow.priority).where(WorklistEntryRow.case_id == case_id)
        )
        assert listed == session.scalar(select(CaseRow.priority).where(CaseRow.case_id == case_id))
    assert listed is not None
    return listed


def messages(store: Store) -> list[tuple[MessageState, str | None, bool, int]]:
    with store.read() as session:
        rows = session.scalars(select(OrderMessageRow).order_by(OrderMessageRow.message_id))
        return [
            (MessageState(row.state), row.code, row.content is not None, row.repeats)
            for row in rows
        ]


def test_an_order_that_came_first_is_there_when_its_study_comes(
    store: Store, intake: OrderIntake
) -> None:
    assert send(intake, order_message()) == ("AA", "")
    case_id = take_in(store)
    assert shown(store, case_id) == [("placer:P-1", LinkState.LINKED, ())]
    assert priority(store, case_id) == StudyPriority.STAT
    assert messages(store) == [(MessageState.APPLIED, None, False, 0)]


def test_an_order_that_comes_later_reaches_its_study(store: Store, intake: OrderIntake) -> None:
    case_id = take_in(store)
    assert shown(store, case_id) == []
    assert priority(store, case_id) == StudyPriority.UNKNOWN
    send(intake, order_message(priority="A"))
    assert shown(store, case_id) == [("placer:P-1", LinkState.LINKED, ())]
    assert priority(store, case_id) == StudyPriority.EMERGENCY


def test_what_the_prompt_sees_of_an_order_names_nobody(store: Store, intake: OrderIntake) -> None:
    before = history(store, take_in(store, number=2, accession="B-2"))
    send(
        intake,
        order_message(
            reason=f"魏植入发热伴咳嗽，病历号{builders.PATIENT_ID}，林植入医生申请",
            name="魏^植入",
        ),
    )
    said = history(store, take_in(store))
    for word in ("魏", "植入", "Planted", builders.PATIENT_ID, builders.ACCESSION, "林", "E7"):
        assert word not in said, word
    assert "发热伴咳嗽" in said
    assert "胸痛" in said
    assert "胸部正位" in said
    assert said.startswith(before)


def test_nobody_whom_a_message_names_is_named_in_the_prompt(
    store: Store, intake: OrderIntake
) -> None:
    people = ("Chukwuemeka", "Oyelaran", "Mbekezeli", "Thandekile", "Nkosazana", "Zwelithini")
    message = order_message(reason=f"cough, call {', '.join(people)} with the result")
    message = message.replace("E7^林^植入", f"E7^Okafor^{people[0]}", 1)
    obr = message.index("\rOBR|")
    rest = message[obr:].replace("E7^林^植入", f"E8^Bello^{people[1]}~E9^Dube^{people[2]}")
    fields = rest.split("|")
    fields[28] = f"E10^Zulu^{people[3]}"
    message = message[:obr] + "|".join(fields)
    message += segment("NK1", {1: "1", 2: f"Ndlovu^{people[4]}"})
    message += segment("PV1", {7: f"E11^Khumalo^{people[5]}"})
    assert send(intake, message) == ("AA", "")
    said = history(store, take_in(store))
    assert "cough" in said
    for person in people:
        assert person not in said, person


def test_the_same_message_is_taken_once_however_often_it_is_sent(
    store: Store, intake: OrderIntake
) -> None:
    assert send(intake, order_message("C1", priority="S")) == ("AA", "")
    assert send(intake, order_message("C2", priority="R")) == ("AA", "")
    # Again, with the time of the second try in its header alone.
    again = order_message("C1", priority="S").replace(
        "RADRAFT|NORTH|20260304123000", "RADRAFT|NORTH|20260304124500"
    )
    assert again != order_message("C1", priority="S")
    assert send(intake, again) == ("AA", "")
    with store.read() as session:
        (order,) = orders.listing(session)
    assert order.order.priority is Priority.ROUTINE
    assert [row[3] for row in messages(store)] == [1, 0]
    assert intake.counts() == {"applied": 2, "repeated": 1}


def test_one_message_to_two_sites_is_an_order_of_each(store: Store, intake: OrderIntake) -> None:
    for site in ("north", "south", "north"):
        raw = intake.receive(order_message().encode(), site=site, source="10.1.2.3")
        assert b"MSA|AA|C1" in raw
    with store.read() as session:
        assert {one.order.site for one in orders.listing(session)} == {"north", "south"}
    assert intake.counts() == {"applied": 2, "repeated": 1}
    for site in ("north", "south"):
        intake.receive(order_message("C2", patient="").encode(), site=site, source="10.1.2.3")
    assert [row[0] for row in messages(store)[2:]] == [MessageState.KEPT] * 2


def test_two_senders_may_number_their_messages_alike(store: Store, intake: OrderIntake) -> None:
    send(intake, order_message("1"))
    send(intake, order_message("1").replace("|RIS|", "|HIS|"))
    send(intake, order_message("1", placer="P-2"))
    assert len(messages(store)) == 3
    assert intake.counts() == {"applied": 3}


def test_a_changed_order_changes_what_its_study_says(store: Store, intake: OrderIntake) -> None:
    case_id = take_in(store)
    send(intake, order_message("C1", reason="咳嗽"))
    send(intake, order_message("C2", reason="咯血", priority="R", control="XO"))
    assert "咯血" in history(store, case_id)
    assert "咳嗽；" not in history(store, case_id).removeprefix("咳嗽三天")
    assert priority(store, case_id) == StudyPriority.INPATIENT


def test_a_cancelled_order_is_told_and_asks_for_nothing(store: Store, intake: OrderIntake) -> None:
    case_id = take_in(store)
    before = history(store, case_id)
    send(intake, order_message("C1"))
    assert history(store, case_id) != before
    # A cancellation often says no more than which order.
    cancel = segment("MSH", {2: "^~\\&", 3: "RIS", 4: "H", 9: "ORM^O01", 10: "C9", 12: "2.4"})
    cancel += segment("PID", {3: builders.PATIENT_ID}) + segment("ORC", {1: "CA", 2: "P-1"})
    assert send(intake, cancel) == ("AA", "")
    assert shown(store, case_id) == [("placer:P-1", LinkState.LINKED, (OrderNote.CANCELLED,))]
    assert priority(store, case_id) == StudyPriority.UNKNOWN
    assert history(store, case_id) == before
    with store.read() as session:
        (order,) = orders.listing(session)
    assert order.order.state is OrderState.CANCELLED
    assert order.order.accession is not None
    assert order.order.procedure.description == "胸部正位"


def test_a_reader_is_told_of_what_came_after_the_draft(store: Store, intake: OrderIntake) -> None:
    case_id = take_in(store)
    drafted(store, case_id, datetime.now(UTC) - timedelta(minutes=1))
    send(intake, order_message("C1"))
    assert shown(store, case_id)[0][2] == (OrderNote.AFTER_DRAFT,)
    drafted(store, case_id, datetime.now(UTC))
    assert shown(store, case_id)[0][2] == ()
    send(intake, order_message("C2", reason="咯血"))
    assert shown(store, case_id)[0][2] == (OrderNote.CHANGED_AFTER_DRAFT,)


def drafted(store: Store, case_id: str, at: datetime) -> None:
    with store.begin() as session:
        session.add(
            DraftRow(case_id=case_id, coverage="covered", content="{}", image_ids=(), created_at=at)
        )


def test_two_orders_of_one_accession_are_both_shown(store: Store, intake: OrderIntake) -> None:
    case_id = take_in(store)
    send(intake, order_message("C1", placer="P-1", filler="F-1"))
    send(intake, order_message("C2", placer="P-2", filler="F-2"))
    assert shown(store, case_id) == [
        (name, LinkState.LINKED, (OrderNote.SEVERAL,)) for name in ("placer:P-1", "placer:P-2")
    ]
    send(intake, order_message("C3", placer="P-2", filler="F-2", control="CA"))
    assert shown(store, case_id) == [
        ("placer:P-1", LinkState.LINKED, ()),
        ("placer:P-2", LinkState.LINKED, (OrderNote.CANCELLED,)),
    ]


def test_another_patients_order_of_the_accession_gives_the_study_nothing(
    store: Store, intake: OrderIntake
) -> None:
    case_id = take_in(store)
    before = history(store, case_id)
    send(
        intake,
        order_message(patient="9922334", name="Lin^Other~林^伟", born="19510830", sex="M"),
    )
    assert shown(store, case_id) == [("placer:P-1", LinkState.ASKED, (OrderNote.PATIENT_DIFFERS,))]
    assert priority(store, case_id) == StudyPriority.UNKNOWN
    assert history(store, case_id) == before


def test_an_order_of_an_unknown_patient_waits(store: Store, intake: OrderIntake) -> None:
    assert send(intake, order_message(patient="9922334", accession="Z-9")) == ("AA", "")
    with store.read() as session:
        assert len(orders.listing(session)) == 1
        assert orders.asked(session) == 0


def unsure(intake: OrderIntake, control_id: str = "C1", placer: str = "P-1") -> None:
    send(intake, order_message(control_id, accession="", filler="", placer=placer))


TAKEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def test_an_unsure_order_is_asked_about_and_a_person_decides(
    store: Store, intake: OrderIntake
) -> None:
    case_id = take_in(store, study_time=TAKEN)
    unsure(intake)
    assert shown(store, case_id) == [("placer:P-1", LinkState.ASKED, (OrderNote.UNSURE,))]
    assert priority(store, case_id) == StudyPriority.UNKNOWN
    with store.read() as session:
        (order,) = orders.listing(session, asked=True)
    who = builders.person("Dr Planted")
    for same, state, soon in (
        (True, LinkState.CONFIRMED, StudyPriority.STAT),
        (False, LinkState.REJECTED, StudyPriority.UNKNOWN),
    ):
        with store.begin() as session:
            case_orders.decide(
                session, case_id, order.order_id, same=same, by=who, now=datetime.now(UTC)
            )
        assert shown(store, case_id)[0][1] is state
        assert priority(store, case_id) == soon
        # What a person said stays, whatever comes.
        unsure(intake, f"again-{same}")
        assert shown(store, case_id)[0][1] is state


def test_nobody_is_asked_about_an_order_or_a_study_that_has_its_match(
    store: Store, intake: OrderIntake
) -> None:
    case_id = take_in(store, study_time=TAKEN)
    unsure(intake)
    send(intake, order_message("C2", placer="P-2"))
    assert [one[:2] for one in shown(store, case_id)] == [("placer:P-2", LinkState.LINKED)]
    unsure(intake, "C3", placer="P-3")
    assert len(shown(store, case_id)) == 1
    # A second film of the patient that day is not asked about the order that has its study.
    other = take_in(store, number=2, study_time=TAKEN, accession="")
    assert [name for name, *_ in shown(store, other)] == ["placer:P-1", "placer:P-3"]


def test_an_order_whose_accession_is_corrected_leaves_the_wrong_study(
    store: Store, intake: OrderIntake
) -> None:
    wrong = take_in(store)
    right = take_in(store, number=2, accession="B-2")
    send(intake, order_message("C1"))
    send(intake, order_message("C2", accession="B-2"))
    assert shown(store, wrong) == []
    assert priority(store, wrong) == StudyPriority.UNKNOWN
    assert [one[:2] for one in shown(store, right)] == [("placer:P-1", LinkState.LINKED)]


def test_a_study_and_an_order_that_missed_each_other_are_matched_later(
    store: Store, intake: OrderIntake
) -> None:
    send(intake, order_message())
    study = builders.make_study()
    deid = deidentify(CheckedStudy(study, ()), store.secret)
    with store.begin() as session:
        cases.add_study(session, site="site-a", study=study, deid=deid, issues=(), original_keys=())
    assert shown(store, deid.case_id) == []
    case_orders.match_missed(store, datetime.now(UTC))
    assert shown(store, deid.case_id) == [("placer:P-1", LinkState.LINKED, ())]


def test_images_that_come_late_do_not_take_the_orders_priority(
    store: Store, intake: OrderIntake
) -> None:
    case_id = take_in(store)
    send(intake, order_message(priority="A"))
    said = history(store, case_id)
    with store.begin() as session:
        # As `late_images.keep` leaves it.
        session.execute(update(CaseRow).values(priority="inpatient"))
        case_orders.match_case(session, case_id, datetime.now(UTC), header=StudyPriority.INPATIENT)
    assert priority(store, case_id) == StudyPriority.EMERGENCY
    assert history(store, case_id) == said
    send(intake, order_message("C2", control="CA"))
    assert priority(store, case_id) == StudyPriority.INPATIENT


@pytest.mark.parametrize(
    ("message", "answer", "code"),
    [
        ("hello", "AR", "hl7_not_a_message"),
        ("", "AR", "hl7_not_a_message"),
        (order_message() + "魏植入\r", "AR", "hl7_segments"),
        (order_message(patient=""), "AE", "hl7_patient_missing"),
        (order_message().partition("ORC")[0], "AE", "hl7_orders_missing"),
        (order_message(placer="", filler="", accession=""), "AE", "hl7_order_unnamed"),
    ],
)
def test_what_cannot_be_read_is_kept_once_and_its_sender_is_told_why(
    store: Store, intake: OrderIntake, message: str, answer: str, code: str
) -> None:
    for _ in range(2):
        assert send(intake, message) == (answer, code)
    assert messages(store) == [(MessageState.KEPT, code, True, 1)]
    with store.read() as session:
        (kept,) = order_messages.listing(session, MessageState.KEPT)
        assert orders.listing(session) == ()
    assert kept.content == message.encode()
    assert intake.read_again(kept.message_id) == code
    assert [row[:3] for row in messages(store)] == [(MessageState.KEPT, code, True)]


@pytest.mark.parametrize("kind", ["ORU^R01", "ADT^A01", "ORM", ""])
def test_a_message_of_another_kind_is_refused_and_not_kept(
    store: Store, intake: OrderIntake, kind: str
) -> None:
    assert send(intake, order_message(kind=kind)) == ("AR", "hl7_type_unsupported")
    assert messages(store) == []


def test_a_message_that_can_be_read_after_all_is_taken_when_it_is_read_again(
    store: Store, intake: OrderIntake
) -> None:
    # As a version that could not read it left it.
    raw = order_message().encode()
    key = MessageKey("", "", "0" * 64)
    with store.begin() as session:
        order_messages.add(
            session, key, site="site-a", kind="", mended=False, content=raw, now=datetime.now(UTC)
        )
        order_messages.settle(session, key, MessageState.KEPT, "hl7_segments", site="site-a")
        (kept,) = order_messages.listing(session, MessageState.KEPT)
    assert intake.read_again(kept.message_id) is None
    with store.read() as session:
        assert len(orders.listing(session)) == 1
        assert order_messages.kept(session) == 0
    assert [row[:3] for row in messages(store)] == [(MessageState.APPLIED, None, False)] * 2


def test_a_message_that_nobody_wants_is_dropped_with_what_it_said(
    store: Store, intake: OrderIntake
) -> None:
    send(intake, order_message(patient=""))
    with store.begin() as session:
        (kept,) = order_messages.listing(session, MessageState.KEPT)
        order_messages.drop(session, kept.message_id)
    assert messages(store) == [(MessageState.DROPPED, "hl7_patient_missing", False, 0)]
    with pytest.raises(NotFound, match="order_message_not_found"), store.begin() as session:
        order_messages.drop(session, kept.message_id)
    # Its sender is told that it is settled.
    assert send(intake, order_message(patient="")) == ("AA", "")


def test_a_message_of_several_orders_is_taken_whole_or_not_at_all(
    store: Store, intake: OrderIntake
) -> None:
    half = order_message() + segment("ORC", {1: "NW"}) + segment("OBR", {4: "CT"})
    assert send(intake, half) == ("AE", "hl7_order_unnamed")
    with store.read() as session:
        assert orders.listing(session) == ()


@pytest.mark.parametrize(("version", "codec"), [("2.3", "utf-8"), ("2.5.1", "gb18030")])
def test_an_answer_is_in_the_senders_version_and_character_set(
    store: Store, intake: OrderIntake, version: str, codec: str
) -> None:
    charset = "GB 18030-2000" if codec == "gb18030" else "UNICODE UTF-8"
    sent = order_message("C-7", patient="", version=version, charset=charset)
    sent = sent.replace("|RIS|", "|影像|")
    raw = intake.receive(sent.encode(codec), site="site-a", source="10.1.2.3")
    answer = hl7.parse(raw.decode(codec))
    header = answer.segment("MSH")
    assert [str(header[number]) for number in (3, 4, 5, 6, 9, 12, 18)] == [
        *("RADRAFT", "NORTH", "影像", "HOSPITAL", "ACK^O01", version, charset)
    ]
    assert [str(part) for part in answer.segment("MSA")[1:3]] == ["AE", "C-7"]
    error = answer.segment("ERR")
    if version == "2.3":
        assert "hl7_patient_missing" in str(error[1])
    else:
        assert (str(error[2]), str(error[4])) == ("PID^1^3", "E")
        assert "患者编号" in str(error[8])


def test_a_message_of_the_wrong_character_set_is_mended_and_told(
    store: Store, intake: OrderIntake
) -> None:
    raw = order_message(charset="ASCII").encode("gbk")
    answer = intake.receive(raw, site="site-a", source="10.1.2.3")
    assert b"MSA|AA|C1" in answer
    with store.read() as session:
        (order,) = orders.listing(session)
        assert session.scalars(select(OrderMessageRow.mended)).all() == [True]
    assert order.order.patient == Patient(
        builders.PATIENT_ID,
        "Wei^Planted=魏^植入",
        builders.make_study().patient.birth_date,
        "F",
    )


def test_a_fault_of_the_database_leaves_nothing_and_the_sender_sends_again(
    store: Store, intake: OrderIntake, caplog: pytest.LogCaptureFixture
) -> None:
    with store.begin() as session:
        session.execute(text("ALTER TABLE order_links RENAME TO hidden"))
    take_in_later: Callable[[], str] = lambda: take_in(store)  # noqa: E731
    answer, code = send(intake, order_message())
    assert answer == "AR"
    assert code
    with store.begin() as session:
        session.execute(text("ALTER TABLE hidden RENAME TO order_links"))
    assert messages(store) == []
    assert send(intake, order_message()) == ("AA", "")
    assert shown(store, take_in_later())[0][1] is LinkState.LINKED
    assert "PLANTED" not in caplog.text


def test_nothing_of_a_message_is_logged(
    store: Store, intake: OrderIntake, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    for message in ("PLANTED", order_message(), order_message(patient=""), "MSH|^~\\&|PLANTED\rx"):
        send(intake, message)
    for word in ("PLANTED", "Planted", "植入", "P-1"):
        assert word not in caplog.text, word


def listed(store: Store) -> list[Order]:
    with store.read() as session:
        found = orders.listing(session)
    return sorted((stored.order for stored in found), key=lambda order: order.name)


def test_two_wards_that_number_alike_have_two_orders(store: Store, intake: OrderIntake) -> None:
    case_id = take_in(store, 2, accession="A2", history="", patient=LI)
    send(intake, order_message("C1", placer="1001^WARD", filler="", accession="A1"))
    theirs = order_message(
        "C2", placer="1001^ED", filler="", accession="A2", reason="", **OF_LI
    ).replace(segment("AL1", {1: "1", 2: "DA", 3: "^碘对比剂", 4: "SV"}), "")
    send(intake, theirs)
    ed, ward = listed(store)
    assert (ed.name, ward.name) == ("placer:1001@ED", "placer:1001@WARD")
    assert (ed.reason, ed.allergies) == (None, ())
    assert ward.reason == "咳嗽三天，魏植入"
    assert "咳嗽" not in history(store, case_id)


def test_two_patients_of_one_accession_have_two_orders(store: Store, intake: OrderIntake) -> None:
    send(intake, order_message("C1", placer="", filler="F77", accession="B1"))
    send(intake, order_message("C2", placer="", filler="F88", accession="B1", reason="", **OF_LI))
    assert [order.reason for order in listed(store)] == ["咳嗽三天，魏植入", None]
    send(intake, order_message("C3", placer="P9", filler="F77", accession="B1", **OF_LI))
    assert len(listed(store)) == 3


def test_an_order_that_becomes_another_patients_keeps_nothing_of_the_first(
    store: Store, intake: OrderIntake
) -> None:
    case_id = take_in(store, study_time=TAKEN)
    unsure(intake)
    with store.begin() as session:
        (order,) = orders.listing(session)
        who = builders.person("Dr Planted")
        case_orders.decide(
            session, case_id, order.order_id, same=True, by=who, now=datetime.now(UTC)
        )
    bare = segment("MSH", {2: "^~\\&", 3: "RIS", 9: "ORM^O01", 10: "C9", 12: "2.4"})
    bare += segment("PID", {3: "9922334", 5: "Li^Da", 7: "19900505", 8: "M"})
    assert send(intake, bare + segment("ORC", {1: "XO", 2: "P-1"})) == ("AA", "")
    (now,) = listed(store)
    assert (now.reason, now.history, now.allergies, now.ward) == (None, None, (), None)
    assert (now.referring, now.other_numbers) == (None, ())
    assert shown(store, case_id) == [("placer:P-1", LinkState.ASKED, (OrderNote.PATIENT_DIFFERS,))]
    assert "胸痛" not in history(store, case_id)
    case_orders.match_missed(store, datetime.now(UTC))
    assert shown(store, case_id)[0][1] is LinkState.ASKED


def test_a_cancellation_that_leaves_out_who_gave_the_number_finds_its_order(
    store: Store, intake: OrderIntake
) -> None:
    send(intake, order_message("C1", placer="1001^WARD", filler=""))
    bare = segment("MSH", {2: "^~\\&", 3: "RIS", 9: "ORM^O01", 10: "C9", 12: "2.4"})
    bare += segment("PID", {3: builders.PATIENT_ID}) + segment("ORC", {1: "CA", 2: "1001"})
    send(intake, bare)
    assert [(one.name, one.state) for one in listed(store)] == [
        ("placer:1001@WARD", OrderState.CANCELLED)
    ]


def kept_message(store: Store, message: str, at: datetime) -> int:
    """Leave a message as a version that could not read it left it; its number."""
    key = MessageKey("", "", hashlib.sha256(message.encode()).hexdigest())
    with store.begin() as session:
        order_messages.add(
            session,
            key,
            site="site-a",
            kind="",
            mended=False,
            content=message.encode(),
            now=at,
        )
        order_messages.settle(session, key, MessageState.KEPT, "hl7_segments", site="site-a")
        return order_messages.listing(session, MessageState.KEPT)[0].message_id


def test_an_old_message_that_is_read_again_says_only_what_the_newer_left_out(
    store: Store, intake: OrderIntake
) -> None:
    hour = timedelta(hours=1)
    old = order_message("C1", reason="old reason", priority="R", modality="CR", control="NW")
    first = kept_message(store, old, datetime.now(UTC) - hour)
    cancel = segment("MSH", {2: "^~\\&", 3: "RIS", 4: "H", 9: "ORM^O01", 10: "C9", 12: "2.4"})
    cancel += segment("PID", {3: builders.PATIENT_ID})
    cancel += segment("ORC", {1: "CA", 2: "P-1"}) + segment("OBR", {2: "P-1", 31: "^new reason"})
    send(intake, cancel)
    assert intake.read_again(first) is None
    (order,) = listed(store)
    assert (order.state, order.reason) == (OrderState.CANCELLED, "new reason")
    assert order.accession is not None
    assert order.procedure.description == "胸部正位"


def test_a_message_that_its_sender_sent_before_the_last_changes_nothing_of_it(
    store: Store, intake: OrderIntake
) -> None:
    late, early = "20260304130000+0800", "20260304120000+0800"
    send(intake, order_message("C2", reason="new", priority="R", sent_at=late))
    send(intake, order_message("C1", reason="old", priority="S", sent_at=early))
    (order,) = listed(store)
    assert (order.reason, order.priority) == ("new", Priority.ROUTINE)
    # Another system's clock may be behind.
    theirs = order_message("C1", reason="theirs", sent_at=early).replace("|RIS|", "|HIS|")
    send(intake, theirs)
    assert listed(store)[0].reason == "theirs"


def test_a_clock_that_is_ahead_does_not_shut_out_what_comes_later(
    store: Store, intake: OrderIntake
) -> None:
    send(intake, order_message("C1", reason="ahead", sent_at="20990101000000+0800"))
    send(intake, order_message("C2", reason="now"))
    assert listed(store)[0].reason == "now"


def test_a_message_that_breaks_when_read_again_does_not_stop_the_others(
    store: Store, intake: OrderIntake, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = kept_message(store, order_message("C1", reason="poison"), datetime.now(UTC))
    read = hl7_order.read_orders

    def breaking(message: Message, *, site: str) -> tuple[Order, ...]:
        if message.control_id == "C1":
            raise KeyError("PLANTED")
        return read(message, site=site)

    monkeypatch.setattr(hl7_order, "read_orders", breaking)
    other = kept_message(store, order_message("C2"), datetime.now(UTC))
    found = [intake.read_again(number) for number in (poison, other)]
    assert found == ["hl7_breaks_line", None]


def test_a_message_that_cannot_be_read_is_one_however_often_it_is_sent(
    store: Store, intake: OrderIntake
) -> None:
    for minute in (30, 31):
        header, _, body = order_message().partition("\r")
        header = header.replace("20260304123000", f"2026030412{minute}00")
        send(intake, f"{header}\r{body}no segment\r")
    assert messages(store) == [(MessageState.KEPT, "hl7_segments", True, 1)]
    send(intake, order_message(reason="other") + "no segment\r")
    assert len(messages(store)) == 2


def test_an_order_that_cannot_be_matched_keeps_no_other_from_its_study(
    store: Store, intake: OrderIntake
) -> None:
    send(intake, order_message("C1", placer="P-8", accession="Z-8", filler=""))
    send(intake, order_message("C2"))
    study = builders.make_study()
    deid = deidentify(CheckedStudy(study, ()), store.secret)
    with store.begin() as session:
        cases.add_study(session, site="site-a", study=study, deid=deid, issues=(), original_keys=())
        session.execute(
            update(OrderRow).where(OrderRow.name == "placer:P-8").values(content="broken")
        )
    case_orders.match_missed(store, datetime.now(UTC))
    with store.read() as session:
        (order_id,) = session.scalars(
            select(OrderRow.order_id).where(OrderRow.name == "placer:P-1")
        )
        assert set(orders.links(session, order_id).values()) == {LinkState.LINKED}


def test_orders_and_studies_are_found_by_their_indexes(sqlite_store: Store) -> None:
    order = hl7_order.read_orders(parsed(order_message(study_uid="1.2.3")), site="site-a")[0]
    study = OrderedStudy("site-a", "1.2.3", "A-1", order.patient, "CR", TAKEN)
    plans: list[str] = []
    with sqlite_store.read() as session:
        asked: list[tuple[str, Any]] = []

        def note(_c: object, _k: object, statement: str, values: Any, *_rest: object) -> None:
            asked.append((statement, values))

        connection = session.connection()
        event.listen(connection, "before_cursor_execute", note)
        orders.candidate_orders(session, study)
        orders.candidate_studies(session, order)
        orders.changed_since(session, TAKEN)
        event.remove(connection, "before_cursor_execute", note)
        for statement, values in asked:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            plans += [row[3] for row in rows]
    assert plans
    assert not [
        plan for plan in plans if re.match("SCAN (orders|cases|study_ident|worklist)", plan)
    ]


def test_two_studies_of_one_order_have_each_its_own(store: Store, intake: OrderIntake) -> None:
    first = take_in(store, 1, accession="A-1")
    second = take_in(store, 2, accession="A-2")
    message = order_message("C1", kind="OMI^O23", accession="")
    for number in ("A-1", "A-2"):
        message += segment("IPC", {1: number, 5: "CR"})
    send(intake, message)
    for case_id, name in ((first, "placer:P-1/A-1"), (second, "placer:P-1/A-2")):
        assert shown(store, case_id) == [(name, LinkState.LINKED, ())]
    # One accession alone, and then both by their number alone.
    send(intake, order_message("C2", accession="A-1", reason="only the first"))
    assert [order.reason for order in listed(store)] == ["only the first", "咳嗽三天，魏植入"]
    cancel = segment("MSH", {2: "^~\\&", 3: "RIS", 4: "H", 9: "ORM^O01", 10: "C9", 12: "2.4"})
    cancel += segment("PID", {3: builders.PATIENT_ID}) + segment("ORC", {1: "CA", 2: "P-1"})
    send(intake, cancel)
    for case_id in (first, second):
        assert shown(store, case_id)[0][2] == (OrderNote.CANCELLED,)
    assert len(listed(store)) == 2
