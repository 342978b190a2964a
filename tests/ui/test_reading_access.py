"""Who reads for another site opens what was sent to his own, and nothing else of that site."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from radraft.pipeline.service import Service
from radraft.reports.audit import AuditKind, AuditQuery
from radraft.reports.reading_rule import ReadingRule
from radraft.reports.roles import PERMISSIONS, READING_FOR_OTHERS, Permission, Role
from radraft.store import audit
from radraft.studies.values import KeyImage
from radraft.ui.access import ROUTES, Anybody, application
from radraft.ui.mount import add_routes
from tests.builders import signed_in
from tests.ui import alerted, seed
from tests.ui.conftest import ORIGIN
from tests.ui.people import account_of, become
from tests.ui.test_access import IDS, outcome

pytestmark = pytest.mark.slow

OF_ITS_SITE = frozenset(
    {
        "/api/cases/{case_id}/priors/{prior_case_id}",
        "/api/cases/{case_id}/orders/{order_id}",
        "/api/cases/{case_id}/patient-changes/same",
    }
)
"""Whose another study or an order is, people of its own site say."""


@pytest.fixture
def app(service: Service) -> FastAPI:
    made = application(service)
    add_routes(made, service)
    return made


def sent(service: Service, number: int) -> str:
    """A study of `test` that the readers of `centre` read."""
    account_of(service.store, "中心医师", (Role.ATTENDING,), "centre")
    case_id = seed.add(service.store, number, pictures=(picture(number),))
    by = account_of(service.store, "管理员", (Role.ADMINISTRATOR,)).person
    service.reading.set_rules("test", [ReadingRule("centre")], base_number=0, by=by)
    return case_id


def picture(number: int) -> KeyImage:
    return seed.key_image(seed.phantom(seed=number), (1300.0, 2600.0))


def allowed(role: Role, needed: Permission) -> bool:
    held = PERMISSIONS[role]
    return Permission.WRITE in held and needed in held & READING_FOR_OTHERS


def test_every_route_of_a_study_lets_its_readers_in_and_of_no_other_study(
    app: FastAPI, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = seed.add(service.store, 2, pictures=(picture(2),))
    # Somebody at its own site has opened it: it stays there.
    service.opened(kept, signed_in(service.store, "本院医师"))
    case_id = sent(service, 1)
    wrong, cells = [], 0
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
        for role in Role:
            become(client, f"中心的{role}", (role,), "centre")
            for known, here in ((case_id, True), (kept, False)):
                ids = IDS | {"case_id": known, "site": "test"}
                ids["image_id"] = service.case_view(known).images[0].image_id
                for (method, template), access in ROUTES.items():
                    needed = access.needed
                    if isinstance(needed, Anybody) or not {"case_id", "image_id", "site"} & {
                        name for name in ids if f"{{{name}}}" in template
                    }:
                        continue
                    path = template
                    for name, value in ids.items():
                        path = path.replace(f"{{{name}}}", value)
                    of_site = "{site}" in template or template in OF_ITS_SITE
                    may = here and not of_site and allowed(role, needed)
                    found = outcome(client, method, path)
                    cells += 1
                    if found != ("let in" if may else "refused"):
                        wrong.append((role.value, here, f"{method} {template}", found))
    with capsys.disabled():
        print(f"\n{cells} cells of routes, roles at a reading site, and a study sent or not")
    assert wrong == []
    assert cells > 300


def test_a_report_is_written_reviewed_and_signed_at_the_reading_site(
    app: FastAPI, service: Service
) -> None:
    case_id = sent(service, 1)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
        become(client, "中心住院", (Role.RESIDENT,), "centre")
        (row,) = client.get("/api/worklist").json()["rows"]
        assert (row["site"], row["reading_site"]) == ("test", "centre")
        assert client.get("/api/worklist/choices").json()["sites"] == ["test"]
        view = client.get(f"/api/cases/{case_id}").json()
        assert (view["reading_site"], view["case"]["site"]) == ("centre", "test")
        seen = {"base_revision": 1, "base_step": 0}
        assert client.post(f"/api/cases/{case_id}/submit", json=seen).status_code == 200
        become(client, "中心主治", (Role.ATTENDING,), "centre")
        seen = {"base_revision": 1, "base_step": 1, "images_seen": "drawn"}
        signed = client.post(f"/api/cases/{case_id}/sign", json=seen)
        assert signed.status_code == 200, signed.json()
        assert (signed.json()["author"], signed.json()["reviewer"]) == ("中心住院", "中心主治")
        question = client.post(f"/api/cases/{case_id}/questions", json={"question": "?"})
        assert question.status_code == 403
        become(client, "中心临床", (Role.CLINICIAN,), "centre")
        assert client.get(f"/api/cases/{case_id}").status_code == 403
        assert client.get("/api/worklist").json()["rows"] == []
    assert service.trail.drain()
    with service.store.read() as session:
        found = audit.search(session, AuditQuery(case_id=case_id), 100).entries
    by = {
        kind: {
            (event.site, event.details.get("reading_site"))
            for event in (entry.event for entry in found)
            if event.kind is kind and event.outcome.value == "done"
        }
        for kind in (AuditKind.VIEW, AuditKind.REVIEW, AuditKind.SIGN)
    }
    assert by == {kind: {("test", "centre")} for kind in by}


def test_who_works_at_the_study_s_site_reads_it_as_before(app: FastAPI, service: Service) -> None:
    case_id = sent(service, 1)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
        become(client, "本院医师", (Role.ATTENDING,), "test")
        assert client.get(f"/api/cases/{case_id}").json()["reading_site"] == ""
        (row,) = client.get("/api/worklist").json()["rows"]
        assert row["reading_site"] == "centre"


def test_an_administrator_sets_the_rules_of_his_site_and_sees_both_sites_queues(
    app: FastAPI, service: Service
) -> None:
    account_of(service.store, "中心医师", (Role.ATTENDING,), "centre")
    case_id = seed.add(service.store)
    path = "/api/sites/test/reading-rules"
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
        become(client, "北院管理", (Role.ADMINISTRATOR,), "test")
        assert client.get(path).json() == {
            "site": "test",
            "number": 0,
            "rules": [],
            "by": None,
            "at": None,
            "damaged": False,
        }
        body = {"base_number": 0, "rules": [{"reading_site": "centre", "modalities": ["CR"]}]}
        changed = client.put(path, json=body)
        assert changed.status_code == 200, changed.json()
        assert (changed.json()["number"], changed.json()["by"]) == (1, "北院管理")
        assert changed.json()["rules"][0]["to_hour"] == 24
        for wrong, code in (
            ({"reading_site": "test"}, "reading_site_own"),
            ({"reading_site": "nowhere"}, "site_unknown"),
            ({"reading_site": "centre", "weekdays": [9]}, "reading_rule_invalid"),
        ):
            refused = client.put(path, json={"base_number": 1, "rules": [wrong]})
            assert refused.json()["error"]["code"] == code
        assert client.put(path, json=body).status_code == 409
        assert client.put("/api/sites/centre/reading-rules", json=body).status_code == 403
        shown = client.get("/api/reading").json()
        assert [held["site"] for held in shown["rules"]] == ["test"]
        (queue,) = shown["queues"]
        assert (queue["site"], queue["reading_site"], queue["waiting"]) == ("test", "centre", 1)
        become(client, "中心主治", (Role.ATTENDING,), "centre")
        seen = {"base_revision": 1, "base_step": 0, "images_seen": "drawn"}
        assert client.post(f"/api/cases/{case_id}/sign", json=seen).status_code == 200
        become(client, "中心管理", (Role.ADMINISTRATOR,), "centre")
        (queue,) = client.get("/api/reading").json()["queues"]
        assert (queue["waiting"], queue["signed"]) == (0, 1)
        assert queue["median_minutes"] >= 0
        become(client, "他院管理", (Role.ADMINISTRATOR,), "city")
        assert client.get("/api/reading").json()["queues"] == []


def test_a_reader_for_another_site_sees_nobody_else_s_identity(
    app: FastAPI, service: Service
) -> None:
    case_id = sent(service, 1)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
        become(client, "中心主治", (Role.ATTENDING,), "centre")
        found = client.get(f"/api/cases/{case_id}/priors").json()
        assert (found["to_confirm"], found["rejected"]) == ([], [])
        said = client.post(f"/api/cases/{case_id}/priors/c-0000000000000000", json={"same": True})
        assert (said.status_code, said.json()["error"]["code"]) == (403, "not_allowed")


def test_a_reader_for_another_site_tells_of_its_critical_values(
    app: FastAPI, service: Service
) -> None:
    case_id = sent(service, 1)
    alerted.write(service, case_id)
    kept = alerted.add(service, 2)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
        become(client, "中心主治", (Role.ATTENDING,), "centre")
        (alert,) = client.get("/api/alerts").json()["alerts"]
        assert alert["case_id"] == case_id
        told = {"base_revision": alert["revision"], "recipient": "病房", "channel": "phone"}
        path = f"/api/alerts/{alert['alert_id']}"
        assert client.get(path).status_code == 200
        assert client.post(f"{path}/notify", json=told).status_code == 200
        other = alerted.only(service, kept).alert.alert_id
        assert client.get(f"/api/alerts/{other}").status_code == 403
        assert client.post(f"/api/alerts/{other}/notify", json=told).status_code == 403
        (row,) = client.get("/api/worklist").json()["rows"]
        assert [shown["alert_id"] for shown in row["alerts"]] == [alert["alert_id"]]
        become(client, "他院主治", (Role.ATTENDING,), "city")
        assert client.get(path).status_code == 403
        assert client.get("/api/alerts").json()["alerts"] == []


def test_both_sites_see_who_is_on_a_study_that_one_reads_for_the_other(
    app: FastAPI, service: Service
) -> None:
    case_id = sent(service, 1)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
        become(client, "中心主治", (Role.ATTENDING,), "centre")
        here = client.post(f"/api/cases/{case_id}/presence", json={"page": "0" * 16})
        assert here.status_code == 200
        for name, site in (("中心另一位", "centre"), ("本院医师", "test")):
            become(client, name, (Role.ATTENDING,), site)
            (shown,) = client.get("/api/presence").json()["cases"][case_id]
            assert shown["name"] == "中心主治"
        become(client, "他院主治", (Role.ATTENDING,), "city")
        assert client.get("/api/presence").json()["cases"] == {}


def test_whoever_sees_unsigned_studies_or_alerts_writes() -> None:
    """So that the lists show who reads for others exactly what its routes let him open."""
    for role, held in PERMISSIONS.items():
        for permission in (Permission.READ_UNSIGNED, Permission.ALERTS):
            assert permission not in held or Permission.WRITE in held, role
