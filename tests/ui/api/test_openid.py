"""A browser's way to the hospital's provider and back: pages, cookies, logout."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from radraft.core.errors import SignInError
from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.service import Service
from radraft.store import sign_ins
from radraft.store.database import Store
from radraft.store.tables_accounts import SessionRow
from radraft.ui.access import application
from radraft.ui.mount import add_routes
from tests.openid_provider import AGEING, DISCOVERY, Provider, query, running_provider

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings(*AGEING)]

HERE = "https://radraft.example"
SITE = """
issuer: {issuer}
client_id: radraft
label: {{zh: 北院账号, en: North account}}
groups:
  rad-attending: [attending@north]
"""


@pytest.fixture(scope="module")
def served() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(served: Provider) -> Provider:
    served.changed, served.claims, served.down = {}, {}, False
    served.knows("s-1", name="林清", preferred_username="lin", groups=["rad-attending"])
    return served


@pytest.fixture
def service(sqlite_store: Store, provider: Provider, tmp_path: Path) -> Service:
    written = tmp_path / "openid.yaml"
    written.write_text(SITE.format(issuer=provider.issuer), encoding="utf-8")
    settings = Settings(
        data_dir=tmp_path / "data",
        hosts=("radraft.example",),
        proxies=("127.0.0.1",),  # type: ignore[arg-type]
        openid=written,
        openid_secret="of the client",  # type: ignore[arg-type]
    )
    return Service(sqlite_store, settings, load_profile("starter"))


@pytest.fixture
def browser(service: Service) -> Iterator[TestClient]:
    """A browser at the workstation's page, over HTTPS."""
    app = application(service)
    add_routes(app, service)
    with TestClient(
        app,
        base_url=HERE,
        headers={"Origin": HERE, "X-Forwarded-For": "10.0.0.7", "X-Forwarded-Proto": "https"},
        client=("127.0.0.1", 50000),
    ) as client:
        yield client


def begin(browser: TestClient, **body: bool) -> str:
    answer = browser.post("/api/session/openid", json=body)
    assert answer.status_code == 200, answer.text
    url: str = answer.json()["url"]
    return url


def finish(browser: TestClient, given: dict[str, str]) -> Any:
    return browser.post("/api/session/openid/answer", json=given)


def enter(browser: TestClient, provider: Provider) -> None:
    answer = finish(browser, provider.enter(begin(browser), "s-1"))
    assert answer.status_code == 200, answer.text


def code_of(answer: Any) -> str:
    code: str = answer.json()["error"]["code"]
    return code


def test_the_sign_in_page_offers_the_provider_in_both_languages(browser: TestClient) -> None:
    label = browser.get("/api/session/openid").json()["label"]
    assert label == {"zh": "北院账号", "en": "North account"}
    for page in ("/sign-in", "/sign-in/openid?code=x&state=y"):
        assert browser.get(page).status_code == 200


def test_where_no_provider_is_set_none_is_offered(sqlite_store: Store, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    service = Service(sqlite_store, settings, load_profile("starter"))
    app = application(service)
    add_routes(app, service)
    here = "http://127.0.0.1"
    with TestClient(app, base_url=here, headers={"Origin": here}) as client:
        assert client.get("/api/session/openid").json() == {"label": None}
        assert code_of(client.post("/api/session/openid", json={})) == "openid_off"
        assert code_of(finish(client, {"state": "x", "code": "y"})) == "openid_off"


def test_a_person_signs_in_works_and_signs_out_at_the_provider_too(
    browser: TestClient, provider: Provider
) -> None:
    url = begin(browser)
    assert query(url)["redirect_uri"] == f"{HERE}/sign-in/openid"
    answer = finish(browser, provider.enter(url, "s-1"))
    assert answer.status_code == 200, answer.text
    assert (answer.json()["name"], answer.json()["openid"]) == ("林清", True)
    for cookie in answer.headers.get_list("set-cookie"):
        assert cookie.startswith("__Host-") and "HttpOnly" in cookie and "Secure" in cookie
    assert "sign" in browser.get("/api/session").json()["sites"]["north"]
    id_token = browser.cookies["__Host-radraft-vouched"]
    left = browser.post("/api/session/end", json={}).json()["leave"]
    assert query(left) == {
        "client_id": "radraft",
        "post_logout_redirect_uri": f"{HERE}/sign-in",
        "id_token_hint": id_token,
    }
    assert not browser.cookies
    assert code_of(browser.get("/api/session")) == "sign_in_needed"


def test_signing_out_does_not_wait_for_a_provider_that_is_down(
    browser: TestClient, provider: Provider
) -> None:
    enter(browser, provider)
    provider.down = True
    assert browser.post("/api/session/end", json={}).json() == {"leave": None}
    assert code_of(browser.get("/api/session")) == "sign_in_needed"


def test_who_has_a_local_account_is_not_sent_to_the_provider(
    browser: TestClient, provider: Provider, service: Service
) -> None:
    enter(browser, provider)
    added, link = service.sign_in.add_account("zhou", "周木", [])
    service.sign_in.by_link(link, login="", name="", password="two films before tea")
    given = {"login": added.login, "password": "two films before tea"}
    assert browser.post("/api/session", json=given).status_code == 200
    assert browser.post("/api/session/end", json={}).json() == {"leave": None}


def test_each_log_in_is_a_session_of_its_own(
    browser: TestClient, provider: Provider, service: Service
) -> None:
    enter(browser, provider)
    before = browser.cookies["__Host-radraft-session"]
    enter(browser, provider)
    assert browser.cookies["__Host-radraft-session"] != before
    with pytest.raises(SignInError) as refused:
        service.sign_in.session(before, acting=False)
    assert refused.value.code == "sign_in_needed"


def test_what_another_browser_brings_back_lets_it_in_nowhere(
    browser: TestClient, provider: Provider
) -> None:
    given = provider.enter(begin(browser), "s-1")
    browser.cookies.clear()
    answer = finish(browser, given)
    assert (answer.status_code, code_of(answer)) == (422, "openid_not_begun")
    assert answer.json()["error"]["message_zh"] and "radraft-session" not in str(answer.headers)


def test_another_page_can_neither_begin_nor_answer(browser: TestClient, provider: Provider) -> None:
    given = provider.enter(begin(browser), "s-1")
    for path, body in (("/api/session/openid", {}), ("/api/session/openid/answer", given)):
        answer = browser.post(path, json=body, headers={"Origin": "https://elsewhere.example"})
        assert (answer.status_code, code_of(answer)) == (403, "origin_refused")


def test_refusals_have_their_status(browser: TestClient, provider: Provider) -> None:
    provider.knows("s-2", name="周木", groups=["canteen"])
    answer = finish(browser, provider.enter(begin(browser), "s-2"))
    assert (answer.status_code, code_of(answer)) == (403, "openid_no_role")
    provider.down = True
    answer = browser.post("/api/session/openid", json={})
    assert (answer.status_code, code_of(answer)) == (503, "openid_unreachable")


def test_a_locked_session_asks_the_provider_for_credentials(
    browser: TestClient, provider: Provider, service: Service
) -> None:
    enter(browser, provider)
    assert "prompt" not in query(begin(browser))
    lock(service, browser.cookies["__Host-radraft-session"])
    assert code_of(browser.get("/api/session")) == "session_locked"
    url = begin(browser)
    assert (query(url)["prompt"], query(url)["max_age"]) == ("login", "0")
    assert finish(browser, provider.enter(url, "s-1")).status_code == 200
    assert browser.get("/api/session").status_code == 200


def test_a_provider_without_logout_leaves_nobody_in(
    browser: TestClient, provider: Provider
) -> None:
    enter(browser, provider)
    provider.changed = {DISCOVERY: {"end_session_endpoint": None}}
    assert browser.post("/api/session/end", json={}).json() == {"leave": None}
    assert code_of(browser.get("/api/session")) == "sign_in_needed"


def test_the_role_that_a_person_has_lost_is_gone_while_his_page_is_open(
    browser: TestClient, provider: Provider, service: Service
) -> None:
    enter(browser, provider)
    assert browser.get("/api/worklist").status_code == 200
    service.sign_in.set_memberships("lin", [])
    answer = browser.get("/api/worklist")
    assert (answer.status_code, code_of(answer)) == (403, "not_allowed")


def lock(service: Service, secret: str) -> None:
    """As if nobody had moved in that session for an hour."""
    with service.store.begin() as session:
        found = sign_ins.find(session, secret)
        assert found is not None
        session.execute(
            update(SessionRow)
            .where(SessionRow.session_id == found.session_id)
            .values(active_at=datetime.now(UTC) - timedelta(hours=1))
        )
