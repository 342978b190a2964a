"""What child processes of the tests of critical values run."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from multiprocessing.connection import Connection

from radraft.core.errors import ReportError
from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.alerts import DeadlineWatch, escalate_due
from radraft.pipeline.service import Service
from radraft.reports.alerts import AlertMove, AlertState, AlertStep, Channel
from radraft.reports.values import ReportState
from radraft.store import alerts
from radraft.store.database import open_store
from tests.builders import actor, make_sentence, signed_in
from tests.reports.test_alerts import NOW, RIGHT, finding

TOLD = AlertStep(AlertMove.NOTIFY, "电话", "急诊周", Channel.PHONE)


def open_and_notify(settings: Settings, case_ids: list[str]) -> int:
    """Open an alert of each case and notify somebody; how many notifications were let in."""
    store = open_store(settings)
    let_in = 0
    for case_id in case_ids:
        with store.begin() as session:
            [alert] = alerts.update(session, case_id, [finding(RIGHT)], actor=actor("王"), now=NOW)
        try:
            with store.begin() as session:
                alerts.move(
                    session, alert.alert_id, TOLD, actor=actor("王"), base_revision=0, now=NOW
                )
            let_in += 1
        except ReportError as error:
            assert error.code == "alert_changed"
    store.close()
    return let_in


def escalate_all(settings: Settings, late: datetime) -> int:
    """Tell every level that is due at `late`; how many this process told."""
    store = open_store(settings)
    told = len(escalate_due(store, DeadlineWatch(), late))
    store.close()
    return told


def report_and_handle(settings: Settings, case_ids: list[str], told: Connection) -> None:
    """Save, handle, sign and amend reports with and without a critical finding, for ever; tells
    each commit once it is sure of it."""
    store = open_store(settings)
    service = Service(store, settings, load_profile("starter"))
    reader, counted = signed_in(store, "王"), count()
    watch = DeadlineWatch()
    while True:
        for case_id in case_ids:
            text = f"{next(counted)}-{os.getpid()}"
            _save(service, case_id, f"左侧大量气胸{text}。")
            told.send(("saved", case_id, text))
            record = service.critical.of_case(case_id)[0]
            alert = record.alert
            if alert.state is AlertState.WITHDRAWN:
                # Killed before it was opened again.
                steps = [AlertStep(AlertMove.REOPEN, text)]
            elif alert.state is AlertState.READ_BACK:
                steps = [AlertStep(AlertMove.WITHDRAW, text), AlertStep(AlertMove.REOPEN, text)]
            else:
                steps = [AlertStep(AlertMove.NOTE, text)]
            steps += [replace(TOLD, text=text), AlertStep(AlertMove.READ_BACK, text)]
            for step in steps:
                alert = service.critical.move(
                    alert.alert_id, step, actor=reader, base_revision=alert.revision
                ).alert
                told.send((step.move.value, case_id, text))
            for late in escalate_due(store, watch, datetime.now(UTC) + timedelta(hours=2)):
                told.send(("escalated", late.case_id, str(late.leg)))
            seen = service.case_view(case_id).working
            service.signing.sign(
                case_id, base_revision=seen.revision, base_step=seen.steps, actor=reader
            )
            service.signing.amend(case_id, actor=reader, base_step=seen.steps + 1, reason="更正")
            _save(service, case_id, f"双肺清晰{text}。")
            told.send(("saved", case_id, text))


def _save(service: Service, case_id: str, text: str) -> None:
    working = service.case_view(case_id).working
    if working.state is ReportState.SIGNED:
        working = service.signing.amend(
            case_id, actor=actor("王"), base_step=working.steps, reason="更正"
        )
    report = replace(working.report, findings=(make_sentence("f1", text, ""),), impression=())
    report = replace(report, findings=(report.findings[0].reworded(zh=text, en=""),))
    service.save(case_id, report, base_revision=working.revision, actor=actor("王"))
