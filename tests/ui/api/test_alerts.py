"""Critical-value alerts over HTTP: the list, a person's steps, the register, the refusals."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.service import Service
from radraft.store.database import Store
from radraft.ui.access import application
from radraft.ui.api.alerts import add_alerts
from radraft.ui.api.report_signing import add_report_signing
from radraft.ui.api.reports import add_api
from tests.builders import ACCESSION, PATIENT_ID
from tests.ui import alerted, seed
from tests.ui.conftest import asking
from tests.ui.people import become

TODAY = date.today().isoformat()
TOLD: dict[str, Any] = {"recipient": "急诊科 周医生", "channel": "phone"}


def served(service: Service) -> TestClient:
    app = application(service)
    add_api(app, service)
    add_report_signing(app, service)
    add_alerts(app, service)
    return asking(app)


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    with served(service) as made:
        yield made


def only(client: TestClient) -> dict[str, Any]:
    (alert,) = client.get("/api/alerts").json()["alerts"]
    return dict(alert)


def step(client: TestClient, alert: dict[str, Any], move: str, **body: Any) -> Any:
    sent = {"base_revision": alert["revision"]} | body
    return client.post(f"/api/alerts/{alert['alert_id']}/{move}", json=sent)


def refused(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def spoil(store: Store, table: str, column: str, value: str, **where: str) -> None:
    ((key, wanted),) = where.items()
    statement = f"UPDATE {table} SET {column} = :value WHERE {key} = :wanted"
    with store.engine.begin() as connection:
        connection.execute(sa.text(statement), {"value": value, "wanted": wanted})


def test_an_open_alert_says_what_who_and_what_is_next(client: TestClient, service: Service) -> None:
    case_id = alerted.add(service, 1)
    alert = only(client)
    assert alert["case_id"] == case_id
    assert alert["finding"] == {"code": "pneumothorax", "zh": "气胸", "en": "Pneumothorax"}
    assert (alert["side"], alert["state"], alert["next"]) == ("left", "found", "notify")
    assert alert["patient"]["id"] == PATIENT_ID
    assert alert["study"] == {"modality": "CR", "body_part": "CHEST"}
    assert alert["holds_signature"]
    assert alert["finder"] == "林清"
    (found,) = alert["events"]
    assert (found["move"], found["actor"]) == ("find", "林清")
    assert alerted.EN in found["text"]
    assert client.get(f"/api/alerts/{alert['alert_id']}").json() == alert
    assert client.get(f"/api/cases/{case_id}/alerts").json()["alerts"] == [alert]


def test_polling_an_unchanged_list_costs_no_body(client: TestClient, service: Service) -> None:
    case_id = alerted.add(service, 1)
    for path in ("/api/alerts", f"/api/cases/{case_id}/alerts", "/api/worklist"):
        tag = client.get(path).headers["ETag"]
        assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
    alerted.notify(service, case_id)
    assert client.get("/api/alerts", headers={"If-None-Match": tag}).status_code == 200


def test_an_alert_is_brought_to_its_end_step_by_step(client: TestClient, service: Service) -> None:
    case_id = alerted.add(service, 1)
    notified = step(client, only(client), "notify", **TOLD).json()
    assert (notified["state"], notified["next"]) == ("notified", "read_back")
    assert not notified["holds_signature"]
    read_back = step(client, notified, "read_back", text="左侧气胸").json()
    assert (read_back["state"], read_back["next"]) == ("read_back", "acknowledge")
    closed = step(become(client, "周倩"), read_back, "acknowledge").json()
    assert (closed["state"], closed["next"], closed["is_open"]) == ("acknowledged", None, False)
    assert client.get("/api/alerts").json()["alerts"] == []
    events = client.get(f"/api/cases/{case_id}/alerts").json()["alerts"][0]["events"]
    assert [event["move"] for event in events] == ["find", "notify", "read_back", "acknowledge"]
    assert (events[1]["recipient"], events[1]["channel"]) == ("急诊科 周医生", "phone")
    assert (events[2]["text"], events[3]["actor"]) == ("左侧气胸", "周倩")


def test_steps_that_cannot_be_are_refused_with_a_code(client: TestClient, service: Service) -> None:
    alerted.add(service, 1)
    alert = only(client)
    refused(step(client, alert, "acknowledge"), 409, "alert_move_refused")
    refused(step(client, alert, "escalate"), 409, "alert_move_refused")
    refused(
        step(client, alert, "notify", **TOLD | {"recipient": " "}), 422, "alert_recipient_missing"
    )
    refused(step(client, alert, "notify", recipient="周医生"), 422, "alert_channel_missing")
    refused(step(client, alert, "withdraw"), 422, "alert_reason_missing")
    refused(step(client, alert, "note", text="x" * 1001), 422, "alert_text_too_long")
    refused(step(client, alert, "note", text="x", actor="周倩"), 422, "request_invalid")
    refused(step(client, alert, "shout"), 422, "request_invalid")
    refused(step(client, alert, "notify", **TOLD, by="x"), 422, "request_invalid")
    refused(step(client, alert, "notify", **TOLD | {"channel": "smoke"}), 422, "request_invalid")
    refused(step(client, alert | {"alert_id": f"a-{'0' * 16}"}, "confirm"), 404, "alert_not_found")
    refused(client.get(f"/api/alerts/a-{'0' * 16}"), 404, "alert_not_found")
    refused(client.get(f"/api/cases/c-{'0' * 16}/alerts"), 404, "case_not_found")
    assert only(client) == alert


def test_who_looks_at_an_old_state_is_told_that_somebody_moved_it(
    client: TestClient, service: Service
) -> None:
    alerted.add(service, 1)
    seen = only(client)
    assert step(client, seen, "notify", **TOLD).status_code == 200
    refused(step(client, seen, "notify", **TOLD), 409, "alert_changed")
    assert [event["move"] for event in only(client)["events"]] == ["find", "notify"]


def test_no_other_page_can_move_an_alert(client: TestClient, service: Service) -> None:
    alerted.add(service, 1)
    alert = only(client)
    path = f"/api/alerts/{alert['alert_id']}/withdraw"
    body = {"base_revision": 0, "text": "y"}
    refused(client.post(path, json=body, headers={"Origin": "http://evil"}), 403, "origin_refused")
    cross = {"Sec-Fetch-Site": "cross-site"}
    refused(client.get("/api/alerts", headers=cross), 403, "origin_refused")
    assert only(client) == alert
    page = client.get("/alerts")
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert client.get("/alerts/register").status_code == 200


def test_a_site_that_asks_for_a_second_person_gets_one(sqlite_store: Store, tmp_path: Path) -> None:
    preset = Path("reports/critical_values.yaml").read_text()
    path = tmp_path / "own.yaml"
    path.write_text(preset.replace("second_person: false", "second_person: true", 1))
    settings = Settings(data_dir=tmp_path / "data", critical_values=path)
    service = Service(sqlite_store, settings, load_profile("starter"))
    alerted.add(service, 1)
    with served(service) as client:
        alert = only(client)
        assert (alert["next"], alert["second_person"]) == ("confirm", True)
        refused(step(client, alert, "notify", **TOLD), 422, "alert_not_confirmed")
        refused(step(client, alert, "confirm"), 422, "alert_second_person")
        confirmed = step(become(client, "周末"), alert, "confirm").json()
        assert (confirmed["state"], confirmed["next"]) == ("confirmed", "notify")


def test_a_signature_waits_for_the_notification(client: TestClient, service: Service) -> None:
    case_id = alerted.draft(service, 1)
    body = {"base_revision": 1, "base_step": 0, "images_seen": "drawn"}
    refused(client.post(f"/api/cases/{case_id}/sign", json=body), 409, "critical_not_notified")
    # That somebody wanted to sign opened the alert.
    alert = only(client)
    assert alert["holds_signature"]
    assert step(client, alert, "notify", **TOLD).status_code == 200
    assert client.post(f"/api/cases/{case_id}/sign", json=body).status_code == 200


def test_the_worklist_says_what_a_draft_states_and_what_is_open(
    client: TestClient, service: Service
) -> None:
    plain = seed.add(service.store, 1)
    open_alert = alerted.add(service, 2)
    drafted = alerted.draft(service, 3)
    later = seed.add(service.store, 4)
    rows = client.get("/api/worklist").json()["rows"]
    assert [row["case_id"] for row in rows] == [open_alert, drafted, plain, later]
    (line,) = rows[0]["alerts"]
    assert (line["state"], line["finding"]["zh"], rows[0]["critical"]) == ("found", "气胸", [])
    assert [finding["en"] for finding in rows[1]["critical"]] == ["Pneumothorax"]
    assert (rows[0]["priority"], rows[0]["limit_minutes"]) == ("unknown", 1440)
    assert client.get(f"/api/cases/{drafted}/alerts").json()["in_draft"] == rows[1]["critical"]
    # A reader who takes the finding out has seen to it.
    alerted.write(service, drafted, "未见气胸。", "No pneumothorax.")
    rows = client.get("/api/worklist").json()["rows"]
    assert [row["case_id"] for row in rows] == [open_alert, plain, drafted, later]


def test_an_open_alert_of_a_signed_report_stays_on_top(
    client: TestClient, service: Service
) -> None:
    signed = alerted.add(service, 1)
    alerted.notify(service, signed)
    body = {"base_revision": 2, "base_step": 0, "images_seen": "drawn"}
    assert client.post(f"/api/cases/{signed}/sign", json=body).status_code == 200
    seed.add(service.store, 2)
    first = client.get("/api/worklist").json()["rows"][0]
    assert (first["case_id"], first["report_state"], first["standing"]) == (signed, "signed", None)
    assert [alert["state"] for alert in first["alerts"]] == ["notified"]


@pytest.mark.parametrize(
    ("column", "value"), [("state", "found!"), ("terms", "{"), ("certainty", "perhaps")]
)
def test_a_damaged_alert_is_named_and_hides_no_other(
    client: TestClient, service: Service, column: str, value: str
) -> None:
    damaged = alerted.only(service, alerted.add(service, 1)).alert.alert_id
    whole = alerted.only(service, alerted.add(service, 2)).alert.alert_id
    spoil(service.store, "alerts", column, value, alert_id=damaged)
    listed = client.get("/api/alerts").json()
    assert [alert["alert_id"] for alert in listed["alerts"]] == [whole]
    assert listed["unreadable"] == [damaged]
    worklist = client.get("/api/worklist").json()
    assert (len(worklist["rows"]), worklist["unreadable_alerts"]) == (2, [damaged])
    register = client.get("/api/alerts/register", params={"first": TODAY, "last": TODAY}).json()
    assert f'data-alert="{whole}"' in register["html"]
    assert damaged in register["html"]
    assert value not in register["html"]


def test_who_has_to_be_told_shows_though_the_patients_record_is_damaged(
    client: TestClient, service: Service
) -> None:
    case_id = alerted.add(service, 1)
    spoil(service.store, "study_identities", "study_time", "yesterday", case_id=case_id)
    alert = only(client)
    assert (alert["patient"], alert["study"]["modality"]) == (None, "CR")
    register = client.get("/api/alerts/register", params={"first": TODAY, "last": TODAY}).json()
    assert f"study {case_id}" in register["html"]
    assert client.get("/api/worklist").json()["unreadable"] == [case_id]


def test_the_register_holds_the_chosen_days_in_both_languages(
    client: TestClient, service: Service
) -> None:
    case_id = alerted.add(service, 1)
    alerted.notify(service, case_id)
    before = (date.today() - timedelta(days=1)).isoformat()
    days = {"first": before, "last": TODAY}
    chinese = client.get("/api/alerts/register", params=days | {"lang": "zh"}).json()["html"]
    assert "气胸（左侧）" in chinese
    assert "急诊科 周医生，电话" in chinese
    assert "已通知，待复述" in chinese
    english = client.get("/api/alerts/register", params=days).json()["html"]
    assert "Pneumothorax, left" in english
    assert "急诊科 周医生, by phone" in english
    assert "1 alerts, 1 still open, 0 past the time to notify" in english
    earlier = client.get("/api/alerts/register", params={"first": before, "last": before}).json()
    assert "No critical value on these days." in earlier["html"]


def test_an_alert_that_nobody_was_told_of_in_time_says_so(
    client: TestClient, service: Service
) -> None:
    alert = alerted.only(service, alerted.add(service, 1)).alert
    opened = (alert.opened_at - timedelta(hours=2)).replace(tzinfo=None)
    spoil(service.store, "alerts", "opened_at", str(opened), alert_id=alert.alert_id)
    day = (datetime.now().astimezone() - timedelta(hours=2)).date().isoformat()
    html = client.get("/api/alerts/register", params={"first": day, "last": TODAY}).json()["html"]
    assert "nobody notified, over the limit of 30 min" in html
    assert "1 past the time to notify" in html


def test_what_people_typed_is_no_markup_and_no_formula(
    client: TestClient, service: Service
) -> None:
    alerted.add(service, 1)
    told = TOLD | {"recipient": "=cmd()<script>alert(1)</script>", "text": "<b>now</b>"}
    assert step(client, only(client), "notify", **told).status_code == 200
    days = {"first": TODAY, "last": TODAY}
    html = client.get("/api/alerts/register", params=days).json()["html"]
    assert "<script" not in html
    assert "&lt;b&gt;now&lt;/b&gt;" in html
    table = client.get("/api/alerts/register.csv", params=days).content.decode()
    assert "'=cmd()<script>" in table


def test_the_register_as_csv_is_read_by_a_spreadsheet(client: TestClient, service: Service) -> None:
    case_id = alerted.add(service, 1)
    alert = alerted.notify(service, case_id).alert
    answer = client.get(
        "/api/alerts/register.csv", params={"first": TODAY, "last": TODAY, "lang": "zh"}
    )
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert f"critical-values_{TODAY}_{TODAY}.csv" in answer.headers["Content-Disposition"]
    assert answer.content.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert (row["alert_id"], row["finding"], row["side"]) == (
        alert.alert_id,
        "气胸（左侧）",
        "left",
    )
    assert (row["patient_id"], row["accession"]) == (PATIENT_ID, ACCESSION)
    assert (row["notified_whom"], row["notified_how"]) == ("急诊科 周医生", "电话")
    assert (row["minutes_to_notification"], row["in_time"]) == ("0", "True")
    assert datetime.fromisoformat(row["notified_at"]).tzinfo is not None


@pytest.mark.parametrize(
    ("first", "last"),
    [("2026-01-02", "2026-01-01"), ("2026-1-1", "2026-01-02"), ("", ""), ("2020-01-01", TODAY)],
)
def test_days_that_are_none_are_refused(client: TestClient, first: str, last: str) -> None:
    for path in ("/api/alerts/register", "/api/alerts/register.csv"):
        refused(client.get(path, params={"first": first, "last": last}), 422, "alert_dates_invalid")


def test_no_patient_and_nobody_who_was_told_stands_in_the_log(
    client: TestClient, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="radraft"):
        case_id = alerted.add(service, 1)
        alert = step(client, only(client), "notify", **TOLD).json()
        step(client, alert, "withdraw", text="魏植入误报")
        spoil(service.store, "study_identities", "study_time", "yesterday", case_id=case_id)
        for path in ("/api/worklist", "/api/alerts", f"/api/cases/{case_id}/alerts"):
            assert client.get(path).status_code == 200
    assert case_id in caplog.text
    planted = ("魏", "PLANTED", "周医生", "林清")
    assert [word for word in planted if word in caplog.text] == []
