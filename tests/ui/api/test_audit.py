"""What the audit knows of requests, and how an administrator looks things up in it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from fastapi.testclient import TestClient

from radraft.pipeline.service import Service
from radraft.reports.audit import AuditKind
from radraft.reports.roles import Role
from radraft.ui import asset_files
from radraft.ui.access import NOTED, ROUTES, application
from radraft.ui.mount import add_routes
from tests.ui import seed
from tests.ui.conftest import ORIGIN
from tests.ui.people import account_of, become


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    app = application(service)
    add_routes(app, service)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as made:
        yield made


def audited(client: TestClient, service: Service, **query: str) -> list[dict[str, str]]:
    """What an administrator finds, newest first."""
    assert service.trail.drain()
    become(client, "管理员", (Role.ADMINISTRATOR,))
    answer = client.get("/api/audit", params=query)
    assert answer.status_code == 200
    return list(answer.json()["entries"])


def test_every_route_that_is_noted_is_a_route() -> None:
    assert set(NOTED) <= set(ROUTES)


def test_who_looked_at_a_study_is_known_and_that_he_looked_again_is_not_said_twice(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store)
    become(client, "林清", (Role.ATTENDING,))
    for _ in range(3):
        assert client.get(f"/api/cases/{case_id}").status_code == 200
    (event,) = audited(client, service, kind="view")
    assert (event["name"], event["case_id"], event["outcome"]) == ("林清", case_id, "done")
    assert event["address"] == "testclient"
    assert event["site"]


def test_who_asked_for_what_he_may_not_is_known(client: TestClient, service: Service) -> None:
    case_id = seed.add(service.store)
    become(client, "临床", (Role.CLINICIAN,))
    assert client.get(f"/api/cases/{case_id}").status_code == 403
    assert client.post(f"/api/cases/{case_id}/sign", json={"base_revision": 1}).status_code == 403
    told = audited(client, service, kind="access")
    assert [(event["outcome"], event["code"]) for event in told] == [("refused", "not_allowed")] * 2
    assert {event["details"] for event in told} == {
        "route=GET /api/cases/{case_id}",
        "route=POST /api/cases/{case_id}/sign",
    }
    assert {event["case_id"] for event in told} == {case_id}
    # The administrator of the study's site sees it.
    assert {event["site"] for event in told} == {service.case_view(case_id).case.site}


def test_who_searched_for_patients_is_known_and_what_for_is_not(
    client: TestClient, service: Service
) -> None:
    become(client, "林清", (Role.ATTENDING,))
    for text in ("zhao m", "zhao mingyue"):
        body = {"search": text}
        assert client.post("/api/worklist/search", json=body).status_code == 200
    (event,) = audited(client, service, kind="search")
    assert (event["name"], event["address"], event["outcome"]) == ("林清", "testclient", "done")
    assert "zhao" not in str(event).casefold()
    assert "sought=" in event["details"]


def test_the_page_lets_every_kind_be_asked_for() -> None:
    page = asset_files.text("audit.js")
    kinds = page[page.index("KINDS") : page.index("];")]
    assert {kind.value for kind in AuditKind} == set(re.findall('"([a-z_]+)"', kinds))


def test_words_that_are_no_case_number_are_not_kept(client: TestClient, service: Service) -> None:
    become(client, "临床", (Role.CLINICIAN,))
    for words in ("ZHANG%20SAN%20MRN123", "%01x", "c-0123456789abcdef"):
        assert client.put(f"/api/cases/{words}/report", json={}).status_code == 403
    (event,) = audited(client, service, kind="access")
    assert event["case_id"] is None
    assert "ZHANG" not in str(event)


def test_what_is_not_there_was_not_looked_at(client: TestClient, service: Service) -> None:
    become(client, "林清")
    assert client.get("/api/cases/c-0123456789abcdef").status_code == 404
    assert audited(client, service, kind="view") == []


def test_reading_and_exporting_the_audit_is_in_it(client: TestClient, service: Service) -> None:
    audited(client, service)
    client.get("/api/audit.csv")
    told = audited(client, service, name="管理员")
    # Newest first; this search itself may be there already.
    assert [event["kind"] for event in told][-2:] == ["export", "audit_read"]


def test_signing_over_http_is_in_the_audit_with_the_address(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store)
    become(client, "林清", (Role.ATTENDING,))
    body = {"base_revision": 1, "base_step": 0, "images_seen": "elsewhere"}
    answer = client.post(f"/api/cases/{case_id}/sign", json=body)
    assert answer.status_code == 200
    (event,) = audited(client, service, kind="sign")
    assert (event["name"], event["address"]) == ("林清", "testclient")
    assert dict(part.split("=") for part in event["details"].split()) == {
        "author": account_of(service.store, "林清", (Role.ATTENDING,)).account_id,
        "images": "elsewhere",
        "manner": "alone",
        "password": "no",
        "version": "1",
    }


def test_an_administrator_of_one_site_sees_its_events_only(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store)
    become(client, "林清", (Role.ATTENDING,))
    client.get(f"/api/cases/{case_id}")
    assert service.trail.drain()
    become(client, "别处", (Role.ADMINISTRATOR,), "elsewhere")
    assert client.get("/api/audit", params={"kind": "view"}).json()["entries"] == []
    assert len(audited(client, service, kind="view")) == 1


def test_days_choose_and_a_day_that_is_none_is_said_so(
    client: TestClient, service: Service
) -> None:
    become(client, "林清", (Role.CLINICIAN,))
    client.get("/api/audit")
    today, tomorrow = date.today(), date.today() + timedelta(days=1)
    assert audited(client, service, kind="access", first=f"{today}", last=f"{today}")
    assert not audited(client, service, kind="access", first=f"{tomorrow}")
    answer = client.get("/api/audit", params={"first": "2026-02-31"})
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "audit_day_invalid"


def test_the_csv_has_what_the_page_has(client: TestClient, service: Service) -> None:
    case_id = seed.add(service.store)
    become(client, "=林清", (Role.ATTENDING,))
    client.get(f"/api/cases/{case_id}")
    assert service.trail.drain()
    become(client, "管理员", (Role.ADMINISTRATOR,))
    answer = client.get("/api/audit.csv", params={"kind": "view"})
    (row,) = csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))
    # A spreadsheet takes it for no formula.
    assert (row["name"], row["case_id"]) == ("'=林清", case_id)
