"""Who may ask, from where, and how much."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from radraft.pipeline.service import Service
from radraft.reports.roles import Role
from radraft.ui import asset_files, security
from radraft.ui.access import application
from radraft.ui.api.reports import add_api
from radraft.ui.api.sign_in import add_sign_in
from tests.reached import PASSWORD, add_person
from tests.ui import seed
from tests.ui.conftest import ORIGIN, Workstation, asking
from tests.ui.people import session_of


@pytest.mark.parametrize(
    "host", ["127.0.0.1:7860", "localhost", "LOCALHOST:7860", "[::1]:7860", "127.0.0.2:7860"]
)
def test_loopback_hosts_are_served(client: TestClient, host: str) -> None:
    assert client.get("/api/worklist", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "127.0.0.1.evil.example", "", "[", "127.0.0.1@evil.example",
        "evil.example@127.0.0.1", "u:p@localhost", "127.0.0.1/x", "127.0.0.1:x", "localhost:",
        "128.0.0.1",
    ],
)  # fmt: skip
def test_other_hosts_are_refused(client: TestClient, host: str) -> None:
    answer = client.get("/api/worklist", headers={"Host": host})
    assert (answer.status_code, answer.json()["error"]["code"]) == (421, "host_refused")


@pytest.mark.slow
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:9", ""]
)
def test_other_origins_change_nothing(client: TestClient, service: Service, origin: str) -> None:
    case_id = seed.add(service.store)
    body = {"base_revision": 1}
    answer = client.post(f"/api/cases/{case_id}/sign", json=body, headers={"Origin": origin})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_refused")
    assert service.case_view(case_id).versions == ()


def test_a_request_without_origin_changes_nothing(client: TestClient, service: Service) -> None:
    case_id = seed.add(service.store)
    del client.headers["Origin"]
    answer = client.post(f"/api/cases/{case_id}/redraft", json={})
    assert answer.status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "same-origin, cross-site"])
def test_other_sites_read_nothing(client: TestClient, site: str) -> None:
    answer = client.get("/api/worklist", headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 403


def test_headers_on_every_answer(client: TestClient) -> None:
    for path in ("/api/worklist", "/ui/base.css", "/nowhere"):
        headers = client.get(path).headers
        assert headers["X-Frame-Options"] == "DENY"
        assert "http" not in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert client.get("/api/worklist").headers["Cache-Control"] == "no-store"


def test_headers_on_what_broke_too(service: Service) -> None:
    app = application(service)

    @app.get("/ui/{name:path}")
    def breaking(name: str) -> None:
        raise ValueError(name)

    answer = asking(app).get("/ui/base.css")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "request_broken")
    for name, value in security.HEADERS.items():
        assert answer.headers[name] == value


@pytest.mark.parametrize("path", ["/api/upload", "/api/session"])
def test_who_breaks_off_while_sending_is_counted_as_gone_and_not_as_a_fault(
    service: Service, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    app = application(service)
    add_api(app, service)
    add_sign_in(app, service)
    cookie = session_of(service.store)
    headers = [
        (b"host", b"127.0.0.1"),
        (b"origin", ORIGIN.encode()),
        (b"cookie", f"radraft-session={cookie}".encode()),
        (b"content-type", b"multipart/form-data; boundary=x"),
    ]
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": headers, "scheme": "http", "root_path": "",
        "client": ("127.0.0.1", 40_000), "server": ("127.0.0.1", 80), "http_version": "1.1",
    }  # fmt: skip
    messages = iter(
        [
            {"type": "http.request", "body": b"--x\r\n", "more_body": True},
            {"type": "http.disconnect"},
        ]
    )

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        pass

    with caplog.at_level(logging.INFO, "radraft.ui"):
        asyncio.run(app(scope, receive, send))
    (line,) = [record for record in caplog.records if record.name == "radraft.ui.requests"]
    assert (line.levelname, line.message) == ("INFO", "request")
    assert (line.fields["code"], line.fields["status"]) == ("client_gone", 499)  # type: ignore[attr-defined]


def test_a_slow_taker_of_an_answer_holds_no_place_of_those_who_write(service: Service) -> None:
    """As many as there are places for take nothing of their answers; one more is answered."""

    async def answering(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    guard = security.Guard(answering, service.settings)
    headers = [(b"host", b"127.0.0.1"), (b"origin", ORIGIN.encode())]
    scope = {
        "type": "http", "method": "POST", "path": security.SEARCH, "headers": headers,
        "scheme": "http", "client": ("127.0.0.1", 40_000),
    }  # fmt: skip

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def everybody() -> int:
        taken = asyncio.Event()
        waiting = asyncio.Semaphore(0)
        answers = 0

        async def slow(message: Any) -> None:
            waiting.release()
            await taken.wait()

        async def quick(message: Any) -> None:
            nonlocal answers
            answers += 1

        askers = [
            asyncio.create_task(guard(dict(scope), receive, slow))
            for _ in range(security.SEARCHES_AT_ONCE)
        ]
        for _ in askers:
            await waiting.acquire()
        await asyncio.wait_for(guard(dict(scope), receive, quick), 30)
        taken.set()
        await asyncio.gather(*askers)
        return answers

    assert asyncio.run(everybody()) == 2


def test_who_floods_the_sign_in_takes_no_place_of_those_who_write_and_none_without_end(
    service: Service,
) -> None:
    """Sign-ins that never end, many more than there are places; somebody saves meanwhile."""
    hashing = asyncio.Event()

    async def answering(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] in security.SIGN_INS:
            await hashing.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    guard = security.Guard(answering, service.settings)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def asked(path: str) -> int:
        statuses: list[int] = []

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        headers = [(b"host", b"127.0.0.1"), (b"origin", ORIGIN.encode())]
        scope = {
            "type": "http", "method": "POST", "path": path, "headers": headers, "scheme": "http",
            "client": ("127.0.0.1", 40_000),
        }  # fmt: skip
        await guard(scope, receive, send)
        return statuses[0]

    async def everybody() -> None:
        room = security.SIGN_INS_AT_ONCE + security.SIGN_INS_WAITING
        flood = [asyncio.create_task(asked("/api/session")) for _ in range(room + 50)]
        assert await asyncio.wait_for(asked("/api/cases/c-1/report"), 30) == 200
        assert await asyncio.wait_for(asked("/api/session/unlock"), 30) == 503
        hashing.set()
        answers = await asyncio.gather(*flood)
        assert (answers.count(200), answers.count(503)) == (room, 50)
        assert await asked("/api/session") == 200

    asyncio.run(everybody())


def test_no_secret_that_was_there_before_is_a_session_after_signing_in(service: Service) -> None:
    """Whoever planted it in the browser, made up or his own, has nothing of who signs in."""
    add_person(service.settings.data_dir, "lin", "林清", Role.ATTENDING)
    app = application(service)
    add_api(app, service)
    add_sign_in(app, service)
    planted = session_of(service.store, "攻击者", (Role.CLINICIAN,))
    for before in ("planted-by-somebody", planted):
        client = TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN})
        client.cookies.set("radraft-session", before, domain="127.0.0.1", path="/")
        answer = client.post("/api/session", json={"login": "lin", "password": PASSWORD})
        assert answer.status_code == 200
        assert client.cookies["radraft-session"] != before
        assert client.get("/api/session").json()["login"] == "lin"
        attacker = TestClient(app, base_url=ORIGIN, cookies={"radraft-session": before})
        refused = attacker.get("/api/session")
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "sign_in_needed")


def test_declared_size_is_limited(client: TestClient) -> None:
    answer = client.post("/api/upload", headers={"Content-Length": str(security.MAX_UPLOAD + 1)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "upload_too_large")


def test_undeclared_size_is_limited(client: TestClient, service: Service) -> None:
    case_id = seed.add(service.store)

    def endless() -> Iterator[bytes]:
        for _ in range(security.MAX_BODY // 65536 + 1):
            yield b" " * 65536

    answer = client.put(f"/api/cases/{case_id}/report", content=endless())
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "upload_too_large")


def test_assets_have_types_and_tags(client: TestClient) -> None:
    kinds = {
        "report.js": "text/javascript",
        "base.css": "text/css",
        "i18n/en.json": "application/json",
    }
    for name, kind in kinds.items():
        answer = client.get(f"/ui/{name}")
        assert answer.headers["Content-Type"].startswith(kind)
        assert answer.headers["Cache-Control"] == "no-cache"
        tag = {"If-None-Match": answer.headers["ETag"]}
        assert client.get(f"/ui/{name}", headers=tag).status_code == 304
    for name in ("../security.py", "%2e%2e/security.py", "nothing.js"):
        assert client.get(f"/ui/{name}").status_code == 404


def test_the_tag_of_an_asset_is_that_of_its_content() -> None:
    # Size and date are not enough: an upgrade may leave both as they were.
    for content, _, tag in asset_files.load().values():
        assert tag == f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def test_what_is_no_asset_is_refused_with_a_code(client: TestClient) -> None:
    for name in ("figures.html", "nothing.js", "i18n", ""):
        answer = client.get(f"/ui/{name}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "path_unknown")


@pytest.mark.slow
def test_of_gradio_only_the_page_is_reachable(workstation: Workstation) -> None:
    headers = {"Origin": workstation.url}
    with httpx.Client(base_url=workstation.url, headers=headers, trust_env=False) as client:
        page = client.get("/")
        assert page.status_code == 200
        assert "/ui/base.css" in page.text
        assert str(workstation.folder) not in page.text
        assert client.get("/theme.css").status_code == 200
        for path in ("/gradio_api/info", "/gradio_api/file=/etc/passwd", "/monitoring", "/docs"):
            assert client.get(path).status_code == 404
        for path in ("/gradio_api/upload", "/gradio_api/queue/join", "/login"):
            assert client.post(path, json={}).status_code == 404
