"""In Chromium: to the hospital's provider by a button, back, and out at both."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.service import Service
from radraft.reports.roles import Membership, Role
from radraft.store.database import Store
from radraft.ui.access import application
from radraft.ui.mount import add_routes
from tests.openid_provider import AGEING, Provider, running_provider

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.filterwarnings(*AGEING)]

SITE = """
issuer: {issuer}
client_id: radraft
label: {{zh: 北院账号, en: North account}}
groups:
  rad-attending: [attending@local]
"""
PASSWORD = "two films before tea"


@dataclass
class Department:
    """A workstation beside a provider."""

    url: str
    service: Service
    provider: Provider


@pytest.fixture
def department(sqlite_store: Store, tmp_path: Path) -> Iterator[Department]:
    with running_provider() as provider, closing(socket.create_server(("127.0.0.1", 0))) as here:
        provider.knows("s-1", name="林清", preferred_username="lin", groups=["rad-attending"])
        written = tmp_path / "openid.yaml"
        written.write_text(SITE.format(issuer=provider.issuer), encoding="utf-8")
        settings = Settings(
            data_dir=tmp_path / "data",
            openid=written,
            openid_secret="of the client",  # type: ignore[arg-type]
        )
        service = Service(sqlite_store, settings, load_profile("starter"))
        app = application(service)
        add_routes(app, service)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, args=([here],))
        thread.start()
        yield Department(f"http://127.0.0.1:{here.getsockname()[1]}", service, provider)
        server.should_exit = True
        thread.join()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-US")
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


def enter(page: Page, subject: str = "s-1") -> None:
    """Sign in at the provider's page, where the browser is."""
    page.locator("input[name=sub]").fill(subject)
    page.locator("button[type=submit], input[type=submit]").first.click()


def test_whoever_opens_a_study_comes_back_to_it(department: Department, page: Page) -> None:
    page.goto(f"{department.url}/s/ACC-9?lang=en")
    page.locator("[data-part=openid]").click()
    enter(page)
    page.wait_for_url("**/s/ACC-9?lang=en")
    expect(page.locator("[data-standing=none]")).to_contain_text("ACC-9")


def test_a_person_goes_to_the_provider_comes_back_and_leaves_both(
    department: Department, page: Page
) -> None:
    page.goto(f"{department.url}/sign-in?next=/quality&lang=en")
    button = page.locator("[data-part=openid]")
    expect(button).to_have_text("Sign in with your North account")
    page.locator("button[data-lang=zh-CN]").click()
    expect(button).to_have_text("通过北院账号登录")
    page.locator("button[data-lang=en]").click()
    button.click()
    page.wait_for_url(f"{department.provider.issuer}/**")
    enter(page)
    page.wait_for_url(f"{department.url}/quality")
    expect(page.locator("[data-part=person]")).to_have_text("林清")
    page.locator("[data-part=sign-out]").click()
    page.wait_for_url(f"{department.provider.issuer}/oauth2/end_session?**")
    page.locator("button").first.click()
    page.wait_for_url(f"{department.url}/sign-in")
    page.goto(f"{department.url}/quality")
    expect(page.locator("[data-part=why]")).to_be_visible()


def test_who_has_no_role_is_told_in_both_languages_and_may_sign_in_otherwise(
    department: Department, page: Page
) -> None:
    sign_in = department.service.sign_in
    _, link = sign_in.add_account("zhou", "周木", [Membership("local", Role.ATTENDING)])
    sign_in.by_link(link, login="", name="", password=PASSWORD)
    department.provider.knows("s-2", name="王安", groups=["canteen"])
    page.goto(f"{department.url}/sign-in?next=/quality&lang=en")
    page.locator("[data-part=openid]").click()
    enter(page, "s-2")
    expect(page.locator("[data-part=problem]")).to_contain_text("None of your groups")
    assert page.url == f"{department.url}/sign-in"
    page.locator("[data-part=local]").click()
    page.locator("[data-part=login]").fill("zhou")
    page.locator("[data-part=password]").fill(PASSWORD)
    page.locator("[data-part=enter]").click()
    page.wait_for_url(f"{department.url}/")


def test_a_page_that_is_locked_goes_on_through_the_provider(
    department: Department, page: Page
) -> None:
    page.goto(f"{department.url}/sign-in?next=/quality&lang=en")
    page.locator("[data-part=openid]").click()
    enter(page)
    page.wait_for_url(f"{department.url}/quality")
    expect(page.locator("[data-part=person]")).to_have_text("林清")
    page.evaluate("import('/ui/gate.js').then((gate) => gate.shut('session_locked'))")
    expect(page.locator(".rd-lock")).to_be_visible()
    expect(page.locator(".rd-lock input[type=password]")).to_have_count(0)
    with page.context.expect_page() as opened:
        page.locator("[data-part=unlock]").click()
    other = opened.value
    other.set_default_timeout(30_000)
    other.wait_for_url(f"{department.provider.issuer}/**")
    assert "prompt=login" in other.url
    enter(other)
    expect(page.locator(".rd-lock")).to_have_count(0)
