"""Other programs at the HTTP interface: by a token alone, for what it is for, and no more."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from radraft.pipeline.service import Service
from radraft.reports.audit import AuditActor
from radraft.reports.machine_tokens import TokenTerms, new_secret
from radraft.reports.roles import EVERY_SITE, Membership, Role, Scope
from radraft.store import accounts
from radraft.ui.access import application
from radraft.ui.mount import add_routes
from tests.ui import seed
from tests.ui.conftest import ORIGIN
from tests.ui.people import become, session_of

SIGNATURE = {"base_step": 0, "base_revision": 1, "images_seen": "drawn"}


@pytest.fixture
def app(service: Service) -> FastAPI:
    made = application(service)
    add_routes(made, service)
    return made


@pytest.fixture
def person(app: FastAPI) -> Iterator[TestClient]:
    """A browser in which somebody may sign in."""
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as made:
        yield made


def program(app: FastAPI, secret: str) -> TestClient:
    """A program that shows a token; it sends no origin and keeps no cookie."""
    return TestClient(app, base_url=ORIGIN, headers={"Authorization": f"Bearer {secret}"})


def made(service: Service, *scopes: Scope, site: str = EVERY_SITE) -> str:
    terms = TokenTerms("wall", frozenset({site}), frozenset(scopes), days=1)
    return service.machine_tokens.make(terms, by=AuditActor("管理员"))[1]


def code(answer: Response) -> str:
    error: dict[str, str] = answer.json()["error"]
    assert error["message_zh"] and error["message_en"]
    return error["code"]


def signed(person: TestClient, service: Service, number: int = 1) -> str:
    case_id = seed.add(service.store, number)
    become(person)
    answer = person.post(f"/api/cases/{case_id}/sign", json=SIGNATURE)
    assert answer.status_code == 200
    return case_id


def told(person: TestClient, service: Service, kind: str) -> list[dict[str, Any]]:
    """What the audit has of a kind, newest first."""
    assert service.trail.drain()
    become(person, "查", (Role.ADMINISTRATOR,))
    found: list[dict[str, Any]] = person.get("/api/audit", params={"kind": kind}).json()["entries"]
    return found


def test_a_program_reads_what_is_signed_and_nothing_else(
    app: FastAPI, service: Service, person: TestClient
) -> None:
    case_id, unsigned = signed(person, service), seed.add(service.store, 2)
    wall = program(app, made(service, Scope.READ))
    listed = wall.get("/api/worklist").json()["rows"]
    assert [row["case_id"] for row in listed] == [case_id]
    found = wall.post("/api/worklist/search", json={"search": "zzz"})
    assert found.json()["rows"] == []
    view = wall.get(f"/api/cases/{case_id}").json()
    assert len(view["versions"]) == 1 and view["draft"] is None
    # A program is offered no step.
    assert view["actions"] == []
    image = view["images"][0]["image_id"]
    assert wall.get(f"/api/images/{image}/png").status_code == 200
    refused = wall.get(f"/api/cases/{unsigned}")
    assert (refused.status_code, code(refused)) == (403, "token_unsigned")
    assert code(wall.get(f"/api/cases/{unsigned}/versions")) == "token_unsigned"
    assert wall.get(f"/api/cases/{case_id}/versions/v1/draft").status_code in (404, 422)


def test_what_is_read_sent_in_and_exported_is_in_the_audit_under_the_tokens_name(
    app: FastAPI, service: Service, person: TestClient
) -> None:
    case_id = signed(person, service)
    every = program(app, made(service, *Scope))
    assert every.get(f"/api/cases/{case_id}").status_code == 200
    assert every.get("/api/quality.csv").status_code == 200
    sent = every.post("/api/upload", files={"files": ("a.dcm", io.BytesIO(b"no dicom"))})
    assert sent.status_code == 200
    (token,) = service.machine_tokens.every()
    for kind in ("view", "export", "intake"):
        (event,) = told(person, service, kind)
        assert (event["name"], event["account_id"]) == ("wall", token.token_id)
        assert event["address"] == "testclient"
    assert told(person, service, "view")[0]["case_id"] == case_id


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        (Scope.READ, "POST", "/api/upload"),
        (Scope.READ, "GET", "/api/quality.csv"),
        (Scope.INTAKE, "GET", "/api/worklist"),
        (Scope.EXPORT, "GET", "/api/audit.csv"),
        (Scope.READ, "GET", "/api/tokens"),
        (Scope.READ, "POST", "/api/tokens"),
        (Scope.READ, "POST", "/api/session"),
        (Scope.READ, "GET", "/quality"),
    ],
)
def test_what_a_token_is_not_for_is_refused_in_both_languages_and_noted(
    app: FastAPI, service: Service, person: TestClient, scope: Scope, method: str, path: str
) -> None:
    wall = program(app, made(service, scope))
    answer = wall.request(method, path, json={} if method == "POST" else None)
    assert (answer.status_code, code(answer)) == (403, "token_scope")
    (event,) = told(person, service, "access")
    assert (event["name"], event["code"]) == ("wall", "token_scope")


def test_a_token_of_another_site_sees_nothing_of_this_one(
    app: FastAPI, service: Service, person: TestClient
) -> None:
    case_id = signed(person, service)
    foreign = program(app, made(service, *Scope, site="elsewhere"))
    for answer in (
        foreign.get(f"/api/cases/{case_id}"),
        foreign.post("/api/upload", files={"files": ("a.dcm", io.BytesIO(b"x"))}),
    ):
        assert (answer.status_code, code(answer)) == (403, "token_site")
    assert foreign.get("/api/worklist").json()["rows"] == []
    assert case_id not in foreign.get("/api/quality.csv").text


def test_a_wrong_token_is_told_so_and_after_a_few_that_it_has_to_wait(
    app: FastAPI, service: Service
) -> None:
    wrong = program(app, new_secret())
    answers = [wrong.get("/api/worklist") for _ in range(7)]
    assert (answers[0].status_code, code(answers[0])) == (401, "token_unknown")
    assert answers[0].headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert (answers[-1].status_code, code(answers[-1])) == (429, "token_wait")
    assert program(app, made(service, Scope.READ)).get("/api/worklist").status_code == 200


@pytest.mark.parametrize("cookie", ["radraft-session", "__Host-radraft-session"])
def test_a_token_and_a_session_are_never_shown_together(
    app: FastAPI, service: Service, cookie: str
) -> None:
    wall = program(app, made(service, Scope.READ))
    wall.cookies.set(cookie, session_of(service.store))
    for path in ("/api/worklist", "/api/session", "/health/live"):
        answer = wall.get(path)
        assert (answer.status_code, code(answer)) == (400, "token_with_cookie")


def test_a_token_is_never_taken_from_an_address(
    app: FastAPI, service: Service, person: TestClient
) -> None:
    secret = made(service, Scope.READ)
    for query in (f"access_token={secret}", "access_token=x", f"token={secret}", secret):
        answer = person.get(f"/api/worklist?{query}")
        assert (answer.status_code, code(answer)) == (400, "token_in_address")
    assert program(app, secret).get(f"/api/worklist?author={secret}").status_code == 400
    # Nobody was let in by it.
    assert service.machine_tokens.every()[0].used_at is None


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic {secret}", "{secret}", "Bearer {secret} {secret}"]
)
def test_only_a_bearer_header_lets_a_program_in(
    app: FastAPI, service: Service, header: str
) -> None:
    secret = made(service, Scope.READ)
    client = TestClient(app, base_url=ORIGIN)
    answer = client.get("/api/worklist", headers={"Authorization": header.format(secret=secret)})
    assert answer.status_code == 401


def test_two_tokens_are_none(app: FastAPI, service: Service) -> None:
    secret = made(service, Scope.READ)
    client = TestClient(app, base_url=ORIGIN)
    shown = ("Authorization", f"Bearer {secret}")
    assert code(client.get("/api/worklist", headers=[shown, shown])) == "token_unknown"


def test_the_scheme_is_read_in_any_case(app: FastAPI, service: Service) -> None:
    client = TestClient(app, base_url=ORIGIN)
    shown = {"Authorization": f"bearer {made(service, Scope.READ)}"}
    assert client.get("/api/worklist", headers=shown).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_a_page_of_another_origin_is_refused_though_it_shows_a_token(
    app: FastAPI, service: Service, origin: str
) -> None:
    wall = program(app, made(service, Scope.READ))
    answer = wall.post("/api/worklist/search", json={"search": "x"}, headers={"Origin": origin})
    assert (answer.status_code, code(answer)) == (403, "origin_refused")


def test_a_browser_that_asks_whether_another_page_may_show_a_token_is_told_no(
    app: FastAPI,
) -> None:
    asked = {
        "Origin": "http://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = TestClient(app, base_url=ORIGIN).options("/api/worklist/search", headers=asked)
    assert answer.status_code == 403
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_a_header_of_another_scheme_does_not_stand_for_an_origin(person: TestClient) -> None:
    become(person)
    del person.headers["Origin"]
    answer = person.post("/api/worklist/search", json={}, headers={"Authorization": "Basic eA=="})
    assert (answer.status_code, code(answer)) == (403, "origin_refused")


def test_no_token_is_in_a_log_or_in_the_audit(
    app: FastAPI, service: Service, person: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    case_id = signed(person, service)
    become(person, "管", (Role.ADMINISTRATOR, Role.CLINICIAN))
    asked = {"name": "wall", "sites": ["*"], "scopes": ["read"], "days": 1}
    secret = person.post("/api/tokens", json=asked).json()["secret"]
    wall = program(app, secret)
    wall.get(f"/api/cases/{case_id}")
    wall.post(f"/api/cases/{case_id}/sign", json=SIGNATURE)
    wall.get("/api/worklist", params={"access_token": secret})
    service.machine_tokens.revoke(service.machine_tokens.every()[0].token_id, by=AuditActor("x"))
    wall.get("/api/worklist")
    assert service.trail.drain()
    become(person, "查", (Role.ADMINISTRATOR,))
    # All but what the test's own client writes.
    logged = [str(vars(record)) for record in caplog.records if "httpx" not in record.name]
    assert any("token_revoked" in line for line in logged)
    kept = json.dumps(person.get("/api/audit").json()) + "".join(logged)
    assert "token_revoked" in kept
    assert secret.removeprefix("radraft_") not in kept


def test_who_may_not_read_signed_reports_makes_no_token_that_does(
    app: FastAPI, service: Service, person: TestClient
) -> None:
    asked = {"name": "wall", "sites": ["local"], "scopes": ["read", "intake"], "days": 30}
    become(person, "管", (Role.ADMINISTRATOR,))
    assert code(person.post("/api/tokens", json=asked)) == "token_read_denied"
    # What tells him nothing he gives.
    assert person.post("/api/tokens", json=asked | {"scopes": ["intake", "export"]}).is_success
    # At one site alone.
    become(person, "兼", (Role.ADMINISTRATOR,))
    both = [Membership(EVERY_SITE, Role.ADMINISTRATOR), Membership("local", Role.CLINICIAN)]
    with service.store.begin() as session:
        (held,) = (known for known in accounts.every(session) if known.name == "兼")
        accounts.set_memberships(session, held.account_id, both)
    for sites, refused in ((["*"], True), (["local", "north"], True), (["local"], False)):
        answer = person.post("/api/tokens", json=asked | {"sites": sites})
        assert (answer.status_code == 403) is refused, sites
    assert len(service.machine_tokens.every()) == 2
    outcomes = [event["outcome"] for event in told(person, service, "token")]
    assert outcomes.count("refused") == 3


def test_the_lines_that_a_program_was_shown_are_in_the_audit(
    app: FastAPI, service: Service, person: TestClient
) -> None:
    shown = {signed(person, service, number) for number in range(1, 13)}
    wall = program(app, made(service, Scope.READ))
    assert len(wall.get("/api/worklist", params={"limit": 5}).json()["rows"]) == 5
    assert len(wall.get("/api/worklist").json()["rows"]) == 12
    # The same lines again say nothing new.
    wall.get("/api/worklist")
    events = [event for event in told(person, service, "view") if event["name"] == "wall"]
    assert len(events) == 2
    cases = re.findall(r"c-[0-9a-f]{16}", "".join(event["details"] for event in events))
    assert (len(cases), set(cases)) == (12, shown)
    assert {event["site"] for event in events} == {"test"}


def test_an_administrator_makes_lists_and_revokes_over_http(
    app: FastAPI, service: Service, person: TestClient
) -> None:
    become(person, "管", (Role.ADMINISTRATOR, Role.CLINICIAN), "local")
    asked = {"name": "wall", "sites": ["local"], "scopes": ["read"], "days": 30}
    answer = person.post("/api/tokens", json=asked)
    secret, token = answer.json()["secret"], answer.json()["token"]
    assert (token["state"], token["made_by"], token["used_at"]) == ("usable", "管", None)
    assert answer.headers["Cache-Control"] == "no-store"
    wall = program(app, secret)
    assert wall.get("/api/worklist").status_code == 200
    (listed,) = person.get("/api/tokens").json()["tokens"]
    assert listed["used_at"] is not None
    assert secret not in json.dumps(listed)
    ended = person.post(f"/api/tokens/{token['token_id']}/revoke", json={})
    assert ended.json()["token"]["state"] == "revoked"
    refused = wall.get("/api/worklist")
    assert (refused.status_code, code(refused)) == (401, "token_revoked")
    assert [event["details"].partition("what=")[2] for event in told(person, service, "token")] == [
        "revoked",
        "made",
    ]


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"name": ""}, "token_name_invalid"),
        ({"sites": []}, "token_sites_invalid"),
        ({"scopes": ["sign"]}, "token_scopes_invalid"),
        ({"days": 400}, "token_days_invalid"),
        ({"days": True}, "request_invalid"),
        ({"days": None}, "request_invalid"),
    ],
)
def test_terms_that_no_token_may_have_are_refused_with_the_reason(
    person: TestClient, wrong: dict[str, Any], refusal: str
) -> None:
    become(person, "管", (Role.ADMINISTRATOR,))
    asked = {"name": "wall", "sites": ["*"], "scopes": ["read"], "days": 30} | wrong
    answer = person.post("/api/tokens", json=asked)
    assert (answer.status_code, code(answer)) == (422, refusal)


def test_an_administrator_of_one_site_gives_nothing_at_another(
    service: Service, person: TestClient
) -> None:
    become(person, "别处", (Role.ADMINISTRATOR,), "elsewhere")
    asked = {"name": "wall", "sites": ["local"], "scopes": ["read"], "days": 30}
    answer = person.post("/api/tokens", json=asked)
    assert (answer.status_code, code(answer)) == (403, "not_allowed")
    made(service, Scope.READ)
    (token,) = service.machine_tokens.every()
    assert person.post(f"/api/tokens/{token.token_id}/revoke", json={}).status_code == 403
    assert {event["outcome"] for event in told(person, service, "token")} == {"done", "refused"}
