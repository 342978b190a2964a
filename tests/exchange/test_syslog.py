"""The audit on its way to a log server: RFC 5425 frames, DICOM's message, nothing lost."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from radraft.core.errors import SettingsError
from radraft.exchange import audit_message
from radraft.exchange.syslog import PORT, LogServer
from radraft.pipeline import audit_delivery
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind, Outcome
from radraft.store import audit
from radraft.store.database import Store
from tests.exchange.log_server import LogServerOfTests
from tests.exchange.test_tls import certificate

NOW = datetime(2026, 11, 29, 8, 0, 0, 123000, tzinfo=UTC)


def event(kind: AuditKind = AuditKind.VIEW, **more: object) -> AuditEvent:
    actor = AuditActor("王芳 <&>", "u-1", "10.0.0.7")
    return AuditEvent(kind, NOW, actor, site="north", case_id="c-1", **more)  # type: ignore[arg-type]


@pytest.fixture
def taking(tmp_path: Path) -> Iterator[LogServerOfTests]:
    made = LogServerOfTests(certificate(tmp_path, "log"))
    yield made
    made.close()


def named(server: LogServerOfTests, tmp_path: Path) -> LogServer:
    return LogServer("localhost", server.port, ca=tmp_path / "log.pem")


@pytest.mark.parametrize("kind", list(AuditKind))
def test_every_kind_of_event_is_a_message_of_dicom(kind: AuditKind) -> None:
    text = audit_message.message(event(kind, details={"version": "2"}), 7, "ab", "north")
    root = ElementTree.fromstring(text)
    assert root.tag == "AuditMessage"
    children = [child.tag for child in root]
    assert children == [
        "EventIdentification",
        "ActiveParticipant",
        "AuditSourceIdentification",
        "ParticipantObjectIdentification",
        "ParticipantObjectIdentification",
    ]
    said = root[0]
    assert said.get("EventDateTime") == "2026-11-29T08:00:00.123+00:00"
    assert said.get("EventOutcomeIndicator") == "0"
    assert said.get("EventActionCode") in set("CRUDE")
    code = said.find("EventID")
    assert code is not None
    assert re.fullmatch(r"1101\d\d", code.get("csd-code", ""))
    assert code.get("codeSystemName") == "DCM"
    assert root[1].get("UserName") == "王芳 <&>"
    assert root[1].get("NetworkAccessPointID") == "10.0.0.7"
    details = {
        detail.get("type"): base64.b64decode(detail.get("value", "")).decode()
        for detail in root[4].iter("ParticipantObjectDetail")
    }
    assert details == {"kind": kind.value, "site": "north", "version": "2", "head": "ab"}


@pytest.mark.parametrize(("outcome", "indicator"), [(Outcome.REFUSED, "4"), (Outcome.FAILED, "8")])
def test_what_was_refused_or_failed_says_so_with_its_code(outcome: Outcome, indicator: str) -> None:
    text = audit_message.message(event(outcome=outcome, code="not_allowed"), 1, "ab", "north")
    said = ElementTree.fromstring(text)[0]
    assert said.get("EventOutcomeIndicator") == indicator
    assert said.findtext("EventOutcomeDescription") == "not_allowed"


def test_events_arrive_in_order_each_in_a_frame_of_its_own(
    store: Store, taking: LogServerOfTests, tmp_path: Path
) -> None:
    for _ in range(3):
        with store.begin() as session:
            audit.append(session, event())
            audit.mark_sent(session, 1)
    assert audit_delivery.deliver(store, named(taking, tmp_path), "north") == 3
    head = re.compile(
        rb"<85>1 2026-11-29T08:00:00\.123Z \S+ radraft \d+ DICOM\+RFC3881 - \xef\xbb\xbf(.*)", re.S
    )
    numbers = []
    for message in taking.messages:
        found = head.fullmatch(message)
        assert found is not None
        root = ElementTree.fromstring(found[1].decode())
        numbers.append(root[4].get("ParticipantObjectID"))
    assert numbers == ["2", "3", "4"]
    with store.read() as session:
        assert audit.unsent(session) == 0
    assert audit_delivery.deliver(store, named(taking, tmp_path), "north") == 0


def test_what_a_server_did_not_say_it_took_is_sent_again(
    store: Store, taking: LogServerOfTests, tmp_path: Path
) -> None:
    with store.begin() as session:
        audit.append(session, event())
    taking.deaf = True
    with pytest.raises(OSError):
        audit_delivery.deliver(store, named(taking, tmp_path), "north")
    with store.read() as session:
        assert audit.unsent(session) == 2
    taking.deaf = False
    assert audit_delivery.deliver(store, named(taking, tmp_path), "north") == 2
    with store.read() as session:
        assert audit.unsent(session) == 0


def test_a_server_that_read_all_and_closed_without_a_word_took_it(
    store: Store, taking: LogServerOfTests, tmp_path: Path
) -> None:
    taking.silent = True
    assert audit_delivery.deliver(store, named(taking, tmp_path), "north") == 1
    assert len(taking.messages) == 1
    with store.read() as session:
        assert audit.unsent(session) == 0


@pytest.mark.parametrize(
    "where", ["log..example", ".x:6514", "tls://log:6514", "log:", "log:0", "log:70000", "a" * 64]
)
def test_what_is_no_server_is_said_at_the_start(where: str) -> None:
    with pytest.raises(SettingsError) as error:
        LogServer.named(where)
    assert error.value.code == "audit_syslog_invalid"


def test_a_server_that_is_not_who_it_should_be_gets_nothing(
    store: Store, taking: LogServerOfTests, tmp_path: Path
) -> None:
    with store.begin() as session:
        audit.append(session, event())
    certificate(tmp_path, "other")
    lying = LogServer("localhost", taking.port, ca=tmp_path / "other.pem")
    with pytest.raises(OSError):
        audit_delivery.deliver(store, lying, "north")
    assert taking.messages == []
    with store.read() as session:
        assert audit.unsent(session) == 2


def test_events_are_sent_while_the_service_runs_and_once_more_at_its_end(
    store: Store, taking: LogServerOfTests, tmp_path: Path
) -> None:
    delivery = audit_delivery.Delivery(store, named(taking, tmp_path), "north")
    delivery.start()
    with store.begin() as session:
        audit.append(session, event())
    delivery.close()
    assert len(taking.messages) == 2
    assert not delivery.failing


@pytest.mark.parametrize(
    ("where", "host", "port"),
    [
        ("log.example", "log.example", PORT),
        ("log.example:7514", "log.example", 7514),
        ("10.0.0.9:6514", "10.0.0.9", 6514),
        ("[2001:db8::1]:6514", "2001:db8::1", 6514),
        ("2001:db8::1", "2001:db8::1", PORT),
    ],
)
def test_a_server_is_named_with_or_without_its_port(where: str, host: str, port: int) -> None:
    server = LogServer.named(where)
    assert (server.host, server.port) == (host, port)


def test_a_certificate_that_cannot_be_read_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        LogServer.named("log.example", ca=tmp_path / "none.pem").context()
    assert error.value.code == "audit_syslog_tls_unusable"
