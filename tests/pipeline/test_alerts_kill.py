"""SIGKILL at any moment while critical values are found, handled, escalated and signed."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.store import alerts, reports
from radraft.store.alerts import AlertRecord
from radraft.store.database import Store, open_store
from tests import alert_children, children
from tests.builders import add_case
from tests.scale import scaled

KILLS = scaled(3, full=50)
MOST = 24
"""Commits told before a kill, at most: with 14 a child has come to an alert that it opens again.
The seed has one of the first three kills come after 18, however slow the machine is."""


@pytest.mark.slow
@pytest.mark.scaled
def test_a_kill_loses_no_alert_and_no_step(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    store = open_store(settings)
    with store.begin() as session:
        case_ids = [add_case(session, number) for number in range(2)]
    store.close()
    chance = random.Random(20261140)
    told: list[tuple[str, str, str]] = []
    for _ in range(KILLS):
        told += children.killed(
            alert_children.report_and_handle, settings, case_ids,
            chance=chance, most=MOST, within=0.05,
        )  # fmt: skip
        store = open_store(settings)
        look(store, case_ids, told)
        store.close()
    assert {kind for kind, _, _ in told} > {"saved", "note", "notify", "read_back", "escalated"}


def look(store: Store, case_ids: list[str], told: list[tuple[str, str, str]]) -> None:
    """Each case has one alert that says what its report says, and every step that was told."""
    steps = defaultdict(set)
    for kind, case_id, text in told:
        if kind not in ("saved", "escalated"):
            steps[case_id].add((kind, text))
    saved = {case_id for kind, case_id, _ in told if kind == "saved"}
    with store.read() as session:
        for case_id in case_ids:
            found = alerts.of_case(session, case_id)
            assert len(found) == (1 if case_id in saved else len(found)) <= 1
            for record in found:
                consistent(record)
                working = reports.current(session, case_id)
                text = working.report.findings[0].zh
                assert record.alert.in_report == ("气胸" in text)
                kept = {(event.move.value, event.text) for event in record.events}
                assert steps[case_id] <= kept


def consistent(record: AlertRecord) -> None:
    """The state is what the events lead to, and each level of each deadline was told once."""
    events = record.events
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert record.alert.sequence == len(events)
    assert record.alert.state is events[-1].state
    level = 0
    for event in events:
        if event.move.value in ("find", "notify", "reopen"):
            level = 0
        if event.move.value == "escalate":
            level += 1
            assert event.level == level
