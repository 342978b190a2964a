"""What ADT messages say of patients."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from radraft.core.errors import MessageError
from radraft.exchange.hl7_patient import read_patients, recorded_at
from radraft.reports.hl7_text import parsed
from radraft.reports.patient_record import Demographics, PatientMerge, PatientUpdate
from tests.hl7_messages import patient_message, segment


def test_what_a_correction_says() -> None:
    listed = "1001^^^HIS^MR~11010119700102001X^^^GA^NI~77^^^HIS^VN~X-9^^^LAB^PI"
    said = read_patients(parsed(patient_message(patient=listed)))
    wei = Demographics("Wei^Planted=魏^植入", date(1970, 1, 2), "F")
    assert said.merges == ()
    assert said.updates == (PatientUpdate(("1001", "X-9"), wei),)


@pytest.mark.parametrize("empty", ["", '""', "U"])
def test_what_is_empty_says_nothing(empty: str) -> None:
    born = empty if empty != "U" else ""
    message = patient_message(name=born, born=born, sex=empty)
    (update,) = read_patients(parsed(message)).updates
    assert update.said == Demographics()


@pytest.mark.parametrize("kind", ["ADT^A40", "ADT^A18", "ADT^A34", "ADT^A47", "ADT^A40^ADT_A39"])
@pytest.mark.parametrize("version", ["2.3", "2.5.1"])
def test_what_a_merge_says(kind: str, version: str) -> None:
    message = patient_message(kind=kind, version=version, patient="1001^^^HIS^MR", prior="998")
    said = read_patients(parsed(message))
    assert said.merges == (PatientMerge("998", "1001"),)
    assert said.updates[0].numbers == ("1001",)


def test_each_mrg_goes_with_the_pid_before_it() -> None:
    message = patient_message(kind="ADT^A40", patient="A-1", prior="A-0")
    message += segment("PID", {3: "B-1"}) + segment("PD1", {4: "x"}) + segment("MRG", {1: "B-0"})
    said = read_patients(parsed(message))
    assert said.merges == (PatientMerge("A-0", "A-1"), PatientMerge("B-0", "B-1"))
    with pytest.raises(MessageError, match="hl7_merge_missing"):
        read_patients(parsed(message + segment("PID", {3: "C-1"})))


def test_an_authority_is_its_namespace_or_its_universal_id() -> None:
    listed = "1001^^^HIS&1.2.3&ISO^MR~77^^^CLINIC^MR"
    for authority in ("HIS", "his", "1.2.3"):
        (update,) = read_patients(
            parsed(patient_message(patient=listed)), authority=authority
        ).updates
        assert update.numbers == ("1001",)
    none = read_patients(parsed(patient_message(patient=listed)), authority="LAB")
    assert (none.updates, none.merges) == ((), ())
    # One of the two parts is enough, and who names none agrees with all.
    for prior in ("98^^^HIS^MR~97^^^&1.2.3&ISO^MR", "98~97"):
        with_prior = patient_message(kind="ADT^A40", patient=listed, prior=prior)
        merges = read_patients(parsed(with_prior)).merges
        assert {merge.surviving for merge in merges} == {"1001"}


def test_when_an_event_was_entered() -> None:
    message = patient_message(entered_at="20260305083000+0800")
    assert recorded_at(parsed(message)) == datetime(2026, 3, 5, 0, 30, tzinfo=UTC)
    without = message.replace("EVN|A08|20260305083000+0800", "EVN|A08")
    assert recorded_at(parsed(without)) == datetime(2026, 3, 5, 0, 30, tzinfo=UTC)
    ahead = message.replace("EVN|A08|2026", "EVN|A08|2999")
    assert recorded_at(parsed(ahead)) == datetime(2026, 3, 5, 0, 30, tzinfo=UTC)
