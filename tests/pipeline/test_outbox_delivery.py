"""What is signed leaves: once, in order, to everybody who wants it, whoever else is down."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from radraft.core.errors import ReportError, StorageDamaged, StorageUnavailable
from radraft.core.settings import Settings
from radraft.exchange.targets import Occasion, TargetKind
from radraft.exchange.values import DeliveryError
from radraft.pipeline import outbox as outbox_module
from radraft.pipeline.outbox import Outbox
from radraft.pipeline.outbox_sending import ReportSender
from radraft.reports.audit import AuditActor, AuditKind, AuditQuery
from radraft.reports.export.charset import Charset
from radraft.reports.export.values import OutgoingStatus
from radraft.reports.lifecycle import Move
from radraft.reports.outgoing_entry import (
    LONGEST_ABSENCE,
    Delivered,
    Entry,
    EntryState,
    FailureKind,
    NewEntry,
    Outcome,
    OutgoingForm,
)
from radraft.store import audit, outbox as stored
from radraft.store.database import Store
from radraft.store.leases import Owner
from radraft.store.presence import clock
from radraft.store.tables import OutboxRow, SignedRow
from tests.builders import add_case, signed_in
from tests.exchange.mllp_receiver import receiving, saying, takes
from tests.pipeline.outbox_site import (
    amend,
    delivering,
    drafted,
    folder_target,
    hl7_target,
    queued,
    service_with,
    sign,
    states,
    waits_for,
)
from tests.processes import free_port, until
from tests.store.tampering import unprotect

pytestmark = pytest.mark.slow

BY = AuditActor("管理")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", site="site-a")


def test_a_signed_report_lies_in_the_folder_and_the_audit_says_so(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    target = folder_target(tmp_path / "out")
    service = service_with(sqlite_store, settings, [target])
    case_id = drafted(sqlite_store, 1)
    with delivering(sqlite_store, settings, service.outbox):
        sign(service, case_id)
        until(lambda: waits_for(sqlite_store, EntryState.DELIVERED, 1))
    assert [path.name for path in (tmp_path / "out").glob("*.txt")] == [f"{case_id}-v1.txt"]
    with sqlite_store.read() as session:
        query = AuditQuery(kinds=frozenset({AuditKind.EXPORT}))
        (found,) = audit.search(session, query, 10).entries
    assert (found.event.case_id, found.event.site) == (case_id, "site-a")
    assert found.event.details["target"] == "share"


def test_a_signature_that_is_refused_queues_nothing(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    service = service_with(sqlite_store, settings, [folder_target(tmp_path / "out")])
    case_id = drafted(sqlite_store, 1)
    working = service.case_view(case_id).working
    with pytest.raises(ReportError):
        service.signing.sign(
            case_id,
            base_revision=working.revision,
            base_step=working.steps + 7,
            actor=signed_in(sqlite_store, "主治"),
        )
    assert states(sqlite_store) == []


def test_only_those_receivers_get_a_report_that_want_it_of_that_site(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    elsewhere = folder_target(tmp_path / "a", "elsewhere", sites=frozenset({"site-b"}))
    early = folder_target(tmp_path / "b", "early", occasions=frozenset({Occasion.PRELIMINARY}))
    service = service_with(sqlite_store, settings, [elsewhere, early])
    case_id = drafted(sqlite_store, 1)
    sign(service, case_id)
    assert states(sqlite_store) == []


def test_what_is_submitted_leaves_as_preliminary_and_not_once_it_was_taken_back(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    early = folder_target(tmp_path / "b", occasions=frozenset({Occasion.PRELIMINARY}))
    service = service_with(sqlite_store, settings, [early])
    author = signed_in(sqlite_store, "住院")
    case_ids = [drafted(sqlite_store, number) for number in (1, 2)]
    for case_id in case_ids:
        working = service.case_view(case_id).working
        step = {"actor": author, "base_step": working.steps, "base_revision": working.revision}
        service.signing.take(case_id, Move.SUBMIT, **step)
    taken_back = service.case_view(case_ids[1]).working
    service.signing.take(
        case_ids[1], Move.WITHDRAW, actor=author, base_step=taken_back.steps, base_revision=None
    )
    with delivering(sqlite_store, settings, service.outbox):
        until(
            lambda: "waiting" not in states(sqlite_store) and "sending" not in states(sqlite_store)
        )
    assert states(sqlite_store) == ["delivered", "void"]
    (file,) = (tmp_path / "b").glob("*.txt")
    assert file.read_text().startswith(f"{case_ids[0]} 1 preliminary\n")


def test_the_forms_that_people_read_lie_in_the_folder(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    target = folder_target(
        tmp_path / "out",
        forms=(OutgoingForm.TEXT, OutgoingForm.PDF),
        occasions=frozenset(Occasion),
        charset=Charset.GB18030,
    )
    service = service_with(sqlite_store, settings, [target])
    author = signed_in(sqlite_store, "住院")
    case_id = drafted(sqlite_store, 1)
    with (
        closing(ReportSender(sqlite_store, settings)) as sender,
        delivering(sqlite_store, settings, service.outbox, send=sender.send),
    ):
        working = service.case_view(case_id).working
        step = {"actor": author, "base_step": working.steps, "base_revision": working.revision}
        service.signing.take(case_id, Move.SUBMIT, **step)
        until(lambda: states(sqlite_store) == ["delivered", "delivered"])
        sign(service, case_id)
        until(lambda: states(sqlite_store) == ["delivered"] * 4)
    files = {
        path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.is_file()
    }
    early = files[f"{case_id}-v1-preliminary.txt"].decode("gb18030")
    final = files[f"{case_id}-v1.txt"].decode("gb18030")
    assert "所见f1。" in early
    assert "AI 生成" in early
    assert "所见f1。" in final
    assert "AI 生成" not in final
    assert {name: content[:5] for name, content in files.items() if name.endswith("pdf")} == {
        f"{case_id}-v1-preliminary.pdf": b"%PDF-",
        f"{case_id}-v1.pdf": b"%PDF-",
    }


def test_an_amendment_does_not_overtake_the_version_that_still_waits(
    sqlite_store: Store, settings: Settings
) -> None:
    with receiving(saying("AR")) as receiver:
        service = service_with(sqlite_store, settings, [hl7_target(receiver.port)])
        case_id = drafted(sqlite_store, 1)
        with delivering(sqlite_store, settings, service.outbox):
            sign(service, case_id)
            until(lambda: len(receiver.came) == 1)
            amend(service, case_id)
            sign(service, case_id)
            until(lambda: len(receiver.came) >= 2)
            receiver.answer = takes
            until(lambda: waits_for(sqlite_store, EntryState.DELIVERED, 2))
    texts = [message.decode() for message in receiver.kept().values()]
    assert [" 1 final" in text for text in texts] == [True, False]
    assert " 2 corrected" in texts[1]
    # Under its own number each time, in the same bytes.
    assert len(set(receiver.came)) == 2


def test_a_receiver_that_is_down_holds_no_other_up(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    targets = [hl7_target(free_port(), "down"), folder_target(tmp_path / "out")]
    service = service_with(sqlite_store, settings, targets)
    case_ids = [drafted(sqlite_store, number) for number in range(1, 4)]
    with delivering(sqlite_store, settings, service.outbox):
        for case_id in case_ids:
            sign(service, case_id)
        until(lambda: states(sqlite_store, "share").count("delivered") == len(case_ids))
    assert set(states(sqlite_store, "down")) == {"waiting"}
    with sqlite_store.read() as session:
        codes = {entry.code for entry in stored.entries(session, target="down")}
    assert codes <= {"hl7_unreachable", ""}


def test_a_receiver_that_is_there_again_gets_all_that_waited(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    service = service_with(sqlite_store, settings, [folder_target(tmp_path / "out")])
    gone = threading.Event()
    gone.set()

    def send(entry: Entry, target: object) -> Outcome:
        if gone.is_set():
            raise DeliveryError("hl7_unreachable", FailureKind.AWAY)
        return Delivered()

    for number in range(1, 31):
        queued(sqlite_store, number, "share")
    with delivering(sqlite_store, settings, service.outbox, send=send):
        until(lambda: any(entry.tries for entry in service.outbox.entries()))
        with sqlite_store.begin() as session:
            # As after a day, in which each was tried many times.
            later = clock(session) + LONGEST_ABSENCE
            session.execute(update(OutboxRow).values(due_at=later))
            oldest = OutboxRow.entry_id == 1
            session.execute(update(OutboxRow).where(oldest).values(due_at=clock(session)))
        gone.clear()
        until(lambda: waits_for(sqlite_store, EntryState.DELIVERED, 30))


def test_a_receiver_that_hangs_holds_no_other_up(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    targets = [folder_target(tmp_path / "a", "hangs"), folder_target(tmp_path / "b", "well")]
    service = service_with(sqlite_store, settings, targets)
    released = threading.Event()

    def send(entry: Entry, target: object) -> Outcome:
        if entry.what.target == "hangs":
            released.wait()
        return Delivered()

    with delivering(sqlite_store, settings, service.outbox, send=send):
        for number in range(1, 41):
            queued(sqlite_store, number, "hangs", "well")
        until(lambda: states(sqlite_store, "well").count("delivered") == 40)
        assert "delivered" not in states(sqlite_store, "hangs")
        released.set()


def test_a_fhir_server_gets_one_transaction_at_a_time(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    target = folder_target(tmp_path / "out", kind=TargetKind.FHIR)
    service = service_with(sqlite_store, settings, [target])
    together = threading.Barrier(2)
    met: list[int] = []

    def send(entry: Entry, target: object) -> Outcome:
        try:
            met.append(together.wait(1.0))
        except threading.BrokenBarrierError:
            together.reset()
        return Delivered()

    for number in (1, 2):
        queued(sqlite_store, number, "share")
    with delivering(sqlite_store, settings, service.outbox, send=send):
        until(lambda: waits_for(sqlite_store, EntryState.DELIVERED, 2))
    assert met == []


def test_what_is_refused_for_good_is_dead_after_its_tries_and_a_person_sends_it_again(
    sqlite_store: Store, settings: Settings
) -> None:
    with receiving(saying("AE", "101")) as receiver:
        service = service_with(sqlite_store, settings, [hl7_target(receiver.port)])
        case_id = drafted(sqlite_store, 1)
        with delivering(sqlite_store, settings, service.outbox):
            sign(service, case_id)
            until(lambda: states(sqlite_store) == ["dead"])
            assert len(receiver.came) == 3
            (dead,) = service.outbox.entries(states=[EntryState.DEAD])
            assert (dead.code, dead.details) == ("hl7_refused", {"answer": "AE", "error": "101"})
            receiver.answer = takes
            service.outbox.resend(dead.entry_id, by=BY)
            until(lambda: states(sqlite_store) == ["delivered"])
    assert len(receiver.kept()) == 1


def test_what_cannot_be_made_is_dead_at_once_with_its_code(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    service = service_with(sqlite_store, settings, [folder_target(tmp_path / "out")])
    tried: list[int] = []

    def send(entry: Entry, target: object) -> Outcome:
        tried.append(entry.entry_id)
        raise ReportError("signature_broken", case_id=entry.what.case_id, version=1)

    with delivering(sqlite_store, settings, service.outbox, send=send):
        queued(sqlite_store, 1, "share")
        until(lambda: states(sqlite_store) == ["dead"])
    (dead,) = service.outbox.entries()
    assert (dead.code, len(tried)) == ("signature_broken", 1)


def test_a_fault_of_ours_ends_no_lane(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    service = service_with(sqlite_store, settings, [folder_target(tmp_path / "out")])

    def send(entry: Entry, target: object) -> Outcome:
        raise ZeroDivisionError

    with delivering(sqlite_store, settings, service.outbox, send=send):
        for number in range(1, 13):
            queued(sqlite_store, number, "share")
        until(lambda: states(sqlite_store).count("dead") == 12)
    assert {entry.code for entry in service.outbox.entries()} == {"outbox_broken"}


def test_two_processes_share_and_send_each_report_once(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    service = service_with(sqlite_store, settings, [folder_target(tmp_path / "out")])
    other = Outbox(sqlite_store, service.outbox.targets)
    sent: list[int] = []

    def send(entry: Entry, target: object) -> Outcome:
        sent.append(entry.entry_id)
        return Delivered()

    for number in range(1, 41):
        queued(sqlite_store, number, "share")
    with (
        delivering(sqlite_store, settings, service.outbox, send=send),
        delivering(sqlite_store, settings, other, send=send),
    ):
        until(lambda: waits_for(sqlite_store, EntryState.DELIVERED, 40))
    assert sorted(sent) == sorted(set(sent))
    assert len(sent) == 40


def test_what_a_process_that_is_gone_was_sending_is_sent_by_another(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    service = service_with(sqlite_store, settings, [folder_target(tmp_path / "out")])
    sign(service, drafted(sqlite_store, 1))
    with sqlite_store.begin() as session:
        assert len(stored.claim(session, Owner(term_s=0.1), {"share": 9})) == 1
    with delivering(sqlite_store, settings, service.outbox):
        until(lambda: states(sqlite_store) == ["delivered"])


def test_a_clock_that_is_set_back_holds_nothing_up(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    service = service_with(sqlite_store, settings, [folder_target(tmp_path / "out")])
    sign(service, drafted(sqlite_store, 1))
    with sqlite_store.begin() as session:
        # Written when the clock was a year ahead.
        (entry,) = stored.entries(session)
        later = entry.due_at + timedelta(days=366)
        session.execute(update(OutboxRow).values(due_at=later, queued_at=later))
    with delivering(sqlite_store, settings, service.outbox):
        until(lambda: states(sqlite_store) == ["delivered"])


def test_a_receiver_that_the_file_names_no_more_keeps_what_waits_until_it_is_dropped(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    service = service_with(sqlite_store, settings, [folder_target(tmp_path / "a", "old")])
    sign(service, drafted(sqlite_store, 1))
    service.outbox.targets = (folder_target(tmp_path / "b", "new"),)
    case_id = drafted(sqlite_store, 2)
    with delivering(sqlite_store, settings, service.outbox):
        sign(service, case_id)
        until(lambda: states(sqlite_store, "new") == ["delivered"])
        assert states(sqlite_store, "old") == ["waiting"]
        new, old = service.outbox.standings()
        assert (new.name, new.target is None) == ("new", False)
        assert (old.name, old.target is None) == ("old", True)
        (orphan,) = service.outbox.entries(target="old")
        with pytest.raises(ReportError, match="outbox_reason_needed"):
            service.outbox.drop(orphan.entry_id, " ", by=BY)
        service.outbox.drop(orphan.entry_id, "old PACS is gone", by=BY)
        assert states(sqlite_store, "old") == ["dropped"]
    with sqlite_store.read() as session:
        query = AuditQuery(kinds=frozenset({AuditKind.OUTBOX}))
        (event,) = audit.search(session, query, 9).entries
    assert event.event.details["reason"] == "old PACS is gone"


def test_a_new_receiver_gets_what_was_signed_before_only_where_a_person_queues_it(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    service = service_with(sqlite_store, settings, [])
    case_id = drafted(sqlite_store, 1)
    sign(service, case_id)
    amend(service, case_id)
    sign(service, case_id)
    service.outbox.targets = (folder_target(tmp_path / "out"),)
    assert states(sqlite_store) == []
    signed_at = service.signed(case_id).signed_at
    since = signed_at - timedelta(days=1)
    assert service.outbox.queue_since("share", since, by=BY).new == 2
    assert service.outbox.queue_since("share", since, by=BY).new == 0
    with delivering(sqlite_store, settings, service.outbox):
        until(lambda: states(sqlite_store) == ["delivered", "delivered"])
    assert len(list((tmp_path / "out").glob("*.txt"))) == 2


def test_an_older_version_is_not_sent_again_after_a_later_one(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    service = service_with(sqlite_store, settings, [folder_target(tmp_path / "out")])
    case_id = drafted(sqlite_store, 1)

    def send(entry: Entry, target: object) -> Outcome:
        if entry.what.version == 1:
            raise DeliveryError("hl7_refused", FailureKind.REFUSED, answer="AE", error="-")
        return Delivered()

    with delivering(sqlite_store, settings, service.outbox, send=send):
        sign(service, case_id)
        until(lambda: states(sqlite_store) == ["dead"])
        amend(service, case_id)
        sign(service, case_id)
        until(lambda: states(sqlite_store) == ["dead", "delivered"])
    (dead,) = service.outbox.entries(states=[EntryState.DEAD])
    with pytest.raises(ReportError, match="outbox_overtaken"):
        service.outbox.resend(dead.entry_id, by=BY)


def test_what_a_later_version_went_before_is_not_queued(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    service = service_with(sqlite_store, settings, [])
    case_id = drafted(sqlite_store, 1)
    sign(service, case_id)
    since = service.signed(case_id).signed_at
    service.outbox.targets = (folder_target(tmp_path / "out"),)
    amend(service, case_id)
    sign(service, case_id)
    with delivering(sqlite_store, settings, service.outbox):
        until(lambda: states(sqlite_store) == ["delivered"])
        assert service.outbox.queue_since("share", since, by=BY).new == 0
    assert [path.name for path in (tmp_path / "out").glob("*.txt")] == [f"{case_id}-v2.txt"]


def test_a_signature_that_does_not_hold_keeps_no_other_from_being_queued(
    sqlite_store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each case is a batch of its own.
    monkeypatch.setattr(outbox_module, "BATCH", 1)
    service = service_with(sqlite_store, settings, [])
    case_ids = [drafted(sqlite_store, number) for number in (1, 2, 3)]
    for case_id in case_ids:
        sign(service, case_id)
    since = service.signed(case_ids[0]).signed_at
    unprotect(settings, "signed_reports")
    with sqlite_store.begin() as session:
        broken = SignedRow.case_id == case_ids[1]
        session.execute(update(SignedRow).where(broken).values(content_sha="0" * 64))
    service.outbox.targets = (folder_target(tmp_path / "out"),)
    queued_now = service.outbox.queue_since("share", since, by=BY)
    assert (queued_now.new, queued_now.broken) == (2, (case_ids[1],))
    assert states(sqlite_store) == ["waiting", "waiting"]


def test_what_is_submitted_again_leaves_once_more_and_the_old_submission_does_not(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    early = folder_target(tmp_path / "b", occasions=frozenset({Occasion.PRELIMINARY}))
    service = service_with(sqlite_store, settings, [early])
    author = signed_in(sqlite_store, "住院")
    case_id = drafted(sqlite_store, 1)

    def take(move: Move) -> None:
        working = service.case_view(case_id).working
        service.signing.take(
            case_id,
            move,
            actor=author,
            base_step=working.steps,
            base_revision=working.revision,
        )

    take(Move.SUBMIT)
    take(Move.WITHDRAW)
    take(Move.SUBMIT)
    with delivering(sqlite_store, settings, service.outbox):
        until(lambda: states(sqlite_store) == ["void", "delivered"])
        take(Move.WITHDRAW)
        take(Move.SUBMIT)
        until(lambda: states(sqlite_store) == ["void", "delivered", "delivered"])


def test_damage_in_the_store_is_dead_and_a_store_that_is_busy_is_tried_again(
    sqlite_store: Store, settings: Settings, tmp_path: Path
) -> None:
    service = service_with(sqlite_store, settings, [folder_target(tmp_path / "out")])
    busy = [True]

    def send(entry: Entry, target: object) -> Outcome:
        if entry.entry_id == 1:
            raise StorageDamaged("row_damaged", table="signed", key="1")
        if busy.pop():
            busy.append(False)
            raise StorageUnavailable("database_busy")
        return Delivered()

    with delivering(sqlite_store, settings, service.outbox, send=send):
        queued(sqlite_store, 1, "share")
        queued(sqlite_store, 2, "share")
        until(lambda: states(sqlite_store) == ["dead", "delivered"])
    (dead,) = service.outbox.entries(states=[EntryState.DEAD])
    assert (dead.code, dead.tries) == ("row_damaged", 1)


def test_queueing_the_same_twice_is_queueing_it_once(store: Store) -> None:
    with store.begin() as session:
        case_id = add_case(session, 1)
        new = NewEntry("a", case_id, 1, 0, OutgoingStatus.FINAL, OutgoingForm.TEXT)
        assert stored.enqueue(session, [new]) == 1
    with store.begin() as session:
        assert stored.enqueue(session, [new]) == 0
        owner = Owner()
        (claimed,) = stored.claim(session, owner, {"a": 1, "b": 5})
        assert claimed.what == new
        assert stored.claim(session, Owner(), {"a": 1}) == ()
