"""What moves a case to the head of the worklist, and the lists of alerts, over damage too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from radraft.reports.critical import critical_findings, preset
from radraft.reports.values import Origin, Report, Sentence, both
from radraft.store import alerts, cases
from radraft.store.database import Store
from tests.builders import actor, add_case

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DISSECTION = "Aortic dissection."
PNEUMOTHORAX = "Left pneumothorax."


def open_alert(store: Store, number: int, text: str, *, minutes_ago: int = 0) -> str:
    """Take study `number` in and save `text` in its report; its case id."""
    with store.begin() as session:
        case_id = add_case(session, number)
        report = Report(case_id, (Sentence("f1", both("", text, Origin.PERSON)),), ())
        found = critical_findings(report, preset())
        at = NOW - timedelta(minutes=minutes_ago)
        (alert,) = alerts.update(session, case_id, found, actor=actor("林清"), now=at)
        assert alert.is_open
    return case_id


def test_open_alerts_stand_first_in_the_order_of_their_deadlines(store: Store) -> None:
    late = open_alert(store, 1, PNEUMOTHORAX, minutes_ago=25)
    soon = open_alert(store, 2, DISSECTION)
    new = open_alert(store, 3, PNEUMOTHORAX)
    with store.begin() as session:
        plain, drafted = add_case(session, 4), add_case(session, 5)
        alerts.mark_draft(session, drafted, ("pneumothorax",), NOW)
    with store.read() as session:
        found = alerts.alarms(session)
        shown = cases.worklist(session, alerts=found.alerts, critical=found.critical_drafts)
        again = cases.worklist(session, alerts=found.alerts, critical=found.critical_drafts)
        cut = cases.worklist(session, alerts=found.alerts, critical=found.critical_drafts, limit=2)
    # Five minutes are left of the first, ten of the dissection, half an hour of the other.
    assert [row.case_id for row in shown.rows] == [late, soon, new, drafted, plain]
    assert again == shown
    assert [row.case_id for row in cut.rows] == [late, soon]
    assert [alert.finding for alert in shown.rows[1].alerts] == ["aortic_dissection"]
    assert (shown.rows[3].critical, shown.rows[4].critical) == (("pneumothorax",), ())


def test_alarms_of_other_sites_are_told_to_nobody_even_where_they_cannot_be_read(
    store: Store,
) -> None:
    case_id = open_alert(store, 1, PNEUMOTHORAX)
    with store.begin() as session:
        drafted = add_case(session, 2)
        alerts.mark_draft(session, drafted, ("pneumothorax",), NOW)
    with store.read() as session:
        (alert,) = alerts.alarms(session).alerts
        elsewhere = alerts.alarms(session, frozenset({"site-z"}))
        here = alerts.alarms(session, frozenset({alert.site}))
    assert (elsewhere.alerts, elsewhere.critical_drafts, elsewhere.unreadable) == ((), {}, ())
    assert [alert.case_id for alert in here.alerts] == [case_id]
    assert set(here.critical_drafts) == {drafted}
    with store.begin() as session:
        session.execute(sa.text("UPDATE alerts SET terms = '{'"))
        session.execute(sa.text("UPDATE critical_drafts SET findings = '{'"))
    with store.read() as session:
        assert alerts.alarms(session, frozenset({"site-z"})).unreadable == ()
        damaged = alerts.alarms(session, frozenset({alert.site}))
    assert damaged.unreadable == (alert.alert_id,)
    assert set(damaged.critical_drafts) == {drafted}


def test_an_escalated_alert_stands_before_the_others(store: Store) -> None:
    first = open_alert(store, 1, PNEUMOTHORAX, minutes_ago=10)
    escalated = open_alert(store, 2, PNEUMOTHORAX)
    with store.begin() as session:
        (record,) = alerts.of_case(session, escalated)
        alerts.escalate(session, record.alert, NOW + timedelta(hours=1))
    with store.read() as session:
        assert [alert.case_id for alert in alerts.alarms(session).alerts] == [escalated, first]


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("alerts", "terms", "{"),
        ("alerts", "side", "above"),
        ("alerts", "state", "lost"),
        ("alert_events", "move", "danced"),
    ],
)
def test_a_damaged_alert_is_named_beside_the_others(
    store: Store, table: str, column: str, value: str
) -> None:
    damaged, whole = open_alert(store, 1, PNEUMOTHORAX), open_alert(store, 2, PNEUMOTHORAX)
    with store.read() as session:
        ((bad,), (good,)) = (alerts.of_case(session, case_id) for case_id in (damaged, whole))
    with store.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(sa.text(f"DROP TRIGGER IF EXISTS {table}_no_update"))
        else:
            connection.execute(
                sa.text(f"DROP TRIGGER IF EXISTS {table}_append_only_rows ON {table}")
            )
        connection.execute(
            sa.text(f"UPDATE {table} SET {column} = :value WHERE alert_id = :alert_id"),
            {"value": value, "alert_id": bad.alert.alert_id},
        )
    with store.read() as session:
        listed = (
            alerts.listed_open(session),
            alerts.listed_register(session, NOW, NOW + timedelta(days=1)),
        )
        for found in listed:
            assert found.records == (good,)
            assert found.unreadable == (bad.alert.alert_id,)
        of_case = alerts.listed_case(session, damaged)
        assert (of_case.records, of_case.unreadable) == ((), (bad.alert.alert_id,))


def test_a_damaged_mark_of_a_draft_keeps_its_case_on_top(store: Store) -> None:
    with store.begin() as session:
        marked, other = add_case(session, 1), add_case(session, 2)
        alerts.mark_draft(session, marked, ("pneumothorax",), NOW)
        session.execute(sa.text("UPDATE critical_drafts SET findings = '{'"))
    with store.read() as session:
        found = alerts.alarms(session)
        rows = cases.worklist(session, critical=found.critical_drafts).rows
    assert [row.case_id for row in rows] == [marked, other]


def test_a_register_ends_before_its_last_instant(store: Store) -> None:
    case_id = open_alert(store, 1, PNEUMOTHORAX)
    with store.read() as session:
        until = alerts.listed_register(session, NOW - timedelta(days=1), NOW)
        since = alerts.listed_register(session, NOW, NOW + timedelta(microseconds=1))
    assert until.records == ()
    assert [record.alert.case_id for record in since.records] == [case_id]
