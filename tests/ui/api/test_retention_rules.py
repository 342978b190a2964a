"""The rule of a site's images over HTTP: for its administrator, noted, and by one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from radraft.pipeline.service import Service
from radraft.reports.audit import AuditKind, AuditQuery, Outcome
from radraft.reports.roles import Role
from radraft.store import audit
from radraft.ui.access import application
from radraft.ui.api.reports import add_api
from radraft.ui.api.retention import add_retention
from tests.ui import seed
from tests.ui.conftest import ORIGIN
from tests.ui.people import become

pytestmark = pytest.mark.slow

PATH = "/api/sites/test/retention-rule"


@pytest.fixture
def administrator(service: Service) -> Iterator[TestClient]:
    seed.add(service.store)
    app = application(service)
    add_api(app, service)
    add_retention(app, service)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
        yield become(client, "管", (Role.ADMINISTRATOR,))


def rule(client: TestClient) -> dict[str, Any]:
    (found,) = [
        held
        for held in client.get("/api/retention-rules").json()["rules"]
        if held["site"] == "test"
    ]
    return found


def test_an_administrator_sets_a_sites_rule_and_the_audit_says_so(
    administrator: TestClient, service: Service
) -> None:
    assert (rule(administrator)["number"], rule(administrator)["terms"]) == (0, [])
    terms = ["CR: move after 365 days, drop after 3,650 days", "*: move after 730 days"]
    changed = administrator.put(PATH, json={"base_number": 0, "terms": terms}).json()
    assert changed["terms"] == ["CR: move after 365 days, drop after 3650 days", terms[1]]
    assert (rule(administrator), changed["number"], changed["by"]) == (changed, 1, "管")
    kept = administrator.put(PATH, json={"base_number": 1, "terms": []}).json()
    assert (kept["number"], kept["terms"]) == (2, [])
    events = configured(service)
    assert [event.details["retention_rule"] for event in events] == ["2", "1"]
    assert events[1].details["term_1"] == changed["terms"][0]
    assert {(event.site, event.actor.name) for event in events} == {("test", "管")}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"base_number": 0, "terms": ["CR: burn"]}, 422, "retention_rule_invalid"),
        (
            {"base_number": 0, "terms": ["CR unsigned: drop after 9 days"]},
            422,
            "retention_unsigned_dropped",
        ),
        ({"base_number": 7, "terms": []}, 409, "rule_changed_meanwhile"),
    ],
)
def test_what_is_refused_changes_nothing_and_is_in_the_audit(
    administrator: TestClient, service: Service, body: dict[str, Any], status: int, code: str
) -> None:
    answer = administrator.put(PATH, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert rule(administrator)["number"] == 0
    assert service.trail.drain()
    (event,) = configured(service)
    assert (event.outcome, event.code) == (Outcome.REFUSED, code)


def test_an_administrator_of_another_site_sees_and_sets_nothing_here(
    administrator: TestClient,
) -> None:
    become(administrator, "别处", (Role.ADMINISTRATOR,), "elsewhere")
    shown = administrator.get("/api/retention-rules").json()["rules"]
    assert [held["site"] for held in shown] == ["elsewhere"]
    assert administrator.put(PATH, json={"base_number": 0, "terms": []}).status_code == 403


def configured(service: Service) -> list[Any]:
    """Events of what was configured, newest first."""
    wanted = AuditQuery(kinds=frozenset({AuditKind.CONFIGURATION}))
    with service.store.read() as session:
        return [entry.event for entry in audit.search(session, wanted).entries]
