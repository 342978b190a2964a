"""In Chromium: a telephone is enrolled, asked for, and replaced by a recovery code."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyotp
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.service import Service
from radraft.reports.roles import Membership, Role
from radraft.reports.second_factor import STEP
from radraft.store.database import Store
from radraft.ui.access import application
from radraft.ui.mount import add_routes

pytestmark = [pytest.mark.slow, pytest.mark.browser]

PASSWORD = "two films before tea"


@dataclass
class Department:
    """A workstation whose site asks for a second factor."""

    url: str
    service: Service


@pytest.fixture
def department(sqlite_store: Store, tmp_path: Path) -> Iterator[Department]:
    with closing(socket.create_server(("127.0.0.1", 0))) as here:
        settings = Settings(data_dir=tmp_path / "data", second_factor=True)
        service = Service(sqlite_store, settings, load_profile("starter"))
        app = application(service)
        add_routes(app, service)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, args=([here],))
        thread.start()
        yield Department(f"http://127.0.0.1:{here.getsockname()[1]}", service)
        server.should_exit = True
        thread.join()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-US")
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


def part(page: Page, name: str) -> str:
    return f'[data-part="{name}"]'


def code_of(page: Page) -> str:
    """What a telephone shows that was given the key on the page."""
    key = page.locator(part(page, "key")).inner_text().replace(" ", "")
    return str(pyotp.TOTP(key).now())


def enter(page: Page, **fields: str) -> None:
    for name, value in fields.items():
        page.locator(f"input[name={name}]").fill(value)
    page.locator(part(page, "enter")).click()


def test_a_first_password_leads_to_the_telephone_and_to_recovery_codes(
    department: Department, page: Page
) -> None:
    _, secret = department.service.sign_in.add_account(
        "lin", "林清", [Membership("local", Role.ATTENDING)]
    )
    page.goto(f"{department.url}/sign-in?next=/quality#password={secret}")
    enter(page, new_password=PASSWORD, new_password_again=PASSWORD)
    picture = page.locator(part(page, "qr"))
    expect(picture).to_be_visible()
    # It is drawn: a picture that the browser refuses has no width.
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    enter(page, code="000000")
    expect(page.locator(part(page, "problem"))).to_contain_text("The code is not right")
    enter(page, code=code_of(page))
    codes = page.locator(f"{part(page, 'codes')} li")
    expect(codes).to_have_count(10)
    recovery = codes.nth(3).inner_text()
    page.locator(part(page, "enter")).click()
    expect(page).to_have_url(f"{department.url}/quality")

    page.context.clear_cookies()
    page.goto(f"{department.url}/sign-in")
    page.locator('[data-lang="zh-CN"]').click()
    enter(page, login="lin", password=PASSWORD)
    expect(page.locator("h1")).to_have_text("手机验证码")
    expect(page.locator(part(page, "qr"))).to_have_count(0)
    # The other language keeps what is typed.
    page.locator("input[name=code]").fill("123")
    page.locator('[data-lang="en"]').click()
    expect(page.locator("input[name=code]")).to_have_value("123")
    enter(page, code=recovery)
    expect(page).to_have_url(f"{department.url}/")


def test_who_signs_in_anew_over_unsaved_work_is_asked_for_the_code_there(
    department: Department, page: Page
) -> None:
    service = department.service
    _, secret = service.sign_in.add_account("lin", "林清", [Membership("local", Role.ATTENDING)])
    page.goto(f"{department.url}/sign-in?next=/quality#password={secret}")
    enter(page, new_password=PASSWORD, new_password_again=PASSWORD)
    telephone = pyotp.TOTP(page.locator(part(page, "key")).inner_text().replace(" ", ""))
    now = datetime.now(UTC)
    enter(page, code=telephone.at(now))
    page.locator(part(page, "enter")).click()
    expect(page).to_have_url(f"{department.url}/quality")
    expect(page.locator("[data-part=account]")).to_contain_text("林清")
    page.evaluate("async () => (await import('/ui/session.js')).keepsUnsaved(() => true)")
    service.sign_in.revoke("lin")
    page.evaluate(
        """async () => {
          const api = await import("/ui/api.js");
          api.getChanged("/session", { fresh: true }).catch(() => undefined);
        }"""
    )
    lock = page.locator(".rd-lock")
    lock.locator("input[name=password]").fill(PASSWORD)
    lock.locator(part(page, "unlock")).click()
    # The step after the one whose code was used.
    lock.locator("input[name=code]").fill(telephone.at(now + STEP))
    lock.locator(part(page, "unlock")).click()
    expect(lock).to_have_count(0)
