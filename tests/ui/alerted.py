"""Studies with open critical-value alerts, for the tests of their pages."""

from __future__ import annotations

from dataclasses import replace

from radraft.pipeline.alerts import mark_draft
from radraft.pipeline.service import Service
from radraft.reports.alerts import AlertMove, AlertStep, Channel
from radraft.store.alerts import AlertRecord
from tests.builders import save_draft
from tests.ui import seed
from tests.ui.people import reader

ZH = "左侧气胸，压缩约40%。"
EN = "Left pneumothorax of about 40%."


def add(service: Service, number: int, **study: object) -> str:
    """Take study `number` in; a reader has written a pneumothorax into its report."""
    case_id = seed.add(service.store, number, **study)  # type: ignore[arg-type]
    write(service, case_id)
    return case_id


def write(service: Service, case_id: str, zh: str = ZH, en: str = EN) -> None:
    """Have a reader put this into the place of the first finding."""
    working = service.case_view(case_id).working
    first, *rest = working.report.findings
    report = replace(working.report, findings=(first.reworded(zh=zh, en=en), *rest))
    service.save(case_id, report, base_revision=working.revision, actor=reader(service.store))


def only(service: Service, case_id: str) -> AlertRecord:
    """Return the one alert of a case."""
    (record,) = service.critical.of_case(case_id)
    return record


def notify(service: Service, case_id: str) -> AlertRecord:
    """Have the ward told by telephone."""
    alert = only(service, case_id).alert
    step = AlertStep(AlertMove.NOTIFY, recipient="急诊科 周医生", channel=Channel.PHONE)
    return service.critical.move(
        alert.alert_id, step, actor=reader(service.store), base_revision=alert.revision
    )


def draft(service: Service, number: int, zh: str = ZH, en: str = EN, **study: object) -> str:
    """Take study `number` in; the model's draft states a pneumothorax, and nobody touched it."""
    case_id = seed.add(service.store, number, drafted=False, **study)  # type: ignore[arg-type]
    made = seed.made_draft(case_id)
    first, *rest = made.report.findings
    report = replace(made.report, findings=(first.reworded(zh=zh, en=en), *rest))
    with service.store.begin() as session:
        save_draft(session, replace(made, report=report))
        mark_draft(session, case_id, report, service.critical.rules)
    return case_id
