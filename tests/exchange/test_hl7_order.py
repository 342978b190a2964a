from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from radraft.core.errors import MessageError
from radraft.exchange import hl7_order
from radraft.exchange.hl7_bytes import decoded
from radraft.reports.hl7_text import parsed
from radraft.reports.order import (
    Accession,
    Code,
    Order,
    OrderState,
    PatientClass,
    Pregnancy,
    Priority,
    ReferringPerson,
    RequestedProcedure,
)
from radraft.studies.values import Patient
from tests import builders
from tests.hl7_messages import order_message, segment

CHINA = timezone(timedelta(hours=8))


def read(text: str) -> Order:
    (order,) = hl7_order.read_orders(parsed(text), site="north", zone=CHINA)
    return order


@pytest.mark.parametrize("version", ["2.3", "2.3.1", "2.4", "2.5", "2.5.1"])
@pytest.mark.parametrize("kind", ["ORM^O01", "OMI^O23"])
def test_an_order_says_what_when_why_and_for_whom(version: str, kind: str) -> None:
    assert read(order_message(version=version, kind=kind, study_uid="1.2.3")) == Order(
        placer="P-1",
        filler="F-1",
        site="north",
        state=OrderState.PLACED,
        accession=Accession(builders.ACCESSION),
        patient=Patient(builders.PATIENT_ID, "Wei^Planted=魏^植入", date(1970, 1, 2), "F"),
        procedure=RequestedProcedure(
            "RP1", "胸部正位", Code("CR1", "99SITE", "胸部正位"), "CR", "1.2.3"
        ),
        reason="咳嗽三天，魏植入",
        history="发热 & 胸痛",
        referring=ReferringPerson("林^植入", "E7", "呼吸科"),
        priority=Priority.STAT,
        placed_at=datetime(2026, 3, 4, 4, 30, tzinfo=UTC),
        scheduled_at=None,
        patient_class=PatientClass.INPATIENT,
        ward="7W 12 3",
        allergies=("碘对比剂",),
        pregnancy=Pregnancy.UNKNOWN,
        people=("林^植入",),
    )


OMI = (
    "MSH|^~\\&|RIS|H|R|N|20260304123000||OMI^O23^OMI_O23|C1|P|2.5.1\r"
    "PID|1|OLD-1|NAT^^^GOV^NI~MRN-7^^^H^MR||PLANTED||1970|U\r"
    + segment("PV1", {2: "E", 3: "ER", 15: "B6"})
    + segment("ORC", {1: "NW", 2: "P-1", 9: "20260304"})
    + segment("TQ1", {7: "20260305083000-0500", 9: "A"})
    + "OBR|1|P-1||XR^Chest|||||||||||SRC^^^CHEST\r"
    "DG1|1||J18.9^Pneumonia\r"
    "NTE|1||first line\\.br\\second line\r"
    "IPC|ACC-9^SOUTH|RP-9|1.2.840.9|SPS-1|dx\r"
)


def test_an_imaging_order_names_its_accession_its_study_and_its_time() -> None:
    order = read(OMI)
    assert order.accession == Accession("ACC-9", "SOUTH")
    assert order.procedure.study_uid == "1.2.840.9"
    assert (order.procedure.id, order.procedure.modality) == ("RP-9", "DX")
    assert order.procedure.body_part == "CHEST"
    assert order.scheduled_at == datetime(2026, 3, 5, 13, 30, tzinfo=UTC)
    assert order.placed_at == datetime(2026, 3, 3, 16, tzinfo=UTC)
    assert order.priority is Priority.HIGH
    assert order.reason == "Pneumonia\nfirst line\nsecond line"
    assert order.pregnancy is Pregnancy.PREGNANT
    assert order.patient_class is PatientClass.EMERGENCY


def test_the_medical_record_number_is_the_patients_and_the_others_are_kept() -> None:
    order = read(OMI)
    assert (order.patient.patient_id, order.other_numbers) == ("MRN-7", ("NAT", "OLD-1"))
    # A year alone is no birth date, and U no sex of DICOM's.
    assert (order.patient.birth_date, order.patient.sex) == (None, "")


@pytest.mark.parametrize(
    ("control", "status", "state"),
    [
        ("NW", "", OrderState.PLACED),
        ("XO", "IP", OrderState.IN_PROGRESS),
        ("SC", "CM", OrderState.COMPLETED),
        ("CA", "", OrderState.CANCELLED),
        ("RP", "", OrderState.CANCELLED),
        ("RQ", "", OrderState.CANCELLED),
        ("RU", "", OrderState.CANCELLED),
        ("RO", "", OrderState.PLACED),
        ("RO", "SC", OrderState.PLACED),
        ("DC", "CM", OrderState.CANCELLED),
        ("SC", "CA", OrderState.CANCELLED),
    ],
)
def test_what_became_of_an_order_is_said_by_its_control_and_its_status(
    control: str, status: str, state: OrderState
) -> None:
    assert read(order_message(control=control, status=status)).state is state


def test_a_message_of_two_orders_gives_both() -> None:
    more = "ORC|NW|P-2|F-2\rOBR|1|P-2|F-2|CT1^Head||||||||||||||A2\rOBR|2|P-3|F-3|CT2^Neck\r"
    orders = hl7_order.read_orders(parsed(order_message() + more), site="north")
    assert [order.name for order in orders] == ["placer:P-1", "placer:P-2", "placer:P-3"]
    assert [order.procedure.description for order in orders] == ["胸部正位", "Head", "Neck"]
    assert orders[1].accession == Accession("A2")
    assert orders[2].accession is None


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (order_message(patient=""), "hl7_patient_missing"),
        (order_message(placer="", filler="", accession=""), "hl7_order_unnamed"),
        (order_message().partition("PID")[0], "hl7_orders_missing"),
        (order_message().partition("ORC")[0], "hl7_orders_missing"),
        ("MSH|^~\\&|||||||ORM^O01|1\rORC|NW|P1\rOBR|1|P1", "hl7_patient_missing"),
    ],
)
def test_what_makes_no_order_is_refused_by_a_code(said: str, code: str) -> None:
    with pytest.raises(MessageError) as error:
        hl7_order.read_orders(parsed(said), site="north")
    assert error.value.code == code


@pytest.mark.parametrize("time", ["", "2026", "20261399", "99999999999999", "yesterday", "\\X\\"])
def test_a_time_that_is_none_makes_no_order_fail(time: str) -> None:
    order = read(order_message(sent_at=time).replace("19700102", time))
    assert order.placed_at.tzinfo is UTC
    assert order.patient.birth_date is None


def test_a_deleted_value_is_none() -> None:
    assert read(order_message().replace("^咳嗽三天，魏植入", '""')).reason is None


@pytest.mark.parametrize(
    ("codec", "charset", "mended"),
    [
        ("utf-8", "UNICODE UTF-8", False),
        ("gb18030", "GB 18030-2000", False),
        ("gbk", "GBK", False),
        ("gbk", "ASCII", True),
        ("gbk", "", True),
        ("gb18030", "8859/1", True),
        ("utf-8", "ASCII", True),
        ("utf-8", "GB 18030-2000", True),
        ("gbk", "UNICODE UTF-8", True),
        ("utf-8", "no such set", True),
    ],
)
def test_a_message_is_read_also_where_its_character_set_is_wrong_or_missing(
    codec: str, charset: str, mended: bool
) -> None:
    raw = order_message(charset=charset).encode(codec)
    text = decoded(raw)
    order = read(text.text)
    assert order.patient.name == "Wei^Planted=魏^植入"
    assert order.reason == "咳嗽三天，魏植入"
    assert order.allergies == ("碘对比剂",)
    assert text.mended is mended


def test_characters_whose_bytes_hold_separators_divide_nothing() -> None:
    # In GBK their second bytes are |, ^, ~ and the backslash.
    name = "".join(bytes([0x81, byte]).decode("gbk") for byte in b"|^~\\")
    raw = order_message(charset="GBK", name=name).encode("gbk")
    assert read(decoded(raw).text).patient.name == name


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-32"])
def test_a_message_of_wide_characters_is_refused_by_name(codec: str) -> None:
    with pytest.raises(MessageError, match="hl7_charset_unknown"):
        decoded(order_message().encode(codec))


def test_what_cannot_be_seen_is_not_taken_into_an_order() -> None:
    order = read(order_message(reason="cough\u202e\u200b fever", accession="A\u200b1"))
    assert order.reason == "cough   fever"
    assert order.accession == Accession("A 1")


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("^R/O PE & DVT, no contrast", "R/O PE & DVT, no contrast"),
        ("R/O PE & DVT, no contrast", "R/O PE & DVT, no contrast"),
        ("pain^left side & back", "pain left side & back"),
        ("^cough^three days^no fever", "cough three days no fever"),
        ("pain^left^side", "pain left side"),
        ("R07.4^Chest pain^I10", "Chest pain"),
        ("R07.4^Chest pain^I10^786^Pain, chest^I9C", "Chest pain Pain, chest"),
        ("^Chest pain^L", "Chest pain"),
        ("R07.4", "R07.4"),
        ("R07.4^Chest pain", "Chest pain"),
        ("a & b~c ^ d", "a & b\nc d"),
    ],
)
def test_no_word_of_a_reason_is_lost_at_a_separator(sent: str, reason: str) -> None:
    assert read(order_message().replace("^咳嗽三天，魏植入", sent)).reason == reason


def test_words_beside_an_ampersand_are_not_lost() -> None:
    message = order_message().replace("^碘对比剂", "^iodine & latex")
    order = read(message.replace("CR1^胸部正位", "CR1^Chest & abdomen"))
    assert order.allergies == ("iodine & latex",)
    assert order.procedure.description == "Chest & abdomen"


def test_several_procedures_of_one_number_are_as_many_orders() -> None:
    two = OMI + "IPC|ACC-10^SOUTH|RP-10|1.2.840.10|SPS-2|CT\r"
    # Another step of the first procedure.
    two += "IPC|ACC-9^SOUTH|RP-9|1.2.840.9|SPS-3|dx\r"
    found = hl7_order.read_orders(parsed(two), site="north")
    assert [order.name for order in found] == ["placer:P-1/ACC-9", "placer:P-1/ACC-10"]
    assert [order.procedure.study_uid for order in found] == ["1.2.840.9", "1.2.840.10"]
    assert read(OMI).name == "placer:P-1"
