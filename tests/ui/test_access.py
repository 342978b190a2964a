"""Who is let in to what: every route and every command, for every role."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from radraft.pipeline.machine_tokens import MachineTokens
from radraft.pipeline.service import Service
from radraft.reports.audit import AuditActor
from radraft.reports.machine_tokens import TokenTerms, new_secret
from radraft.reports.roles import EVERY_SITE, PERMISSIONS, Permission, Role, Scope
from radraft.ui.access import ROUTES, Anybody, application
from radraft.ui.mount import add_routes
from tests.ui import seed
from tests.ui.conftest import ORIGIN
from tests.ui.people import become

pytestmark = pytest.mark.slow

IDS = {
    "instance_ref": "i-0000000000000000",
    "frame": "0",
    "prior_case_id": "c-0000000000000000",
    "order_id": "1",
    "alert_id": "a-0000000000000000",
    "entry_id": "1",
    "arrival_id": "1",
    "move": "note",
    "view_id": "1",
    "token_id": "t-0000000000000000",
    "before": "v1",
    "after": "v2",
    "site": "north",
    "template_id": "chest_ct",
    "form": "yaml",
    "letters": "abc",
    "name:path": "base.css",
    "accession:path": "ACC-1",
    "inquiry_id": "1",
    "turn_id": "1",
}
PLAUSIBLE = {
    **dict.fromkeys(("login", "password", "secret", "name", "question", "remark", "reason"), "x"),
    **dict.fromkeys(("attending_alone", "emergency_alone"), True),
    **dict.fromkeys(("two_signatures", "reauthenticate"), False),
    "role": "attending",
    "sentence_id": "f1",
    "open_fields": "warn",
    "report": {},
    "filter": {},
    "key": "0" * 64,
    "images": [],
    "replaces": 1,
    "sites": ["local"],
    "languages": ["zh"],
    "scopes": ["read"],
    "terms": [],
    "images_seen": "drawn",
    "lang": "zh",
    "verdict": "up",
    "text": "x",
    "number": "x",
    "search": "x",
    "accession": "x",
    "person_name": "x",
    "person_id": "x",
    "link": "x",
}
"""Values of fields that 0 does not suit, of the right kind."""
SIGNATURE = {"base_step": 0, "base_revision": 1, "images_seen": "drawn"}
OF_A_CASE = {Permission.READ_SIGNED, Permission.READ_UNSIGNED, Permission.WRITE, Permission.SIGN}


@pytest.fixture
def app(service: Service) -> FastAPI:
    made = application(service)
    add_routes(made, service)
    return made


def outcome(client: TestClient, method: str, path: str) -> str:
    """Whether a request got past the check: what it asked for may still be refused as nonsense."""
    answer = client.request(
        method, path, json={} if method != "GET" else None, follow_redirects=False
    )
    if answer.status_code == 303:
        return "sign-in" if "sign_in_needed" in answer.headers["location"] else "refused"
    if answer.status_code in (401, 403):
        code: str = answer.json()["error"]["code"]
        return {"sign_in_needed": "sign-in", "not_allowed": "refused"}.get(code, "let in")
    return "let in"


def table(app: FastAPI) -> set[tuple[str, str]]:
    """Every route of the application, as its own description has them."""
    paths = app.openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_every_route_stands_in_the_table_and_nothing_else(app: FastAPI) -> None:
    written = {(method, path.replace(":path}", "}")) for method, path in ROUTES}
    assert table(app) == written


@pytest.mark.always
def test_every_cell_of_routes_and_roles(
    app: FastAPI, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    case_id = seed.add(service.store)
    image_id = service.case_view(case_id).images[0].image_id
    ids: dict[str, Any] = IDS | {"case_id": case_id, "image_id": image_id}
    wrong: list[tuple[str, str, str, str]] = []
    cells = 0
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
        for role in (*Role, None):
            for (method, template), access in ROUTES.items():
                client.cookies.clear()
                if role is not None:
                    become(client, f"somebody as {role}", (role,))
                path = filled(template, ids)
                found, wanted = outcome(client, method, path), expected(role, access.needed, path)
                cells += 1
                if found != wanted:
                    wrong.append((str(role), f"{method} {template}", found, wanted))
    with capsys.disabled():
        print(f"\n{cells} cells of {len(ROUTES)} routes, {len(Role)} roles and nobody")
    assert wrong == []


def filled(template: str, ids: dict[str, Any]) -> str:
    """A route's path with something in the place of each of its parameters."""
    for name, value in ids.items():
        template = template.replace(f"{{{name}}}", value)
    return template


def expected(role: Role | None, needed: Permission | Anybody, path: str) -> str:
    """What the table says; nothing of the case was signed, so a clinician may not see it."""
    if needed is Anybody.ANYBODY:
        return "let in"
    if role is None:
        return "sign-in"
    if needed is Anybody.SIGNED_IN:
        return "let in"
    unsigned = role is Role.CLINICIAN and ("/cases/" in path or "/images/" in path)
    if needed is Permission.READ_SIGNED and unsigned:
        return "refused"
    return "let in" if needed in PERMISSIONS[role] else "refused"


def test_a_request_that_lacks_a_field_is_told_which(app: FastAPI, service: Service) -> None:
    """Each body of the interface, without each of the fields that it must have."""
    described = app.openapi()
    schemas = described["components"]["schemas"]
    case_id = seed.add(service.store)
    asked = 0
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
        become(client, "什么都能做", tuple(Role))
        for method, template in sorted(ROUTES):
            body = described["paths"].get(template, {}).get(method.lower(), {}).get("requestBody")
            schema = body and body["content"]["application/json"]["schema"]
            if not schema or "$ref" not in schema:
                continue
            path = filled(template, IDS | {"case_id": case_id})
            schema = schemas[schema["$ref"].rpartition("/")[2]]
            for missing in schema.get("required", ()):
                given = {name: PLAUSIBLE.get(name, 0) for name in schema["required"]}
                del given[missing]
                answer = client.request(method, path, json=given)
                assert answer.status_code == 422, (template, missing)
                error = answer.json()["error"]
                assert error["code"] == "request_invalid"
                assert f"({missing}, missing)" in error["message_en"]
                assert f"（{missing}：missing）" in error["message_zh"]
                asked += 1
    assert asked > 20


def test_a_field_that_nobody_knows_does_not_come_back(app: FastAPI, service: Service) -> None:
    case_id = seed.add(service.store)
    body = {"base_step": 0, "base_revision": 1, "王小明": "王小明"}
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
        answer = become(client).post(f"/api/cases/{case_id}/submit", json=body)
    assert "(request, extra_forbidden)" in answer.json()["error"]["message_en"]
    assert "王小明" not in answer.text


WRITTEN = {
    ("POST", "/api/upload"),
    ("POST", "/api/worklist/search"),
    ("POST", "/api/study-links"),
}
"""The only routes for programs that are no GET: what one hands in, a search, whose words must not
stand in an address, and a link by which a clinician of the hospital's system opens one study."""
NEVER = {
    *(Permission.READ_UNSIGNED, Permission.ASK, Permission.WRITE, Permission.SIGN),
    *(Permission.AMEND, Permission.ALERTS, Permission.ACCOUNTS, Permission.AUDIT),
    *(Permission.CONFIGURE,),
}


def test_no_route_for_programs_signs_edits_asks_or_configures() -> None:
    for_programs = {route: line for route, line in ROUTES.items() if line.scopes}
    assert {line.needed for line in for_programs.values()} & {*NEVER, *Anybody} == set()
    assert {route for route in for_programs if route[0] != "GET"} == WRITTEN
    assert frozenset().union(*(line.scopes for line in for_programs.values())) == set(Scope)


@dataclass(frozen=True)
class Token:
    """A token as a program shows it."""

    secret: str
    scopes: frozenset[Scope]
    refusal: str = ""
    """With which it is refused wherever a token is asked for."""
    foreign: bool = False
    """Whether it is for another site."""


def tokens(service: Service) -> dict[str, Token]:
    """One token of each scope, one of all, one of another site, and three that are not right."""
    now = [datetime.now(UTC)]
    making = MachineTokens(service.store, lambda: now[0])
    by, everything = AuditActor("管理员"), frozenset(Scope)

    def made(scopes: frozenset[Scope], site: str = EVERY_SITE) -> tuple[str, str]:
        token, secret = making.make(TokenTerms("a program", frozenset({site}), scopes, 1), by=by)
        return token.token_id, secret

    kinds = {str(scope): Token(made(of := frozenset({scope}))[1], of) for scope in Scope}
    kinds["all"] = Token(made(everything)[1], everything)
    kinds["foreign"] = Token(made(everything, "elsewhere")[1], everything, foreign=True)
    token_id, secret = made(everything)
    making.revoke(token_id, by=by)
    kinds["revoked"] = Token(secret, everything, "token_revoked")
    now[0] -= timedelta(days=2)
    kinds["expired"] = Token(made(everything)[1], everything, "token_expired")
    kinds["unknown"] = Token(new_secret(), everything, "token_unknown")
    return kinds


def token_outcome(client: TestClient, method: str, path: str, secret: str) -> str:
    """The code with which a program is refused, or that it got past the check."""
    answer = client.request(
        method,
        path,
        json={} if method != "GET" else None,
        headers={"Authorization": f"Bearer {secret}"},
        follow_redirects=False,
    )
    code = answer.json()["error"]["code"] if answer.status_code >= 400 else ""
    return str(code) if code.startswith(("token_", "origin_")) else "let in"


def token_expected(token: Token, method: str, template: str) -> str:
    """What the table says, of a case of which a version was signed."""
    access = ROUTES[method, template]
    if access.needed is Anybody.ANYBODY and method == "GET":
        return "let in"
    if token.refusal:
        return token.refusal
    if not access.scopes & token.scopes:
        return "token_scope"
    of_a_site = {"{case_id}", "{image_id}", "upload"}
    named = any(part in of_a_site for part in template.split("/"))
    return "token_site" if token.foreign and named else "let in"


def test_every_cell_of_routes_and_tokens(
    app: FastAPI, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    case_id = seed.add(service.store)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
        signed = become(client).post(f"/api/cases/{case_id}/sign", json=SIGNATURE)
    assert signed.status_code == 200
    image_id = service.case_view(case_id).images[0].image_id
    ids: dict[str, Any] = IDS | {"case_id": case_id, "image_id": image_id}
    wrong: list[tuple[str, str, str, str]] = []
    cells = 0
    kinds = tokens(service)
    for kind, token in kinds.items():
        for method, template in ROUTES:
            # Each from an address of its own: of wrong ones a few are heard from one.
            client = TestClient(app, base_url=ORIGIN, client=(f"10.9.0.{cells}", 1))
            found = token_outcome(client, method, filled(template, ids), token.secret)
            wanted = token_expected(token, method, template)
            cells += 1
            if found != wanted:
                wrong.append((kind, f"{method} {template}", found, wanted))
    with capsys.disabled():
        print(f"\n{cells} cells of {len(ROUTES)} routes and {len(kinds)} tokens")
    assert wrong == []
