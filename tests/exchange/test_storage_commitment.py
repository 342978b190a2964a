"""A PACS is asked to keep what it has, and what it reports is taken where it was asked for: with a
PACS by pynetdicom that answers as it is told."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import BasicTextSRStorage, ExplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification

from radraft.core.errors import StorageUnavailable
from radraft.exchange import storage_commitment
from radraft.exchange.dimse import Peer
from radraft.exchange.targets import Commitment, HostPort, Target
from radraft.exchange.values import DeliveryError
from radraft.pipeline.inbox import Inbox
from radraft.reports.commitment import CommitmentReport
from radraft.reports.outgoing_entry import FailureKind, SopInstance
from tests.exchange.builders import OURS, listening
from tests.exchange.test_dicom_sender import target as store_target
from tests.processes import free_port, until

pytestmark = pytest.mark.slow

TRANSACTION = "2.25.100"
FIRST, SECOND = (SopInstance(str(BasicTextSRStorage), f"2.25.{number}") for number in (1, 2))
WELL_KNOWN = "1.2.840.10008.1.20.1.1"
ALL_KEPT, SOME_FAILED = 1, 2


class Sink:
    """Takes what was asked for under `TRANSACTION` of `PACS`."""

    def __init__(self, *, is_down: bool = False) -> None:
        self.is_down = is_down
        self.taken: list[tuple[str, CommitmentReport]] = []

    def take(self, report: CommitmentReport, *, source: str) -> bool:
        if self.is_down:
            raise StorageUnavailable("database_busy")
        self.taken.append((source, report))
        return (report.transaction_uid, source) == (TRANSACTION, "PACS")


class Pacs:
    """A PACS that takes requests for commitment, and answers them as it is told."""

    def __init__(self) -> None:
        self.status = 0x0000
        self.aborts = False
        self.reports: Dataset | None = None
        """What it reports on the same association."""
        self.keeps = False
        """Whether it reports there that it keeps all that it was asked."""
        self.refuses = ""
        """UID of an object that it takes no request for."""
        self.asked: list[Dataset] = []
        self.answered: list[int] = []
        self.port = 0

    def act(self, event: Any) -> tuple[int, None]:
        if self.aborts:
            event.assoc.abort()
        asked = event.action_information
        named = [str(item.ReferencedSOPInstanceUID) for item in asked.ReferencedSOPSequence]
        if self.refuses in named:
            return 0x0112, None
        self.asked.append(asked)
        self.reports = asked if self.keeps else self.reports
        return self.status, None

    def sent(self, event: Any) -> None:
        """Report, once the response is on its way."""
        said = event.message
        if type(said).__name__ != "N_ACTION_RSP" or said.command_set.Status != 0x0000:
            return
        if self.reports is not None:
            # Not on the association's own thread, which serves meanwhile.
            threading.Thread(target=self._report, args=(event.assoc,)).start()

    def _report(self, association: Association) -> None:
        try:
            answer, _ = association.send_n_event_report(
                self.reports, ALL_KEPT, StorageCommitmentPushModel, WELL_KNOWN
            )
        except (RuntimeError, ValueError):
            return
        # None where the association was over before.
        if "Status" in answer:
            self.answered.append(int(answer.Status))


@contextmanager
def pacs(sop_class: str = StorageCommitmentPushModel, **options: Any) -> Iterator[Pacs]:
    made = Pacs()
    entity = AE("PACS")
    entity.require_called_aet = True
    entity.add_supported_context(sop_class, **options)
    handlers = [(evt.EVT_N_ACTION, made.act), (evt.EVT_DIMSE_SENT, made.sent)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    made.port = server.server_address[1]
    try:
        yield made
    finally:
        server.shutdown()


def target(port: int, aet: str = "PACS", **changes: Any) -> Target:
    terms = Commitment(aet, HostPort("127.0.0.1", port), timedelta(hours=1))
    return store_target(port, commitment=terms, **changes)


def ask(port: int, sink: Sink | None = None, **changes: Any) -> bool:
    return storage_commitment.ask(
        target(port, **changes), TRANSACTION, (FIRST, SECOND), sink or Sink()
    )


def said(
    *kept: SopInstance, failed: tuple[SopInstance, ...] = (), transaction: str = TRANSACTION
) -> Dataset:
    """What a report holds."""
    data_set = Dataset()
    data_set.TransactionUID = transaction
    for name, instances in (("ReferencedSOPSequence", kept), ("FailedSOPSequence", failed)):
        items = []
        for instance in instances:
            item = Dataset()
            item.ReferencedSOPClassUID = instance.sop_class
            item.ReferencedSOPInstanceUID = instance.uid
            if name == "FailedSOPSequence":
                item.FailureReason = 0x0112
            items.append(item)
        if items:
            setattr(data_set, name, items)
    return data_set


def reported(
    port: int, information: Dataset | None, event_type: int = ALL_KEPT, *, calling: str = "PACS",
    role: bool = True,
) -> int:  # fmt: skip
    """The status with which a report is answered that comes on an association of its own."""
    entity = AE(calling)
    entity.add_requested_context(StorageCommitmentPushModel, ExplicitVRLittleEndian)
    roles = [build_role(StorageCommitmentPushModel, scp_role=True)] if role else None
    association = entity.associate(
        "127.0.0.1", port, ae_title=OURS, ext_neg=roles
    )  # fmt: skip
    assert association.is_established
    connection = association.dul.socket.socket
    try:
        if not role:
            # Without a role it is the user, and its library would not let it report.
            association.accepted_contexts[0]._as_scp = True
        answer, _ = association.send_n_event_report(
            information, event_type, StorageCommitmentPushModel, WELL_KNOWN
        )
        return int(answer.Status)
    finally:
        association.release()
        connection.close()


def test_a_request_names_what_is_to_be_kept() -> None:
    with pacs() as running:
        running.keeps = True
        assert ask(running.port)
    (asked,) = running.asked
    assert asked.TransactionUID == TRANSACTION
    assert [
        (item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID)
        for item in asked.ReferencedSOPSequence
    ] == [(FIRST.sop_class, FIRST.uid), (SECOND.sop_class, SECOND.uid)]


def test_another_title_and_address_can_be_asked_than_those_that_store() -> None:
    with pacs() as running:
        running.keeps = True
        assert ask(running.port, host=HostPort("127.0.0.1", free_port()), called_aet="STORE")
    assert len(running.asked) == 1


def test_a_pacs_without_the_service_does_not_offer_it() -> None:
    with pacs(Verification) as running:
        assert not ask(running.port)
    with pacs(transfer_syntax=["1.2.840.10008.1.2.2"]) as running:
        assert not ask(running.port)


@pytest.mark.parametrize("result", [1, 2])
def test_a_pacs_that_takes_no_request_now_is_away_and_may_offer_it(result: int) -> None:
    """It rejects the context for this user, or without a reason (PS3.8 9.3.3.2)."""
    with rejecting(result) as port, pytest.raises(DeliveryError) as refused:
        ask(port)
    assert (refused.value.code, refused.value.kind) == (
        "dicom_association_rejected", FailureKind.AWAY,
    )  # fmt: skip


@contextmanager
def rejecting(result: int) -> Iterator[int]:
    """A peer that accepts an association and rejects its contexts; its port."""

    def item(kind: int, content: bytes) -> bytes:
        return struct.pack(">BxH", kind, len(content)) + content

    def answer() -> None:
        connection, _ = listening_socket.accept()
        with connection:
            length = struct.unpack(">2xI", connection.recv(6, socket.MSG_WAITALL))[0]
            asked = connection.recv(length, socket.MSG_WAITALL)
            syntax = item(0x40, b"1.2.840.10008.1.2")
            contexts = [
                item(0x21, struct.pack(">BxBx", number, result) + syntax) for number in (1, 3)
            ]
            application = item(0x10, b"1.2.840.10008.3.1.1.1")
            user = item(0x50, item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.3"))
            body = asked[:68] + application + b"".join(contexts) + user
            connection.sendall(struct.pack(">BxI", 2, len(body)) + body)
            while connection.recv(1024):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listening_socket:
        peer = threading.Thread(target=answer)
        peer.start()
        yield listening_socket.getsockname()[1]
        peer.join()


@pytest.mark.parametrize("status", [0x0110, 0x0112, 0x0123, 0x0124, 0x0213])
def test_a_request_that_is_refused_was_not_made(status: int) -> None:
    with pacs() as running, pytest.raises(DeliveryError) as refused:
        running.status = status
        ask(running.port)
    assert (refused.value.code, refused.value.kind, refused.value.details) == (
        "commitment_request_refused", FailureKind.REFUSED, {"status": f"{status:04X}"},
    )  # fmt: skip


def test_a_pacs_that_breaks_off_may_have_understood() -> None:
    with pacs() as running, pytest.raises(DeliveryError) as refused:
        running.aborts = True
        ask(running.port)
    assert (refused.value.code, refused.value.kind) == ("commitment_no_answer", FailureKind.UNCLEAR)


def test_a_pacs_that_does_not_know_us_was_not_asked() -> None:
    with pacs() as running, pytest.raises(DeliveryError) as refused:
        ask(running.port, aet="OTHER")
    assert (refused.value.code, refused.value.kind) == (
        "dicom_association_rejected", FailureKind.AWAY,
    )  # fmt: skip


# pynetdicom leaves a socket that was never connected to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_pacs_that_is_not_there_was_not_asked() -> None:
    with pytest.raises(DeliveryError) as refused:
        ask(free_port())
    assert (refused.value.code, refused.value.kind) == ("dicom_unreachable", FailureKind.AWAY)


def test_a_report_may_come_on_the_association_of_its_request() -> None:
    sink = Sink()
    with pacs() as running:
        running.reports = said(FIRST, SECOND)
        assert ask(running.port, sink)
        until(lambda: running.answered == [0x0000])
    ((source, report),) = sink.taken
    assert source == "PACS"
    assert report == CommitmentReport(TRANSACTION, frozenset({FIRST, SECOND}))


@pytest.mark.parametrize("role", [True, False])
def test_a_report_comes_to_the_listener_with_and_without_a_role(inbox: Inbox, role: bool) -> None:
    sink = Sink()
    with listening(inbox, sink, peers=(Peer("PACS"),)) as listener:
        assert reported(listener.port, said(FIRST, failed=(SECOND,)), role=role) == 0x0000
        assert reported(listener.port, said(FIRST, failed=(SECOND,)), SOME_FAILED) == 0x0000
    assert sink.taken == [
        ("PACS", CommitmentReport(TRANSACTION, frozenset({FIRST}), {SECOND: 0x0112}))
    ] * 2  # fmt: skip


def test_what_nobody_asked_for_is_refused(inbox: Inbox) -> None:
    peers = (Peer("PACS"), Peer("OTHER"))
    with listening(inbox, Sink(), peers=peers) as listener:
        assert reported(listener.port, said(FIRST, transaction="2.25.7")) == 0x0115
        assert reported(listener.port, said(FIRST), calling="OTHER") == 0x0115


def test_what_is_no_report_is_refused_and_reaches_nobody(inbox: Inbox) -> None:
    sink = Sink()
    without_uid, without_class = Dataset(), said(FIRST)
    without_uid.ReferencedSOPSequence = said(FIRST).ReferencedSOPSequence
    del without_class.ReferencedSOPSequence[0].ReferencedSOPClassUID
    with listening(inbox, sink, peers=(Peer("PACS"),)) as listener:
        assert reported(listener.port, without_uid) == 0x0115
        assert reported(listener.port, without_class) == 0x0115
        assert reported(listener.port, None) == 0x0115
        assert reported(listener.port, said(FIRST), 3) == 0x0113
    assert sink.taken == []


def test_a_report_that_cannot_be_written_down_is_not_confirmed(inbox: Inbox) -> None:
    with listening(inbox, Sink(is_down=True), peers=(Peer("PACS"),)) as listener:
        assert reported(listener.port, said(FIRST)) == 0x0110
        # The listener goes on.
        assert reported(listener.port, said(FIRST)) == 0x0110
