"""What a PACS says of what it was asked to keep, on both databases: it counts only of what was
asked, only from whom, and once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from radraft.exchange.values import DeliveryError
from radraft.reports.commitment import CLASS_NOT_SUPPORTED, NO_SUCH_OBJECT, CommitmentReport
from radraft.reports.export.values import OutgoingStatus
from radraft.reports.outgoing_entry import (
    EntryState,
    FailureKind,
    NewEntry,
    Outcome,
    OutgoingForm,
    SopInstance,
    Stored,
    after_try,
)
from radraft.store import commitments, outbox
from radraft.store.commitments import KEPT_REQUESTS, Changed
from radraft.store.database import Store
from radraft.store.leases import Owner
from radraft.store.outbox import Tried
from radraft.store.presence import clock
from radraft.store.tables import CommitmentRequestRow, OutboxRow
from tests.builders import add_case

OWNER = Owner()
HOUR = timedelta(hours=1)
SR_CLASS = "1.2.840.10008.5.1.4.1.1.88.22"
BUSY = 0x0213
AWAY = DeliveryError("dicom_unreachable", FailureKind.AWAY)
REFUSED = DeliveryError("commitment_request_refused", FailureKind.REFUSED, status="0213")
UNCLEAR = DeliveryError("commitment_no_answer", FailureKind.UNCLEAR)


def instance(number: int) -> SopInstance:
    return SopInstance(SR_CLASS, f"2.25.{number}")


def send(
    session: Session, case_id: str, number: int, version: int = 1, target: str = "pacs"
) -> None:
    """Queue a version of a report and have it stored, as the object of that number."""
    status = OutgoingStatus.FINAL if version == 1 else OutgoingStatus.CORRECTED
    new = NewEntry(target, case_id, version, 0, status, OutgoingForm.SR)
    outbox.enqueue(session, [new])
    send_due(session, number, target)


def send_due(session: Session, number: int, target: str = "pacs") -> None:
    """Have what is due stored, as the object of that number."""
    due_now(session)
    (entry,) = outbox.claim(session, OWNER, {target: 1})
    outcome: Outcome = Stored(instance(number))
    after = after_try(outcome, tries=entry.tries + 1, refusals=entry.refusals, jitter=0.0)
    (settled,) = outbox.settle(session, OWNER, [Tried(entry, after, None, instance(number))])
    assert (settled.state, settled.ended_at) == (EntryState.STORED, None)


def due_now(session: Session) -> None:
    session.execute(update(OutboxRow).values(due_at=OutboxRow.queued_at))


def ask(session: Session, transaction_uid: str, most: int = 100) -> list[str]:
    """UIDs of what a request names."""
    asked = commitments.ask(session, "pacs", "PACS", transaction_uid, within=HOUR, most=most)
    return [found.uid for found in asked.instances]


def report(transaction_uid: str, *kept: int, **failed: int) -> CommitmentReport:
    """`failed`: with `n1=reason` of object 1."""
    reasons = {instance(int(name[1:])): reason for name, reason in failed.items()}
    return CommitmentReport(transaction_uid, frozenset(map(instance, kept)), reasons)


def take(session: Session, said: CommitmentReport, aet: str = "PACS") -> list[str] | None:
    """Codes of what changed."""
    changed = commitments.take(session, said, aet, jitter=lambda: 0.0)
    return None if changed is None else [entry.code for entry in changed]


def standing(session: Session) -> list[tuple[str, str]]:
    """(state, code), the oldest first."""
    return [(entry.state.value, entry.code) for entry in reversed(outbox.entries(session))]


@pytest.fixture
def cases(store: Store) -> list[str]:
    with store.begin() as session:
        return [add_case(session, number) for number in (1, 2, 3)]


def test_what_is_stored_is_asked_about_once_and_done_once_the_pacs_keeps_it(
    store: Store, cases: list[str]
) -> None:
    with store.begin() as session:
        send(session, cases[0], 1)
        send(session, cases[1], 2)
        assert commitments.is_any_due(session, "pacs")
        assert ask(session, "2.25.100") == ["2.25.1", "2.25.2"]
        assert not commitments.is_any_due(session, "pacs")
        assert ask(session, "2.25.101") == []
        assert take(session, report("2.25.100", 1, 2)) == ["", ""]
        assert standing(session) == [("delivered", "")] * 2
        assert all(entry.ended_at for entry in outbox.entries(session))
        (figures,) = outbox.figures(session, ["pacs"])
        assert (figures.waiting, figures.stored) == (0, 0)
        assert figures.delivered_at is not None


@pytest.mark.parametrize(
    ("transaction_uid", "aet"), [("2.25.666", "PACS"), ("2.25.100", "OTHER"), ("2.25.100", "pacs")]
)
def test_a_report_that_was_not_asked_for_or_not_of_its_sender_changes_nothing(
    store: Store, cases: list[str], transaction_uid: str, aet: str
) -> None:
    with store.begin() as session:
        send(session, cases[0], 1)
        ask(session, "2.25.100")
        assert take(session, report(transaction_uid, 1), aet) is None
        assert take(session, report(transaction_uid, n1=NO_SUCH_OBJECT), aet) is None
        assert standing(session) == [("stored", "")]


def test_a_report_that_comes_again_or_contradicts_itself_later_changes_nothing(
    store: Store, cases: list[str]
) -> None:
    with store.begin() as session:
        send(session, cases[0], 1)
        ask(session, "2.25.100")
        assert take(session, report("2.25.100", 1)) == [""]
        assert take(session, report("2.25.100", 1)) == []
        assert take(session, report("2.25.100", n1=NO_SUCH_OBJECT)) == []
        assert standing(session) == [("delivered", "")]


def test_half_a_report_keeps_what_it_names_and_the_rest_is_asked_again(
    store: Store, cases: list[str]
) -> None:
    with store.begin() as session:
        for number in (1, 2, 3):
            send(session, cases[number - 1], number)
        ask(session, "2.25.100")
        half = report("2.25.100", 1, 3, 77, n3=BUSY)
        assert take(session, half) == ["", "commitment_incomplete", "commitment_incomplete"]
        assert standing(session) == [
            ("delivered", ""), ("stored", "commitment_incomplete"),
            ("stored", "commitment_incomplete"),
        ]  # fmt: skip
        due_now(session)
        assert ask(session, "2.25.101") == ["2.25.2", "2.25.3"]


def test_an_object_of_another_class_is_not_what_was_asked_about(
    store: Store, cases: list[str]
) -> None:
    with store.begin() as session:
        send(session, cases[0], 1)
        ask(session, "2.25.100")
        other = CommitmentReport("2.25.100", frozenset({SopInstance("1.2.3", "2.25.1")}))
        assert take(session, other) == ["commitment_incomplete"]


def test_what_the_pacs_lacks_is_sent_again_three_times_in_all(
    store: Store, cases: list[str]
) -> None:
    with store.begin() as session:
        send(session, cases[0], 1)
        for turn in (1, 2, 3):
            ask(session, f"2.25.10{turn}")
            said = report(f"2.25.10{turn}", n1=NO_SUCH_OBJECT)
            assert take(session, said) == ["commitment_object_missing"]
            if turn < 3:
                assert standing(session) == [("waiting", "commitment_object_missing")]
                # What was said before it was sent again counts no more.
                assert take(session, report(f"2.25.10{turn}", 1)) == []
                send_due(session, 1)
                assert take(session, report(f"2.25.10{turn}", 1)) is None
        assert standing(session) == [("dead", "commitment_object_missing")]
        (dead,) = outbox.entries(session)
        assert outbox.resend(session, dead.entry_id).state is EntryState.WAITING


def test_a_class_that_is_not_kept_needs_a_person(store: Store, cases: list[str]) -> None:
    with store.begin() as session:
        send(session, cases[0], 1)
        ask(session, "2.25.100")
        assert take(session, report("2.25.100", n1=CLASS_NOT_SUPPORTED)) == ["commitment_refused"]
        (dead,) = outbox.entries(session)
        assert (dead.state, dead.details) == (EntryState.DEAD, {"reason": "0122"})


@pytest.mark.parametrize("reason", [BUSY, 0x0110, 0x0131, 0, 0xFFFF])
def test_what_is_not_given_now_is_asked_again_and_not_sent(
    store: Store, cases: list[str], reason: int
) -> None:
    with store.begin() as session:
        send(session, cases[0], 1)
        for turn in range(10):
            assert ask(session, f"2.25.10{turn}") == ["2.25.1"]
            assert take(session, report(f"2.25.10{turn}", n1=reason)) == ["commitment_not_given"]
            assert standing(session) == [("stored", "commitment_not_given")]
            assert not commitments.is_any_due(session, "pacs")
            due_now(session)


def test_without_a_report_it_is_asked_again_and_a_late_one_counts(
    store: Store, cases: list[str]
) -> None:
    with store.begin() as session:
        send(session, cases[0], 1)
        ask(session, "2.25.100")
        assert not outbox.is_late(session, timedelta(0))
        due_now(session)
        asked = commitments.ask(session, "pacs", "PACS", "2.25.101", within=HOUR)
        assert asked.unanswered == 1
        assert standing(session) == [("stored", "commitment_no_report")]
        assert outbox.entries(session)[0].details == {"asked": 1, "minutes": 60}
        assert outbox.is_late(session, timedelta(0))
        # That it is not kept says the newest alone.
        assert take(session, report("2.25.100", n1=NO_SUCH_OBJECT)) == []
        assert take(session, report("2.25.100", 1)) == [""]
        assert standing(session) == [("delivered", "")]


def test_a_pacs_that_never_reports_fills_no_table(store: Store, cases: list[str]) -> None:
    with store.begin() as session:
        send(session, cases[0], 1)
        for turn in range(3 * KEPT_REQUESTS):
            ask(session, f"2.25.1{turn:02}")
            due_now(session)
        kept = list(session.scalars(select(CommitmentRequestRow.transaction_uid)))
        assert sorted(kept) == [f"2.25.1{turn:02}" for turn in range(8, 12)]
        assert take(session, report("2.25.100", 1)) is None
        assert take(session, report("2.25.108", 1)) == [""]


def test_a_request_that_did_not_arrive_is_none(store: Store, cases: list[str]) -> None:
    with store.begin() as session:
        send(session, cases[0], 1)
        ask(session, "2.25.100")
        commitments.not_asked(session, "2.25.100", AWAY)
        assert standing(session) == [("stored", "dicom_unreachable")]
        assert take(session, report("2.25.100", 1)) is None
        asked = commitments.ask(session, "pacs", "PACS", "2.25.101", within=HOUR)
        assert (len(asked.instances), asked.unanswered) == (1, 0)


def test_a_request_that_was_refused_is_made_again_later(store: Store, cases: list[str]) -> None:
    with store.begin() as session:
        send(session, cases[0], 1)
        ask(session, "2.25.100")
        commitments.not_understood(session, "2.25.100", REFUSED)
        assert standing(session) == [("stored", "commitment_request_refused")]
        assert not commitments.is_any_due(session, "pacs")
        assert take(session, report("2.25.100", 1)) is None


def test_a_request_without_an_answer_may_still_be_reported_on(
    store: Store, cases: list[str]
) -> None:
    with store.begin() as session:
        send(session, cases[0], 1)
        ask(session, "2.25.100")
        commitments.not_answered(session, "2.25.100", UNCLEAR)
        assert standing(session) == [("stored", "commitment_no_answer")]
        assert not commitments.is_any_due(session, "pacs")
        assert take(session, report("2.25.100", 1)) == [""]


def test_where_it_is_not_offered_c_store_counts_alone_and_that_is_said_once(
    store: Store, cases: list[str]
) -> None:
    with store.begin() as session:
        send(session, cases[0], 1)
        ask(session, "2.25.100")
        assert commitments.note_offer(session, "pacs", offered=False)
        (changed,) = commitments.do_without(session, "2.25.100")
        assert changed == Changed(outbox.entries(session)[0].entry_id, "pacs", "")
        assert standing(session) == [("delivered", "")]
        assert commitments.not_offering(session, ["pacs", "other"]) == {"pacs"}
        assert not commitments.note_offer(session, "pacs", offered=False)
        assert commitments.note_offer(session, "pacs", offered=True)
        assert not commitments.note_offer(session, "other", offered=True)
        assert commitments.not_offering(session, ["pacs", "other"]) == frozenset()


def test_waiting_for_commitment_holds_no_later_version_up_and_an_older_does_not_come_after_it(
    store: Store, cases: list[str]
) -> None:
    with store.begin() as session:
        send(session, cases[0], 1)
        ask(session, "2.25.100")
        send(session, cases[0], 2, version=2)
        assert take(session, report("2.25.100", n1=NO_SUCH_OBJECT)) == ["commitment_object_missing"]
        due_now(session)
        assert outbox.claim(session, OWNER, {"pacs": 4}) == ()
        assert standing(session) == [("void", "outbox_superseded"), ("stored", "")]


def test_what_is_dropped_or_sent_again_by_a_person_is_not_changed_by_a_report(
    store: Store, cases: list[str]
) -> None:
    with store.begin() as session:
        send(session, cases[0], 1)
        send(session, cases[1], 2)
        ask(session, "2.25.100")
        second, first = outbox.entries(session)
        outbox.drop(session, first.entry_id)
        outbox.resend(session, second.entry_id)
        assert take(session, report("2.25.100", 1, 2)) == []
        assert standing(session) == [("dropped", ""), ("waiting", "")]


def test_after_a_restore_what_is_lacking_waits_for_a_person(store: Store, cases: list[str]) -> None:
    with store.begin() as session:
        send(session, cases[0], 1)
        ask(session, "2.25.100")
        assert outbox.hold_all(session) == 0
        assert take(session, report("2.25.100", n1=NO_SUCH_OBJECT)) == ["commitment_object_missing"]
        assert standing(session) == [("dead", "commitment_object_missing")]


def test_two_processes_ask_for_different_objects(store: Store, cases: list[str]) -> None:
    with store.begin() as session:
        for number in (1, 2, 3):
            send(session, cases[number - 1], number)
    with store.begin() as session:
        first = ask(session, "2.25.100", most=2)
    with store.begin() as session:
        second = ask(session, "2.25.101")
    assert (first, second) == (["2.25.1", "2.25.2"], ["2.25.3"])


def test_a_clock_that_was_set_back_holds_nothing_up(store: Store, cases: list[str]) -> None:
    with store.begin() as session:
        send(session, cases[0], 1)
        ask(session, "2.25.100")
        later = clock(session) + timedelta(days=30)
        session.execute(update(OutboxRow).values(due_at=later))
        assert commitments.is_any_due(session, "pacs")


def test_what_is_not_asked_for_any_more_is_delivered(store: Store, cases: list[str]) -> None:
    with store.begin() as session:
        send(session, cases[0], 1)
        assert commitments.is_any_stored(session, "pacs")
        assert len(commitments.end_stored(session, "pacs")) == 1
        assert standing(session) == [("delivered", "")]
        assert not commitments.is_any_stored(session, "pacs")
