"""Alerts in the database: opened once, moved by one, told once, and never rewritten."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from radraft.core.errors import NotFound, ReportError
from radraft.core.settings import Settings
from radraft.reports.alerts import AlertMove, AlertState, AlertStep, Channel
from radraft.reports.values import Certainty, Laterality
from radraft.store import alerts
from radraft.store.alerts import AlertCounts
from radraft.store.database import Store, open_store
from radraft.store.tables import AlertEventRow, CriticalDraftRow
from tests import alert_children, children
from tests.builders import actor, add_case
from tests.reports.test_alerts import LEFT, NOW, RIGHT, finding, step

READER = actor("王发现")
TOLD = AlertStep(AlertMove.NOTIFY, "电话", "急诊周", Channel.PHONE)


def opened(store: Store, number: int = 1, *sides: Laterality) -> str:
    """The id of an alert of a new case."""
    with store.begin() as session:
        case_id = add_case(session, number)
        [alert] = alerts.update(
            session, case_id, [finding(*(sides or (LEFT,)))], actor=READER, now=NOW
        )
    return alert.alert_id


def test_an_alert_comes_back_as_it_was_kept(store: Store) -> None:
    alert_id = opened(store)
    with store.begin() as session:
        moved = alerts.move(
            session, alert_id, TOLD, actor=READER, base_revision=0, now=NOW + timedelta(minutes=3)
        )
    with store.read() as session:
        record = alerts.record(session, alert_id)
    assert record.alert == moved
    assert [event.move for event in record.events] == [AlertMove.FIND, AlertMove.NOTIFY]
    told = record.events[1]
    assert (told.recipient, told.channel, told.text, told.actor, told.at) == (
        "急诊周", Channel.PHONE, "电话", READER, NOW + timedelta(minutes=3),
    )  # fmt: skip
    assert record.events[0].text == "左侧气胸。"
    assert record.last(AlertMove.NOTIFY) == told
    assert record.last(AlertMove.WITHDRAW) is None


def test_the_same_report_saved_again_opens_nothing_and_records_nothing(store: Store) -> None:
    alert_id = opened(store)
    with store.begin() as session:
        case_id = alerts.record(session, alert_id).alert.case_id
        for minute in range(3):
            alerts.update(
                session,
                case_id,
                [finding(LEFT)],
                actor=actor("别人"),
                now=NOW + timedelta(minutes=minute),
            )
    with store.read() as session:
        [record] = alerts.of_case(session, case_id)
    assert len(record.events) == 1


def test_an_error_in_the_save_undoes_its_alert(store: Store) -> None:
    with store.begin() as session:
        case_id = add_case(session)
    with pytest.raises(RuntimeError), store.begin() as session:
        alerts.update(session, case_id, [finding(LEFT)], actor=READER, now=NOW)
        raise RuntimeError
    with store.read() as session:
        assert alerts.of_case(session, case_id) == ()


def test_a_finding_that_leaves_and_comes_back_is_recorded(store: Store) -> None:
    alert_id = opened(store)
    for found in ([], [], [finding(LEFT)]):
        with store.begin() as session:
            case_id = alerts.record(session, alert_id).alert.case_id
            alerts.update(session, case_id, found, actor=READER, now=NOW)
    with store.read() as session:
        record = alerts.record(session, alert_id)
    assert [event.move for event in record.events] == [
        AlertMove.FIND, AlertMove.LEAVE, AlertMove.RETURN,
    ]  # fmt: skip
    assert record.alert.state is AlertState.FOUND


def test_what_was_done_about_an_alert_cannot_be_rewritten(store: Store) -> None:
    opened(store)
    for statement in (
        sa.update(AlertEventRow).values(actor="另一人"),
        sa.delete(AlertEventRow),
    ):
        with pytest.raises(DBAPIError), store.engine.begin() as connection:
            connection.execute(statement)


def test_open_alerts_come_with_the_most_urgent_first(store: Store) -> None:
    first, second, third, closed = (opened(store, number) for number in (1, 2, 3, 4))
    with store.begin() as session:
        alerts.move(session, first, TOLD, actor=READER, base_revision=0, now=NOW)
        seen = alerts.record(session, third).alert
        alerts.escalate(session, seen, NOW + timedelta(minutes=30))
        alerts.move(
            session, closed, step(AlertMove.WITHDRAW), actor=READER, base_revision=0, now=NOW
        )
    with store.read() as session:
        found = [record.alert.alert_id for record in alerts.open_alerts(session)]
        assert alerts.counts(session) == AlertCounts(open=3, untold=2, escalated=1, gone=0)
        assert alerts.counts(session, "elsewhere") == AlertCounts(0, 0, 0, 0)
        assert alerts.open_alerts(session, "elsewhere") == ()
        assert len(alerts.open_alerts(session, "site-a")) == 3
    assert found == [third, second, first]


def test_the_register_holds_what_was_opened_within_its_days(store: Store) -> None:
    alert_id = opened(store)
    day = timedelta(days=1)
    with store.read() as session:
        for since, until, there in (
            (NOW, NOW + day, True),
            (NOW - day, NOW, False),
            (NOW + timedelta(seconds=1), NOW + day, False),
        ):
            found = [record.alert.alert_id for record in alerts.register(session, since, until)]
            assert found == ([alert_id] if there else [])


def test_a_draft_is_marked_until_a_person_saw_to_it(store: Store) -> None:
    with store.begin() as session:
        case_id, other = add_case(session, 1), add_case(session, 2)
        alerts.mark_draft(session, case_id, ["pneumothorax", "pulmonary_edema"], NOW)
        assert alerts.critical_cases(session, [case_id, other]) == {
            case_id: ("pneumothorax", "pulmonary_edema")
        }
        alerts.mark_draft(session, case_id, [], NOW)
        assert alerts.critical_cases(session, [case_id]) == {}
        alerts.mark_draft(session, case_id, ["pulmonary_edema"], NOW)
        alerts.update(session, case_id, [finding(LEFT)], actor=READER, now=NOW)
        assert alerts.critical_cases(session, [case_id]) == {case_id: ("pneumothorax",)}
        # A later draft tells nothing that there is an alert of already.
        alerts.mark_draft(session, case_id, ["pneumothorax"], NOW)
        assert session.scalars(sa.select(CriticalDraftRow)).all() == []


def test_a_suspected_finding_says_so(store: Store) -> None:
    with store.begin() as session:
        case_id = add_case(session)
        suspected = replace(finding(LEFT), certainty=Certainty.UNCERTAIN)
        [alert] = alerts.update(session, case_id, [suspected], actor=READER, now=NOW)
    assert alert.certainty is Certainty.UNCERTAIN


def test_an_unknown_alert_is_named(store: Store) -> None:
    with pytest.raises(NotFound), store.begin() as session:
        alerts.move(session, "a-none", TOLD, actor=READER, base_revision=0, now=NOW)
    with pytest.raises(NotFound), store.read() as session:
        alerts.record(session, "a-none")


def test_an_escalation_that_another_process_made_is_not_made_again(store: Store) -> None:
    alert_id = opened(store)
    late = NOW + timedelta(minutes=30)
    with store.read() as session:
        seen = alerts.record(session, alert_id).alert
    with store.begin() as session:
        assert alerts.escalate(session, seen, late) is not None
    with store.begin() as session:
        assert alerts.escalate(session, seen, late + timedelta(days=1)) is None
        # A person's step begins another deadline.
        now = alerts.move(session, alert_id, TOLD, actor=READER, base_revision=0, now=late)
        assert (now.leg, now.level) == (2, 0)
        assert alerts.escalate(session, seen, late) is None


# Two at once.


def test_of_two_moves_at_once_one_wins_and_the_other_is_told(store: Store) -> None:
    alert_id = opened(store)
    outcomes: list[str] = []
    both = threading.Barrier(2)

    def notify(who: str) -> None:
        both.wait()
        try:
            with store.begin() as session:
                alerts.move(session, alert_id, TOLD, actor=actor(who), base_revision=0, now=NOW)
            outcomes.append("moved")
        except ReportError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=notify, args=(who,)) for who in ("甲", "乙")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["alert_changed", "moved"]
    with store.read() as session:
        assert len(alerts.record(session, alert_id).events) == 2


@pytest.mark.slow
def test_two_processes_open_one_alert_and_move_it_once(store_settings: Settings) -> None:
    store = open_store(store_settings)
    with store.begin() as session:
        case_ids = [add_case(session, number) for number in range(6)]
    store.close()
    told = children.together(alert_children.open_and_notify, store_settings, case_ids, processes=2)
    assert sum(told) == len(case_ids)
    store = open_store(store_settings)
    with store.read() as session:
        for case_id in case_ids:
            [record] = alerts.of_case(session, case_id)
            assert record.alert.state is AlertState.NOTIFIED
            assert [event.sequence for event in record.events] == [1, 2]
            assert record.alert.side is RIGHT
    store.close()


def test_times_are_kept_in_utc(store: Store) -> None:
    shanghai = datetime(2026, 11, 29, 16, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
    with store.begin() as session:
        case_id = add_case(session)
        [alert] = alerts.update(session, case_id, [finding(LEFT)], actor=READER, now=shanghai)
    assert alert.opened_at == NOW and alert.opened_at.tzinfo is UTC
