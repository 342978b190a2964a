"""What could not be delivered, over HTTP: for the administrators of its site, and noted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from radraft.exchange.targets import Commitment, HostPort, Target, TargetKind
from radraft.pipeline.service import Service
from radraft.reports.audit import AuditKind, AuditQuery
from radraft.reports.export.values import OutgoingStatus
from radraft.reports.outgoing_entry import (
    EntryState,
    Failed,
    FailureKind,
    NewEntry,
    OutgoingForm,
    after_try,
)
from radraft.reports.roles import Role
from radraft.store import audit, commitments, outbox as stored
from radraft.store.database import Store
from radraft.store.leases import Owner
from radraft.store.outbox import Tried
from radraft.ui.access import application
from radraft.ui.api.monitoring import add_monitoring
from radraft.ui.api.outbox import add_outbox
from radraft.ui.api.reports import add_api
from tests.store.test_commitments import send
from tests.ui import seed
from tests.ui.conftest import ORIGIN
from tests.ui.people import become

pytestmark = pytest.mark.slow


def dead_entry(store: Store, case_id: str, target: str = "ris") -> int:
    """An entry that its receiver has refused for good."""
    with store.begin() as session:
        new = NewEntry(target, case_id, 1, 0, OutgoingStatus.FINAL, OutgoingForm.ORU)
        stored.enqueue(session, [new])
        owner = Owner()
        (entry,) = stored.claim(session, owner, {target: 1})
        failed = Failed(FailureKind.REFUSED, "hl7_refused", {"answer": "AE", "error": "101"})
        after = after_try(failed, tries=3, refusals=2, jitter=0.0)
        stored.settle(session, owner, [Tried(entry, after, failed)])
    return entry.entry_id


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    app = application(service)
    add_api(app, service)
    add_outbox(app, service)
    add_monitoring(app, service)
    here = ("127.0.0.1", 40_000)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}, client=here) as client:
        yield client


def test_an_administrator_sees_why_and_sends_it_again(client: TestClient, service: Service) -> None:
    case_id = seed.add(service.store)
    entry_id = dead_entry(service.store, case_id)
    become(client, "管", (Role.ADMINISTRATOR,))
    shown = client.get("/api/outbox").json()
    (target,) = shown["targets"]
    assert (target["name"], target["orphaned"], target["dead"]) == ("ris", True, 1)
    (dead,) = shown["dead"]
    assert (dead["entry"], dead["case_id"], dead["code"]) == (entry_id, case_id, "hl7_refused")
    assert "AE" in dead["problem"]["zh"]
    assert "AE" in dead["problem"]["en"]
    again = client.post(f"/api/outbox/{entry_id}/resend").json()
    assert again["state"] == "waiting"
    assert client.get("/api/outbox").json()["dead"] == []
    assert client.post(f"/api/outbox/{entry_id}/resend").status_code == 200


def test_what_a_pacs_has_not_committed_itself_to_is_shown(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store)
    host = HostPort("127.0.0.1", 104)
    terms = Commitment("PACS", host, timedelta(hours=1))
    everywhere, forms = frozenset({"*"}), (OutgoingForm.SR,)
    service.outbox.targets = (
        Target("pacs", TargetKind.DICOM, everywhere, forms, frozenset(), host, commitment=terms),
    )
    with service.store.begin() as session:
        send(session, case_id, 1)
        commitments.note_offer(session, "pacs", offered=False)
    become(client, "管", (Role.ADMINISTRATOR,))
    shown = client.get("/api/outbox").json()
    (target,) = shown["targets"]
    assert (target["stored"], target["waiting"]) == (1, 0)
    assert "C-STORE" in target["commitment"]["zh"]
    (waiting,) = shown["waiting"]
    assert waiting["state"] == "stored"


def test_a_drop_needs_its_reason_and_stands_in_the_audit(
    client: TestClient, service: Service
) -> None:
    entry_id = dead_entry(service.store, seed.add(service.store))
    become(client, "管", (Role.ADMINISTRATOR,))
    refused = client.post(f"/api/outbox/{entry_id}/drop", json={"reason": "  "})
    assert refused.json()["error"]["code"] == "outbox_reason_needed"
    dropped = client.post(f"/api/outbox/{entry_id}/drop", json={"reason": "entered by hand"})
    assert dropped.json()["state"] == "dropped"
    again = client.post(f"/api/outbox/{entry_id}/drop", json={"reason": "again"})
    assert again.json()["error"]["code"] == "outbox_move_denied"
    service.trail.drain()
    query = AuditQuery(kinds=frozenset({AuditKind.OUTBOX}))
    with service.store.read() as session:
        events = [found.event for found in audit.search(session, query, 10).entries]
    told = {(event.code, event.details.get("reason", ""), event.actor.name) for event in events}
    assert told == {
        ("outbox_reason_needed", "", "管"),
        ("", "entered by hand", "管"),
        ("outbox_move_denied", "", "管"),
    }


def test_nobody_sees_to_reports_of_a_site_that_is_not_his(
    client: TestClient, service: Service
) -> None:
    entry_id = dead_entry(service.store, seed.add(service.store))
    become(client, "管", (Role.ADMINISTRATOR,), site="elsewhere")
    assert client.get("/api/outbox").json() == {"targets": [], "dead": [], "waiting": []}
    assert client.post(f"/api/outbox/{entry_id}/resend").status_code == 403
    assert client.post(f"/api/outbox/{entry_id}/drop", json={"reason": "x"}).status_code == 403
    with service.store.read() as session:
        assert stored.get(session, entry_id).state is EntryState.DEAD


def test_what_waits_for_a_person_makes_nothing_unready_and_is_told(
    client: TestClient, service: Service
) -> None:
    assert "outbox" not in client.get("/health/ready").json()
    dead_entry(service.store, seed.add(service.store))
    figures = client.get("/metrics").text
    assert 'radraft_outbox_entries{state="dead",target="ris"} 1.0' in figures
    with service.store.begin() as session:
        stored.resend(session, 1)
    assert 'radraft_outbox_oldest_seconds{target="ris"}' in client.get("/metrics").text


def test_a_dead_report_is_told_to_whoever_asks_for_readiness(
    client: TestClient, service: Service
) -> None:
    dead_entry(service.store, seed.add(service.store))
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["outbox"]) == (200, "late")
