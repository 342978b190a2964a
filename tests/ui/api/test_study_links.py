"""Links of a hospital's system: what opens by one, for whom, how long, and what is refused."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from radraft.pipeline.service import Service
from radraft.pipeline.study_links import PRESET_MINUTES, VISIT, StudyLinks
from radraft.reports.audit import AuditActor
from radraft.reports.machine_tokens import TokenTerms
from radraft.reports.roles import Role, Scope
from radraft.studies.values import Patient
from radraft.ui.access import ROUTES, Anybody, application
from radraft.ui.mount import add_routes
from tests.builders import signed_in
from tests.ui import seed
from tests.ui.conftest import ORIGIN
from tests.ui.people import become
from tests.ui.test_access import IDS, filled, outcome

pytestmark = pytest.mark.slow

ZHANG = Patient("P-77", "Zhang^Wei=张^伟", date(1962, 3, 5), "M")
DOCTOR = {"person_name": "周医生", "person_id": "e-17"}


@pytest.fixture
def app(service: Service) -> FastAPI:
    made = application(service)
    add_routes(made, service)
    return made


@pytest.fixture
def browser_client(app: FastAPI) -> Iterator[TestClient]:
    """A browser in which nobody is signed in."""
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as made:
        yield made


@pytest.fixture
def case_id(service: Service) -> str:
    found = seed.add(service.store, 1, accession="ACC-1", patient=ZHANG)
    lin = signed_in(service.store, "林清")
    service.signing.sign(found, base_revision=1, base_step=0, actor=lin)
    return found


def token(service: Service, *scopes: Scope, site: str = "test") -> str:
    terms = TokenTerms("急诊工作站", frozenset({site}), frozenset(scopes), days=1)
    return service.machine_tokens.make(terms, by=AuditActor("管理员"))[1]


def program(app: FastAPI, secret: str) -> TestClient:
    return TestClient(app, base_url=ORIGIN, headers={"Authorization": f"Bearer {secret}"})


def made(app: FastAPI, secret: str, accession: str = "ACC-1", **more: object) -> str:
    """The secret part of a link."""
    answer = program(app, secret).post(
        "/api/study-links", json={"accession": accession, **DOCTOR, **more}
    )
    assert answer.status_code == 200, answer.text
    url: str = answer.json()["url"]
    address, _, link = url.partition("#link=")
    assert address == f"{ORIGIN}/s/{accession}"
    return link


def opened(client: TestClient, link: str, accession: str = "ACC-1") -> Response:
    return client.post("/api/session/visit", json={"link": link, "accession": accession})


def code(answer: Response) -> str:
    error: dict[str, str] = answer.json()["error"]
    assert error["message_zh"] and error["message_en"]
    return error["code"]


def test_a_link_lets_its_person_in_to_its_study_and_to_nothing_else(
    app: FastAPI, service: Service, browser_client: TestClient, case_id: str
) -> None:
    other = seed.add(service.store, 2, accession="ACC-2", patient=ZHANG)
    lin = signed_in(service.store, "林清")
    service.signing.sign(other, base_revision=1, base_step=0, actor=lin)
    opened(browser_client, made(app, token(service, Scope.LINK)))
    who = browser_client.get("/api/session").json()
    assert (who["name"], who["may"]) == ("周医生", ["ask", "read_signed"])
    assert browser_client.get(f"/api/cases/{case_id}/signed").status_code == 200
    image = browser_client.get(f"/api/cases/{case_id}/signed").json()["images"][0]
    assert browser_client.get(f"/api/images/{image}/png").status_code == 200
    assert code(browser_client.get(f"/api/cases/{other}/signed")) == "not_allowed"
    wanted = {"number": "ACC-2"}
    numbered = browser_client.post("/api/signed-studies/numbered", json=wanted)
    assert code(numbered) == "study_link_foreign"
    other_image = service.case_view(other).images[0].image_id
    assert code(browser_client.get(f"/api/images/{other_image}/png")) == "not_allowed"
    asked = browser_client.post(
        f"/api/cases/{case_id}/inquiries", json={"question": "多大？", "lang": "zh"}
    )
    assert asked.status_code == 200
    [question] = browser_client.get(f"/api/cases/{case_id}/signed").json()["inquiries"]
    assert (question["asked_by"], question["mine"]) == ("周医生", True)


def test_every_route_that_is_not_for_links_is_shut_for_who_came_by_one(
    app: FastAPI, service: Service, browser_client: TestClient, case_id: str
) -> None:
    opened(browser_client, made(app, token(service, Scope.LINK)))
    image_id = service.case_view(case_id).images[0].image_id
    ids: dict[str, Any] = IDS | {"case_id": case_id, "image_id": image_id}
    wrong = []
    for (method, template), access in ROUTES.items():
        if access.needed is Anybody.ANYBODY:
            continue
        found = outcome(browser_client, method, filled(template, ids))
        if found != ("let in" if access.by_link else "sign-in"):
            wrong.append((method, template, found))
    assert wrong == []


def test_links_that_do_not_hold_are_refused_each_in_its_words(
    app: FastAPI, service: Service, browser_client: TestClient, case_id: str
) -> None:
    secret = token(service, Scope.LINK)
    link = made(app, secret)
    assert code(opened(browser_client, link[:-2] + ("AA" if link[-2:] != "AA" else "BB"))) == (
        "study_link_invalid"
    )
    assert code(opened(browser_client, "nonsense")) == "study_link_invalid"
    assert code(opened(browser_client, "\u4e2d")) == "study_link_invalid"
    assert code(opened(browser_client, link, "ACC-2")) == "study_link_foreign"
    first = opened(browser_client, link)
    assert first.status_code == 200
    used = opened(browser_client, link)
    assert (used.status_code, code(used)) == (410, "study_link_used")
    # Who was in stays in.
    assert browser_client.get(f"/api/cases/{case_id}/signed").status_code == 200


def test_a_link_lasts_minutes_and_a_visit_an_hour(service: Service, case_id: str) -> None:
    terms = TokenTerms("HIS", frozenset({"test"}), frozenset({Scope.LINK}), days=1)
    maker, _ = service.machine_tokens.make(terms, by=AuditActor("管理员"))
    now = datetime.now(UTC)
    clock = [now]
    links = StudyLinks(service.store, now=lambda: clock[0])
    asked = {"accession": "ACC-1", "name": "周医生", "person_id": "e-17"}
    late, soon = links.make(maker, **asked), links.make(maker, **asked)
    assert late.expires_at == now + timedelta(minutes=PRESET_MINUTES)
    begun = links.open(soon.secret, "acc 1", address="")
    clock[0] = now + timedelta(minutes=PRESET_MINUTES)
    with pytest.raises(Exception, match="study_link_expired"):
        links.open(late.secret, "ACC-1", address="")
    assert links.visit(begun.secret)[0].name == "周医生"
    clock[0] = now + VISIT
    with pytest.raises(Exception, match="visit_ended"):
        links.visit(begun.secret)


def test_a_revoked_token_ends_its_links_and_visits(
    app: FastAPI, service: Service, browser_client: TestClient, case_id: str
) -> None:
    secret = token(service, Scope.LINK)
    opened(browser_client, made(app, secret))
    waiting = made(app, secret)
    [held] = service.machine_tokens.every()
    service.machine_tokens.revoke(held.token_id, by=AuditActor("管理员"))
    ended = browser_client.get(f"/api/cases/{case_id}/signed")
    assert (ended.status_code, code(ended)) == (401, "visit_ended")
    assert code(opened(browser_client, waiting)) == "study_link_revoked"


def test_who_leaves_is_out_and_a_desks_own_session_is_not(
    app: FastAPI, service: Service, browser_client: TestClient, case_id: str
) -> None:
    become(browser_client, "林清", (Role.ATTENDING,))
    visitor = opened(browser_client, made(app, token(service, Scope.LINK))).json()["login"]
    # Both are in the one browser: each page says whose it is.
    assert browser_client.get("/api/session").json()["name"] == "林清"
    as_visitor = {"X-Radraft-Account": visitor}
    assert browser_client.get("/api/session", headers=as_visitor).json()["name"] == "周医生"
    again = opened(browser_client, made(app, token(service, Scope.LINK), person_id="e-18"))
    assert again.json()["login"] != visitor
    refused = browser_client.get(f"/api/cases/{case_id}/signed", headers=as_visitor)
    assert code(refused) == "session_of_another"
    browser_client.post("/api/session/visit/end")
    assert browser_client.get("/api/session").json()["name"] == "林清"
    as_visitor = {"X-Radraft-Account": again.json()["login"]}
    assert browser_client.get("/api/session", headers=as_visitor).status_code == 401


def test_links_are_made_for_programs_with_that_scope_alone(
    app: FastAPI, service: Service, browser_client: TestClient
) -> None:
    body = {"accession": "ACC-1", **DOCTOR}
    reading = program(app, token(service, Scope.READ)).post("/api/study-links", json=body)
    assert code(reading) == "token_scope"
    become(browser_client, "林清", (Role.ATTENDING,))
    assert code(browser_client.post("/api/study-links", json=body)) == "study_link_by_token"
    his = program(app, token(service, Scope.LINK))
    assert his.get("/api/worklist").status_code == 403
    for wrong, expected in (
        ({"person_name": "a\u202eb"}, "study_link_person_invalid"),
        ({"accession": "--"}, "study_link_accession_invalid"),
        ({"minutes": 60}, "request_invalid"),
    ):
        assert code(his.post("/api/study-links", json=body | wrong)) == expected


def test_another_sites_token_opens_nothing_here(
    app: FastAPI, service: Service, browser_client: TestClient, case_id: str
) -> None:
    opened(browser_client, made(app, token(service, Scope.LINK, site="south")))
    found = browser_client.post("/api/signed-studies/numbered", json={"number": "ACC-1"})
    assert [study["standing"] for study in found.json()["studies"]] == ["elsewhere"]
    assert code(browser_client.get(f"/api/cases/{case_id}/signed")) == "not_allowed"


def test_the_audit_names_who_came_by_which_link_and_no_log_names_anybody(
    app: FastAPI,
    service: Service,
    browser_client: TestClient,
    case_id: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        link = made(app, token(service, Scope.LINK))
        opened(browser_client, link)
        opened(browser_client, link)
        browser_client.get(f"/api/cases/{case_id}/signed")
        assert service.trail.drain()
    for words in (link, "周医生", "e-17", "张", "ACC-1"):
        # httpx, the test's own browser, names what it asks for.
        ours = [record for record in caplog.records if not record.name.startswith("http")]
        assert [record.getMessage() for record in ours if words in record.getMessage()] == []
    become(browser_client, "查", (Role.ADMINISTRATOR,))
    found = browser_client.get("/api/audit", params={"kind": "study_link"}).json()["entries"]
    assert {entry["outcome"] for entry in found} == {"done", "refused"}
    done = [entry for entry in found if entry["outcome"] == "done"]
    whats = {word for entry in done for word in entry["details"].split() if "what=" in word}
    assert whats == {"what=made", "what=opened"}
    assert {entry["case_id"] for entry in done} == {case_id}
    assert {entry["name"] for entry in done} == {"急诊工作站", "周医生"}
    viewed = browser_client.get("/api/audit", params={"kind": "view"}).json()["entries"]
    assert "周医生" in {entry["name"] for entry in viewed}


def test_a_token_for_links_is_given_by_who_may_read_himself(service: Service) -> None:
    terms = TokenTerms("HIS", frozenset({"test"}), frozenset({Scope.LINK}), days=1)
    with pytest.raises(Exception, match="token_read_denied"):
        service.machine_tokens.make(terms, by=AuditActor("管理员"), reads_at=frozenset())
