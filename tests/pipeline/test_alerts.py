"""Critical values through the service: drafts, saves, signatures, deadlines and two servers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

from radraft.core.errors import RadraftError, ReportError, SettingsError
from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.alerts import DeadlineWatch, Escalation, escalate_due
from radraft.pipeline.draft_store import store_draft
from radraft.pipeline.service import Service
from radraft.reports.alerts import Alert, AlertMove, AlertState, AlertStep, Channel
from radraft.reports.critical import CriticalRules, preset
from radraft.reports.values import Coverage, Report, SignedReport
from radraft.store import alerts, cases
from radraft.store.database import Store, open_store
from radraft.store.signatures import versions
from radraft.ui.app import DraftedBy, running
from tests import alert_children, children
from tests.builders import (
    ACCESSION,
    NAME,
    PATIENT_ID,
    actor,
    add_case,
    make_draft,
    make_sentence,
    signed_in,
)
from tests.reports.test_alerts import NOW, RIGHT, finding

READER = actor("王阅片")
CRITICAL = "左侧大量气胸。"
HARMLESS = "双肺清晰。"
TOLD = AlertStep(AlertMove.NOTIFY, "电话", "急诊周", Channel.PHONE)


def service_of(store: Store, settings: Settings) -> Service:
    return Service(store, settings, load_profile("starter"))


@pytest.fixture
def service(sqlite_store: Store, tmp_path: Path) -> Service:
    return service_of(sqlite_store, Settings(data_dir=tmp_path / "data"))


def report(case_id: str, *texts: str) -> Report:
    sentences = [make_sentence(f"f{n}", text).reworded(en="") for n, text in enumerate(texts)]
    return Report(case_id, tuple(sentences), ())


def drafted(service: Service, *texts: str, number: int = 1) -> str:
    with service.store.begin() as session:
        case_id = add_case(session, number)
        store_it(session, case_id, *texts)
    return case_id


def store_it(session: object, case_id: str, *texts: str, **changes: object) -> None:
    draft = make_draft(case_id, report(case_id, *texts), request_sha=None, **changes)
    store_draft(session, draft)  # type: ignore[arg-type]


def save(service: Service, case_id: str, *texts: str) -> int:
    """The revision that the save made."""
    before = service.case_view(case_id).working.revision
    saved = service.save(case_id, report(case_id, *texts), base_revision=before, actor=READER)
    return saved.revision


def sign(service: Service, case_id: str) -> SignedReport:
    revision = service.case_view(case_id).working.revision
    return service.signing.sign(
        case_id, base_revision=revision, base_step=0, actor=signed_in(service.store, "王阅片")
    )


def marked(service: Service, case_id: str) -> tuple[str, ...]:
    with service.store.read() as session:
        return alerts.critical_cases(session, [case_id]).get(case_id, ())


def the_alert(service: Service, case_id: str) -> Alert:
    [record] = service.critical.of_case(case_id)
    return record.alert


def notify(service: Service, alert: Alert) -> Alert:
    return service.critical.move(
        alert.alert_id, TOLD, actor=READER, base_revision=alert.revision
    ).alert


# Drafts.


def test_a_draft_with_a_critical_finding_marks_its_study_and_opens_nothing(
    service: Service,
) -> None:
    case_id = drafted(service, CRITICAL)
    assert marked(service, case_id) == ("pneumothorax",)
    assert service.critical.of_case(case_id) == ()
    assert marked(service, drafted(service, HARMLESS, number=2)) == ()


def test_a_new_draft_without_the_finding_takes_the_mark_away_and_a_failed_one_does_not(
    service: Service,
) -> None:
    case_id = drafted(service, CRITICAL)
    with service.store.begin() as session:
        store_it(session, case_id, coverage=Coverage.FAILED, error_code="llm_unreachable")
    assert marked(service, case_id) == ("pneumothorax",)
    with service.store.begin() as session:
        store_it(session, case_id, HARMLESS)
    assert marked(service, case_id) == ()


def test_a_person_who_writes_something_else_settles_the_mark(service: Service) -> None:
    case_id = drafted(service, CRITICAL)
    save(service, case_id, HARMLESS)
    assert marked(service, case_id) == ()
    assert service.critical.of_case(case_id) == ()


# Saves and signatures.


def test_an_edited_report_opens_the_alert_with_its_save(service: Service) -> None:
    case_id = drafted(service, HARMLESS)
    save(service, case_id, HARMLESS, CRITICAL)
    alert = the_alert(service, case_id)
    assert (alert.finding, alert.state, alert.finder) == (
        "pneumothorax", AlertState.FOUND, READER.who,
    )  # fmt: skip
    assert alert.site == "site-a"
    assert service.critical.record(alert.alert_id).events[0].text == CRITICAL
    assert marked(service, case_id) == ("pneumothorax",)


def test_an_alert_whose_finding_leaves_the_report_stays_open_and_says_so(service: Service) -> None:
    case_id = drafted(service, HARMLESS)
    save(service, case_id, CRITICAL)
    save(service, case_id, HARMLESS)
    alert = the_alert(service, case_id)
    assert (alert.state, alert.in_report) == (AlertState.FOUND, False)
    assert service.critical.counts().gone == 1
    # It does not hold the signature: nothing critical is signed.
    assert sign(service, case_id).version == 1
    assert the_alert(service, case_id).is_open


def test_a_signature_asks_for_the_notification(service: Service) -> None:
    case_id = drafted(service, HARMLESS)
    save(service, case_id, CRITICAL)
    with pytest.raises(ReportError) as caught:
        sign(service, case_id)
    assert caught.value.code == "critical_not_notified"
    assert "气胸" in caught.value.message_zh
    notify(service, the_alert(service, case_id))
    assert sign(service, case_id).version == 1


def test_a_refused_signature_of_an_untouched_draft_leaves_its_alert(service: Service) -> None:
    case_id = drafted(service, CRITICAL)
    for _ in range(2):
        with pytest.raises(ReportError, match="critical_not_notified"):
            sign(service, case_id)
    [record] = service.critical.of_case(case_id)
    assert len(record.events) == 1
    with service.store.read() as session:
        assert versions(session, case_id) == ()
    notify(service, record.alert)
    assert sign(service, case_id).version == 1


def test_a_withdrawn_alert_holds_no_signature_and_the_same_report_opens_none_anew(
    service: Service,
) -> None:
    case_id = drafted(service, HARMLESS)
    save(service, case_id, CRITICAL)
    alert = the_alert(service, case_id)
    service.critical.move(
        alert.alert_id,
        AlertStep(AlertMove.WITHDRAW, "与临床沟通，为已知"),
        actor=READER,
        base_revision=0,
    )
    assert sign(service, case_id).version == 1
    assert the_alert(service, case_id).state is AlertState.WITHDRAWN


def test_a_site_may_let_the_notification_wait(sqlite_store: Store, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    text = preset().model_dump_json().replace('"may_wait":false', '"may_wait":true')
    rules.write_text(text, encoding="utf-8")
    settings = Settings(data_dir=tmp_path / "data", critical_values=rules)
    service = service_of(sqlite_store, settings)
    case_id = drafted(service, CRITICAL)
    assert sign(service, case_id).version == 1
    alert = the_alert(service, case_id)
    assert alert.state is AlertState.FOUND
    assert alert.deadline_at is not None
    # The terms of its opening stand, whatever the site writes later.
    assert the_alert(service_of(sqlite_store, Settings(data_dir=tmp_path / "data")), case_id) == (
        alert
    )


def test_rules_that_cannot_be_used_are_told_at_the_start(
    sqlite_store: Store, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "data", critical_values=tmp_path / "none.yaml")
    with pytest.raises(SettingsError, match="critical_values_missing"):
        service_of(sqlite_store, settings)


def test_a_signature_that_comes_too_late_opens_no_alert(service: Service) -> None:
    case_id = drafted(service, HARMLESS)
    save(service, case_id, CRITICAL)
    revision = save(service, case_id, HARMLESS)
    events = service.critical.of_case(case_id)[0].events
    with pytest.raises(ReportError, match="revision_conflict"):
        service.signing.sign(
            case_id,
            base_revision=revision - 1,
            base_step=0,
            actor=signed_in(service.store, "王阅片"),
        )
    assert service.critical.of_case(case_id)[0].events == events


def test_an_amendment_that_takes_the_finding_back_says_so_on_the_closed_alert(
    service: Service,
) -> None:
    case_id = drafted(service, HARMLESS)
    save(service, case_id, CRITICAL)
    alert = notify(service, the_alert(service, case_id))
    for move in (AlertMove.READ_BACK, AlertMove.ACKNOWLEDGE):
        alert = service.critical.move(
            alert.alert_id, AlertStep(move), actor=READER, base_revision=alert.revision
        ).alert
    sign(service, case_id)
    service.signing.amend(case_id, actor=READER, base_step=1, reason="更正")
    save(service, case_id, HARMLESS)
    closed = the_alert(service, case_id)
    assert (closed.state, closed.in_report) == (AlertState.ACKNOWLEDGED, False)


# Deadlines.


class Clock:
    """A clock that only goes forward, in seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def open_alert(store: Store, number: int = 1) -> Alert:
    with store.begin() as session:
        case_id = add_case(session, number)
        [alert] = alerts.update(session, case_id, [finding(RIGHT)], actor=READER, now=NOW)
    return alert


def events(store: Store, alert: Alert) -> list[int]:
    """The levels that were told."""
    with store.read() as session:
        record = alerts.record(session, alert.alert_id)
    return [event.level for event in record.events if event.move is AlertMove.ESCALATE]


def test_what_is_past_its_time_is_told_once_and_again_only_at_the_next_level(store: Store) -> None:
    alert, watch = open_alert(store), DeadlineWatch(Clock())
    assert escalate_due(store, watch, NOW + timedelta(minutes=29)) == ()
    late = NOW + timedelta(minutes=30)
    assert [told.level for told in escalate_due(store, watch, late)] == [1]
    assert escalate_due(store, watch, late) == ()
    assert escalate_due(store, DeadlineWatch(Clock()), late) == ()
    assert [told.level for told in escalate_due(store, watch, late + timedelta(minutes=15))] == [2]
    assert events(store, alert) == [1, 2]


def test_a_wall_clock_set_back_neither_loses_nor_repeats_an_escalation(store: Store) -> None:
    alert, clock = open_alert(store), Clock()
    watch = DeadlineWatch(clock)
    long_ago = NOW - timedelta(days=3)
    escalate_due(store, watch, NOW)
    clock.seconds = 29 * 60
    assert escalate_due(store, watch, long_ago) == ()
    clock.seconds = 30 * 60
    assert [told.level for told in escalate_due(store, watch, long_ago)] == [1]
    assert escalate_due(store, watch, long_ago) == ()
    # And forward again, past all of it: one level, and no level twice.
    assert [told.level for told in escalate_due(store, watch, NOW + timedelta(days=1))] == [2]
    assert escalate_due(store, watch, NOW + timedelta(days=1)) == ()
    assert events(store, alert) == [1, 2]


def test_a_wall_clock_set_back_during_a_restart_delays_by_one_wait_at_most(store: Store) -> None:
    alert, clock = open_alert(store), Clock()
    long_ago = NOW - timedelta(days=3)
    watch = DeadlineWatch(clock)
    assert escalate_due(store, watch, long_ago) == ()
    clock.seconds = 30 * 60
    assert [told.level for told in escalate_due(store, watch, long_ago)] == [1]
    assert events(store, alert) == [1]


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(-5000, 5000), st.integers(0, 40), st.booleans()),
        min_size=1,
        max_size=12,
    )
)
def test_under_any_clock_levels_are_told_in_order_and_once_by_two_servers(
    sqlite_store: Store, looks: list[tuple[int, int, bool]]
) -> None:
    """(jump of the wall clock, minutes that truly pass, which of two servers looks)"""
    clock = Clock()
    watches = (DeadlineWatch(clock), DeadlineWatch(clock))
    with sqlite_store.read() as session:
        number = len(cases.worklist(session).rows) + 1
    alert, wall = open_alert(sqlite_store, number), NOW
    for jump, passes, second in looks:
        wall += timedelta(minutes=jump + passes)
        clock.seconds += 60 * passes
        told = escalate_due(sqlite_store, watches[second], wall)
        assert [later.alert_id for later in told].count(alert.alert_id) <= 1
    levels = events(sqlite_store, alert)
    assert levels == list(range(1, len(levels) + 1))
    # Whatever the wall clock says, a server that looks on for the longest wait tells the next.
    for _ in range(2):
        escalate_due(sqlite_store, watches[0], NOW - timedelta(days=99))
    before = len(events(sqlite_store, alert))
    clock.seconds += 60 * 30
    escalate_due(sqlite_store, watches[0], NOW - timedelta(days=99))
    after = len(events(sqlite_store, alert))
    assert after == min(before + 1, 3)


@pytest.mark.slow
def test_two_processes_tell_each_level_once(store_settings: Settings) -> None:
    store = open_store(store_settings)
    opened = [open_alert(store, number) for number in range(8)]
    late = NOW + timedelta(hours=3)
    told = children.together(alert_children.escalate_all, store_settings, late, processes=2)
    assert sum(told) == len(opened)
    assert [events(store, alert) for alert in opened] == [[1]] * len(opened)
    store.close()


@pytest.fixture
def escalation(sqlite_store: Store) -> Iterator[Escalation]:
    thread = Escalation(sqlite_store, wall=lambda: NOW + timedelta(days=1))
    yield thread
    thread.close()


def test_the_service_tells_by_itself_until_it_ends(
    sqlite_store: Store, escalation: Escalation, caplog: pytest.LogCaptureFixture
) -> None:
    told = threading.Event()

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.set()

    handler = Told()
    logger = logging.getLogger("radraft.pipeline.alerts")
    logger.addHandler(handler)
    alert = open_alert(sqlite_store)
    escalation.start()
    assert told.wait(60)
    logger.removeHandler(handler)
    escalation.close()
    assert not escalation.is_alive()
    assert events(sqlite_store, alert) == [1]


# Privacy.


def test_neither_log_nor_error_holds_who_was_examined_or_told(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    case_id = drafted(service, HARMLESS)
    save(service, case_id, f"{NAME}左侧大量气胸。")
    errors = []
    with pytest.raises(RadraftError) as caught:
        sign(service, case_id)
    errors.append(caught.value)
    alert = notify(service, the_alert(service, case_id))
    with pytest.raises(RadraftError) as caught:
        notify(service, replace(alert, revision=0))
    errors.append(caught.value)
    escalate_due(service.store, DeadlineWatch(), datetime.now(UTC) + timedelta(days=1))
    shown = "\n".join(
        [
            caplog.text,
            *map(str, errors),
            *(str(error.as_json()) for error in errors),
            repr(service.critical.of_case(case_id)),
            repr(service.critical.open_alerts()),
        ]
    )
    for planted in (NAME, PATIENT_ID, ACCESSION, "急诊周", "王阅片", "左侧大量"):
        assert planted not in shown


def test_tables_of_alerts_hold_no_identity(service: Service) -> None:
    case_id = drafted(service, HARMLESS)
    save(service, case_id, CRITICAL)
    record = service.critical.of_case(case_id)[0]
    text = str([vars(event) for event in record.events]) + str(vars(record.alert))
    for planted in (NAME, PATIENT_ID, ACCESSION):
        assert planted not in text


def test_rules_of_a_site_mark_its_drafts(service: Service) -> None:
    rules = CriticalRules.from_yaml(
        "{defaults: "
        + preset().defaults.model_dump_json()
        + ", vocabulary: false, findings: {pleural_effusion: {}}}"
    )
    with service.store.begin() as session:
        case_id = add_case(session)
        draft = make_draft(case_id, report(case_id, CRITICAL, "左侧胸腔积液。"), request_sha=None)
        store_draft(session, draft, critical_rules=rules)
    assert marked(service, case_id) == ("pleural_effusion",)


def test_a_running_service_looks_at_what_waits_and_stops_with_it(
    sqlite_store: Store, tmp_path: Path
) -> None:
    def looking() -> list[str]:
        return [t.name for t in threading.enumerate() if t.name == "radraft-alerts"]

    settings = Settings(data_dir=tmp_path / "data")
    with running(settings, load_profile("starter"), sqlite_store, drafted_by=DraftedBy.NOBODY):
        assert looking() == ["radraft-alerts"]
    assert looking() == []
