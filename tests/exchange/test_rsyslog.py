"""The audit sent to a real rsyslog over TLS: whole, and none lost while either of both is away."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.exchange import audit_message
from radraft.exchange.syslog import LogServer
from radraft.pipeline import audit_delivery
from radraft.reports.audit import MOST_DETAIL, AuditActor, AuditEvent, AuditKind
from radraft.store import audit
from radraft.store.database import Store, open_store
from tests import children
from tests.exchange.rsyslog import Rsyslog, installed
from tests.scale import scaled

pytestmark = [pytest.mark.slow, pytest.mark.scaled]

RESTARTS = scaled(4, full=40)
KILLS = scaled(4, full=50)
BETWEEN = 60
"""Events from one restart to the next."""


def event(number: int) -> AuditEvent:
    """One with names that are long, Chinese, and full of what XML and syslog set apart."""
    actor = AuditActor(f"王芳 <&> \"'] [x y=z] {number}", f"u-{number}", "2001:db8::7")
    details = {"what": f"{number} 更正 \\ %x @ ".ljust(MOST_DETAIL, "长")}
    now = datetime.now(UTC)
    return AuditEvent(AuditKind.VIEW, now, actor, site="北院", case_id="c-1", details=details)


def add(store: Store, number: int) -> None:
    with store.begin() as session:
        audit.append(session, event(number))


@pytest.fixture
def rsyslog(tmp_path: Path) -> Iterator[Rsyslog]:
    if not installed():
        pytest.skip("not installed: rsyslog, rsyslog-openssl")
    folder = tmp_path / "rsyslog"
    folder.mkdir()
    made = Rsyslog(folder)
    made.start()
    yield made
    made.stop()


def kept(store: Store) -> dict[int, str]:
    """Number and message of each event of the audit."""
    with store.read() as session:
        entries = audit.after(session, 0, 1_000_000)
    return {
        entry.sequence: audit_message.message(entry.event, entry.sequence, entry.head, "北院")
        for entry in entries
    }


def delivered(store: Store, rsyslog: Rsyslog) -> list[int]:
    """Numbers of what arrived, in order: each message is the audit's own, as often as it came."""
    while audit_delivery.deliver(store, rsyslog.server, "北院"):
        pass
    rsyslog.stop()
    own = kept(store)
    messages = rsyslog.messages()
    numbers = [number for number, _ in rsyslog.events()]
    for number, message in zip(numbers, messages, strict=True):
        assert message["text"].removeprefix("\ufeff") == own[number]
    # A second time the same number and head come again: whoever reads knows it for what it is.
    assert len(set(rsyslog.events())) == len(set(numbers))
    assert set(numbers) == set(own)
    return numbers


def test_events_arrive_whole_and_once_as_rsyslog_understands_them(
    sqlite_store: Store, rsyslog: Rsyslog
) -> None:
    many = audit_delivery.AT_ONCE * 2 + 50
    for number in range(many):
        add(sqlite_store, number)
    numbers = delivered(sqlite_store, rsyslog)
    assert numbers == list(range(1, many + 2))
    for message in rsyslog.messages():
        said = {name: message[name] for name in ("version", "priority", "program", "kind", "data")}
        assert said == {
            "version": "1",
            "priority": "85",
            "program": "radraft",
            "kind": "DICOM+RFC3881",
            "data": "-",
        }
        assert datetime.fromisoformat(message["time"]).tzinfo is not None


def test_what_comes_while_a_log_server_is_away_arrives_once_it_is_back(
    sqlite_store: Store, rsyslog: Rsyslog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends while it holds nothing unwritten: what rsyslog acknowledges in the moment in which it
    ends it may lose (docs/audit.md)."""
    monkeypatch.setattr(audit_delivery, "LOOK_S", 0.01)
    monkeypatch.setattr(audit_delivery, "RETRY_S", 0.05)
    delivery = audit_delivery.Delivery(sqlite_store, rsyslog.server, "北院")
    delivery.start()
    number = 0
    for restart in range(RESTARTS):
        for _ in range(BETWEEN):
            number += 1
            add(sqlite_store, number)
        pause = threading.Event()
        while len({number for number, _ in rsyslog.events()}) <= number:
            pause.wait(0.05)
        rsyslog.stop()
        for _ in range(restart % 3 * 10):
            number += 1
            add(sqlite_store, number)
        rsyslog.start()
    delivery.close()
    numbers = delivered(sqlite_store, rsyslog)
    twice = len(numbers) - len(set(numbers))
    print(f"{RESTARTS} restarts of rsyslog: {number + 1} events, 0 lost, {twice} came twice")


def write_and_send(settings: Settings, to: LogServer, told: Connection) -> None:
    """Add events and send them, for ever; tells of each that is there."""
    store = open_store(settings)
    number = 0
    while True:
        number += 1
        add(store, number)
        told.send(number)
        audit_delivery.deliver(store, to, "北院")


def test_a_killed_radraft_loses_none_and_what_comes_twice_is_known(
    sqlite_store: Store, rsyslog: Rsyslog, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    chance = random.Random(20261129)
    told = 0
    for _ in range(KILLS):
        told += len(
            children.killed(
                write_and_send, settings, rsyslog.server, chance=chance, most=12, within=0.05
            )
        )
    numbers = delivered(sqlite_store, rsyslog)
    assert len(set(numbers)) >= told
    twice = len(numbers) - len(set(numbers))
    print(f"{KILLS} kills of radraft: {len(set(numbers))} events, 0 lost, {twice} came twice")
