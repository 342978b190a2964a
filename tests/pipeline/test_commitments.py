"""What a PACS keeps for good: Orthanc is asked, and reports to whichever process listens; PACSs
that do not offer it, refuse or hang are seen, and hold nothing up."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pynetdicom.sop_class import Verification
from sqlalchemy import update

from radraft.core.metrics import Metrics
from radraft.core.settings import Settings
from radraft.exchange.dimse import Peer
from radraft.exchange.targets import Commitment, HostPort, Target, TargetKind
from radraft.pipeline.commitments import CommitmentReports, asking
from radraft.pipeline.inbox import Inbox
from radraft.pipeline.outbox import Outbox
from radraft.reports.audit import AuditKind, AuditQuery
from radraft.reports.outgoing_entry import OutgoingForm
from radraft.store import audit, outbox as stored
from radraft.store.database import Store
from radraft.store.tables import OutboxRow
from tests import orthanc
from tests.builders import add_case
from tests.exchange.builders import OURS, listening
from tests.exchange.test_storage_commitment import pacs
from tests.pipeline import outbox_site
from tests.pipeline.outbox_site import SIGNED, drafted, service_with, sign, states
from tests.processes import Program, until
from tests.store.test_commitments import instance, send

pytestmark = pytest.mark.slow

PORT = 11112
HOUR = timedelta(hours=1)
SECONDS = timedelta(seconds=5)
"""To be asked again in, where a slow machine may miss what is reported."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", site="site-a")


@pytest.fixture
def inbox(sqlite_store: Store, tmp_path: Path) -> Iterator[Inbox]:
    opened = Inbox(tmp_path / "data", sqlite_store)
    yield opened
    opened.close()


def pacs_target(port: int, aet: str = "PACS", within: timedelta = HOUR, **changes: Any) -> Target:
    host = HostPort("127.0.0.1", port)
    values: dict[str, Any] = {
        "name": "pacs", "kind": TargetKind.DICOM, "sites": frozenset({"*"}),
        "forms": (OutgoingForm.SR,), "occasions": SIGNED, "host": host, "called_aet": aet,
        "calling_aet": OURS, "timeout_s": 20.0, "commitment": Commitment(aet, host, within),
    }  # fmt: skip
    return Target(**values | changes)


@contextmanager
def delivering(store: Store, settings: Settings, outbox: Outbox) -> Iterator[None]:
    """Store what is queued, with documents that are real."""
    from radraft.pipeline.outbox_rendering import renderers

    with outbox_site.delivering(store, settings, outbox, makers=renderers(store, settings)):
        yield


@pytest.fixture
def orthanc_pacs(tmp_path: Path) -> Iterator[orthanc.Orthanc]:
    orthanc.needs("Orthanc", "ip")
    modalities = {"radraft": [OURS, "127.0.0.1", PORT]}
    with (
        orthanc.private_network(),
        orthanc.running(tmp_path / "orthanc", modalities=modalities) as running,
    ):
        yield running


def stored_reports(store: Store, *targets: str, count: int = 1) -> None:
    """So many reports, each of which each target has said that it has."""
    number = 0
    with store.begin() as session:
        for target in targets:
            for _ in range(count):
                number += 1
                send(session, add_case(session, number), number, target=target)


def is_asked_again(store: Store) -> None:
    """The time for the report is over."""
    with store.begin() as session:
        session.execute(update(OutboxRow).values(due_at=OutboxRow.queued_at))


def codes(store: Store) -> list[str]:
    with store.read() as session:
        return [entry.code for entry in reversed(stored.entries(session))]


def counted(metrics: Metrics) -> dict[tuple[str, str], float]:
    """(target, outcome) with how often."""
    return {
        (sample.labels["target"], sample.labels["outcome"]): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "radraft_outbox_commitments_total"
    }


def noted(store: Store) -> list[str]:
    """What the audit says of commitments."""
    query = AuditQuery(kinds=frozenset({AuditKind.OUTBOX}))
    with store.read() as session:
        return [entry.event.details["what"] for entry in audit.search(session, query, 10).entries]


@pytest.mark.pacs
def test_orthanc_reports_to_another_process_than_that_which_asked(
    sqlite_store: Store, settings: Settings, orthanc_pacs: orthanc.Orthanc, tmp_path: Path
) -> None:
    target = pacs_target(orthanc.DICOM, "ORTHANC")
    service = service_with(sqlite_store, settings, [target])
    told = {
        "dicom_port": str(PORT), "dicom_host": "127.0.0.1", "dicom_aet": OURS, "site": "site-a",
        "dicom_peers": '[{"aet": "ORTHANC", "host": "127.0.0.1"}]',
    }  # fmt: skip
    listener = Program(tmp_path / "data", ("listen",), told)
    with ExitStack() as stack:
        stack.enter_context(delivering(sqlite_store, settings, service.outbox))
        stack.enter_context(asking(sqlite_store, service.outbox, Metrics()))
        sign(service, drafted(sqlite_store, 1))
        # Nobody listens: it has the report, and could not say that it keeps it.
        until(lambda: states(sqlite_store) == ["stored"])
        assert orthanc_pacs.instances() == 1
        listener.start()
        stack.callback(listener.kill)
        until(lambda: is_listening(PORT), alive=lambda: listener.is_alive)
        is_asked_again(sqlite_store)
        until(lambda: states(sqlite_store) == ["delivered"], alive=lambda: listener.is_alive)
    assert codes(sqlite_store) == [""]
    assert noted(sqlite_store) == ["committed"]


@pytest.mark.pacs
def test_what_orthanc_lost_is_sent_again(
    sqlite_store: Store, settings: Settings, inbox: Inbox, orthanc_pacs: orthanc.Orthanc
) -> None:
    target = pacs_target(orthanc.DICOM, "ORTHANC")
    service = service_with(sqlite_store, settings, [target])
    reports = CommitmentReports(sqlite_store, wake=service.outbox.wake)
    peers = (Peer("ORTHANC", "127.0.0.1"),)
    with delivering(sqlite_store, settings, service.outbox):
        sign(service, drafted(sqlite_store, 1))
        until(lambda: states(sqlite_store) == ["stored"])
        for study in orthanc_pacs.get("/studies"):
            httpx.delete(f"{orthanc_pacs.http}/studies/{study}", trust_env=False)
        assert orthanc_pacs.instances() == 0
        with (
            listening(inbox, reports, port=PORT, peers=peers),
            asking(sqlite_store, service.outbox, Metrics()),
        ):
            until(lambda: states(sqlite_store) == ["delivered"])
    assert orthanc_pacs.instances() == 1
    assert noted(sqlite_store) == ["committed", "not_committed"]
    with sqlite_store.read() as session:
        assert stored.entries(session)[0].tries == 2


def is_listening(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def test_a_report_on_the_same_association_is_written_down_and_counted(sqlite_store: Store) -> None:
    stored_reports(sqlite_store, "pacs", count=3)
    metrics = Metrics()
    with pacs() as running:
        running.keeps = True
        outbox = Outbox(sqlite_store, [pacs_target(running.port, within=SECONDS)])
        with asking(sqlite_store, outbox, metrics):
            until(lambda: states(sqlite_store) == ["delivered"] * 3)
    # All in one request.
    assert len(running.asked[0].ReferencedSOPSequence) == 3
    assert counted(metrics)["pacs", "committed"] == 3


def test_a_pacs_that_does_not_offer_it_is_said_once_and_c_store_counts(
    sqlite_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    stored_reports(sqlite_store, "pacs")
    metrics = Metrics()
    with pacs(Verification) as running, caplog.at_level(logging.WARNING):
        outbox = Outbox(sqlite_store, [pacs_target(running.port)])
        with asking(sqlite_store, outbox, metrics):
            until(lambda: states(sqlite_store) == ["delivered"])
            with sqlite_store.begin() as session:
                send(session, add_case(session, 9), 9)
            until(lambda: states(sqlite_store) == ["delivered"] * 2)
        (standing,) = outbox.standings()
    assert not standing.commits
    assert counted(metrics) == {("pacs", "commitment_not_offered"): 2}
    said_of_it = [
        record.getMessage() for record in caplog.records if record.name.startswith("radraft")
    ]
    assert said_of_it == ["pacs does not offer storage commitment"]


def test_one_object_that_a_pacs_does_not_take_does_not_keep_the_others_out(
    sqlite_store: Store,
) -> None:
    stored_reports(sqlite_store, "pacs", count=3)
    with pacs() as running:
        running.keeps, running.refuses = True, instance(2).uid
        outbox = Outbox(sqlite_store, [pacs_target(running.port, within=SECONDS)])
        with asking(sqlite_store, outbox, Metrics()):
            until(lambda: states(sqlite_store) == ["delivered", "stored", "delivered"])
            until(lambda: codes(sqlite_store)[1] == "commitment_request_refused")


# pynetdicom leaves a socket that was never connected to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_pacs_that_hangs_or_is_away_keeps_no_other_waiting(sqlite_store: Store) -> None:
    stored_reports(sqlite_store, "silent", "away", "pacs")
    with pacs() as running, socket.create_server(("127.0.0.1", 0)) as silent, ExitStack() as stack:
        closed = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        away = closed.getsockname()[1]
        stack.close()
        running.keeps = True
        targets = [
            pacs_target(silent.getsockname()[1], name="silent", timeout_s=0.5),
            pacs_target(away, name="away", timeout_s=0.5),
            pacs_target(running.port, within=SECONDS),
        ]
        with asking(sqlite_store, Outbox(sqlite_store, targets), Metrics()):
            until(lambda: states(sqlite_store, "pacs") == ["delivered"])
            until(lambda: codes(sqlite_store)[1] == "dicom_unreachable")
            until(lambda: codes(sqlite_store)[0] != "")
    assert states(sqlite_store)[:2] == ["stored", "stored"]


def test_what_is_stored_where_nobody_asks_any_more_is_delivered(sqlite_store: Store) -> None:
    stored_reports(sqlite_store, "pacs")
    outbox = Outbox(sqlite_store, [pacs_target(1, commitment=None)])
    with asking(sqlite_store, outbox, Metrics()):
        assert states(sqlite_store) == ["delivered"]
