"""What was signed stays to the byte when its patient is corrected or merged; what was not sent yet
leaves with today's patient, and what was sent is not sent again."""

from __future__ import annotations

import multiprocessing
import os
import signal
from contextlib import closing, suppress
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from hl7.client import MLLPClient
from sqlalchemy import select

from radraft.core.settings import Settings
from radraft.exchange.mllp_listener import MllpListener, MllpSettings
from radraft.exchange.targets import Target
from radraft.pipeline.completion import Completion
from radraft.pipeline.inbox import Inbox
from radraft.pipeline.order_intake import OrderIntake
from radraft.pipeline.outbox_sending import ReportSender
from radraft.pipeline.patient_identity import MERGED
from radraft.reports.export.values import OutgoingReport
from radraft.reports.outgoing_entry import EntryState, OutgoingForm
from radraft.store import cases, patient_records, signatures
from radraft.store.database import Store, open_store
from radraft.store.tables import SignedRow
from tests import builders
from tests.exchange.builders import Clock, film_file
from tests.hl7_messages import patient_message
from tests.pipeline.outbox_site import (
    amend,
    delivering,
    drafted,
    folder_target,
    service_with,
    sign,
    states,
    waits_for,
)
from tests.pipeline.test_completion import completion, only_case, originals
from tests.pipeline.test_late_images import taken_in
from tests.processes import until

pytestmark = pytest.mark.slow

__all__ = ["completion"]

context = multiprocessing.get_context("spawn")
MERGE = patient_message(
    "M1",
    kind="ADT^A40",
    patient="NEW-1^^^HOSPITAL^MR",
    prior=f"{builders.PATIENT_ID}^^^HOSPITAL^MR",
    name="Wang^Xiaoming~王^小明",
)


def receive(store: Store, message: str) -> None:
    assert b"MSA|AA" in OrderIntake(store).receive(message.encode(), site="site-a", source="t")


def named(report: OutgoingReport, target: Target) -> bytes:
    """Whose it is, and which version."""
    patient = report.examination.patient
    return f"{patient.patient_id} {patient.name} {report.version}".encode()


def content(store: Store, case_id: str) -> list[tuple[str, str]]:
    with store.read() as session:
        rows = session.execute(
            select(SignedRow.content, SignedRow.content_sha).where(SignedRow.case_id == case_id)
        )
        return [tuple(row) for row in rows]


def test_a_signed_report_stays_and_leaves_with_todays_patient(store: Store, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "out-data", site="site-a")
    target = folder_target(tmp_path / "out")
    service = service_with(store, settings, [target])
    case_id = drafted(store, 1)
    with closing(ReportSender(store, settings, makers={OutgoingForm.TEXT: named})) as sender:
        sign(service, case_id)
        before = content(store, case_id)
        receive(store, MERGE)
        with delivering(store, settings, service.outbox, send=sender.send):
            until(lambda: waits_for(store, EntryState.DELIVERED, 1))
        (file,) = (tmp_path / "out").glob("*.txt")
        assert file.read_bytes().decode() == "NEW-1 Wang^Xiaoming=王^小明 1"
        receive(store, patient_message("A9", patient="NEW-1", name="Wang^Other~王^大明",
                                       entered_at="20260306083000+0800"))  # fmt: skip
        # It was sent, and nothing sends it again.
        assert states(store) == ["delivered"]
        assert content(store, case_id) == before
        with store.read() as session:
            (signed,) = signatures.versions(session, case_id)
            assert cases.identity(session, case_id).patient.name == "Wang^Other=王^大明"
        assert MERGED not in service.case_view(case_id).case.issues
        assert signed.version == 1
        amend(service, case_id)
        sign(service, case_id)
        with delivering(store, settings, service.outbox, send=sender.send):
            until(lambda: waits_for(store, EntryState.DELIVERED, 2))
    sent = {path.read_text() for path in (tmp_path / "out").glob("*.txt")}
    assert sent == {"NEW-1 Wang^Xiaoming=王^小明 1", "NEW-1 Wang^Other=王^大明 2"}
    assert content(store, case_id)[0] == before[0]


def test_who_is_at_a_report_is_told_and_keeps_what_he_wrote(store: Store, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "out-data", site="site-a")
    service = service_with(store, settings, [])
    case_id = drafted(store, 1)
    opened = service.case_view(case_id)
    receive(store, MERGE)
    now = service.case_view(case_id)
    assert [one.issue.code for one in now.standing if one.issue.code == MERGED] == [MERGED]
    assert now.identity.patient.patient_id == "NEW-1"
    assert now.working == opened.working
    # He signs what he had opened.
    actor = builders.signed_in(store, "主治")
    service.signing.sign(
        case_id, base_revision=opened.working.revision, base_step=opened.working.steps, actor=actor
    )
    with store.read() as session:
        assert [signed.version for signed in signatures.versions(session, case_id)] == [1]


def test_images_that_come_late_with_the_old_header_are_taken_and_the_merge_stays(
    completion: Completion, inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    taken_in(completion, inbox, clock, film_file(tmp_path, 1))
    case_id = only_case(sqlite_store).case_id
    with sqlite_store.read() as session:
        sent = cases.identity(session, case_id).patient
        site = cases.get_case(session, case_id).site
    message = patient_message(kind="ADT^A40", patient="NEW-1", prior=sent.patient_id,
                              name="Wang^Xiaoming~王^小明", born="", sex="")  # fmt: skip
    answer = OrderIntake(sqlite_store).receive(message.encode(), site=site, source="t")
    assert b"MSA|AA" in answer
    with sqlite_store.read() as session:
        assert cases.identity(session, case_id).patient.patient_id == "NEW-1"
    taken_in(completion, inbox, clock, film_file(tmp_path, 2, ViewPosition="LL"))
    assert originals(sqlite_store, case_id) == 2
    with sqlite_store.read() as session:
        now = cases.identity(session, case_id).patient
        assert patient_records.sent_identity(session, case_id).patient == sent
    assert (now.patient_id, now.name) == ("NEW-1", "Wang^Xiaoming=王^小明")


class _Killed(OrderIntake):
    """Commits, and is killed before it can answer."""

    def receive(self, raw: bytes, *, site: str, source: str) -> bytes:
        super().receive(raw, site=site, source=source)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def _serve(data_dir: Path, pipe: Connection) -> None:
    """Listen until killed."""
    store = open_store(Settings(data_dir=data_dir))
    listener = MllpListener(MllpSettings("127.0.0.1", 0, "site-a"), _Killed(store))
    pipe.send(listener.port)
    pipe.recv()


def test_a_merge_that_was_committed_and_never_answered_is_taken_once(
    sqlite_store: Store, tmp_path: Path
) -> None:
    with sqlite_store.begin() as session:
        case_id = builders.add_case(session)
    ours, theirs = context.Pipe()
    child = context.Process(target=_serve, args=(tmp_path / "data", theirs))
    child.start()
    try:
        with MLLPClient("127.0.0.1", ours.recv()) as client, suppress(ConnectionError):
            assert client.send_message(MERGE) == b""
        child.join(60)
        assert child.exitcode == -signal.SIGKILL
    finally:
        child.kill()
        child.join()
    intake = OrderIntake(sqlite_store)
    with (
        closing(MllpListener(MllpSettings("127.0.0.1", 0, "site-a"), intake)) as listener,
        MLLPClient("127.0.0.1", listener.port) as client,
    ):
        assert b"MSA|AA|M1" in client.send_message(MERGE)
    assert intake.counts() == {"repeated": 1}
    with sqlite_store.read() as session:
        assert cases.identity(session, case_id).patient.patient_id == "NEW-1"
        assert len(patient_records.changes(session, case_id)) == 1
