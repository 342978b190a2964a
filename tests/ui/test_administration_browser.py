"""An administrator's page: tokens of other programs, and how long images are kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from radraft.reports.roles import Role
from tests.scale import rows
from tests.ui import seed
from tests.ui.conftest import Seen, Workstation
from tests.ui.people import session_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SITE = "test"
SIZES = {"1366": (1366, 768, 1), "1920": (1920, 1080, 1), "200%": (683, 384, 2)}
Enter = Callable[..., Page]


@pytest.fixture
def enter(browser: Browser, workstation: Workstation, seen: Seen) -> Iterator[Enter]:
    """Opens the page for somebody of some roles."""
    contexts: list[BrowserContext] = []

    def opener(name: str, *roles: Role, lang: str = "en", size: str = "1366") -> Page:
        width, height, scale = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height}, device_scale_factor=scale
        )
        contexts.append(context)
        secret = session_of(workstation.store, name, roles)
        context.add_cookies([{"name": "radraft-session", "value": secret, "url": workstation.url}])
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("console", seen.note)
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.goto(f"{workstation.url}/administration?lang={lang}")
        page.locator(f"[data-site={SITE}]").wait_for()
        return page

    yield opener
    for context in contexts:
        context.close()
    assert seen.errors == []


def picture(page: Page, name: str) -> None:
    """Keep what the page looks like, where RADRAFT_PICTURES names a folder."""
    folder = os.environ.get("RADRAFT_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@rows("2610-zh-CN-1366", "2613-en-200%")
@pytest.mark.parametrize(
    ("number", "lang", "size"),
    [(2610, "zh-CN", "1366"), (2611, "en", "1920"), (2612, "zh-CN", "200%"), (2613, "en", "200%")],
)
def test_an_administrator_makes_a_token_that_is_shown_once_and_revokes_it(
    enter: Enter, workstation: Workstation, number: int, lang: str, size: str
) -> None:
    seed.add(workstation.store, number)
    page = enter("孙管理", Role.ADMINISTRATOR, Role.CLINICIAN, lang=lang, size=size)
    name = f"wall {number}"
    form = page.locator("[data-part=new]")
    form.locator("[name=name]").fill(name)
    form.locator("[name=sites]").fill(SITE)
    form.locator("[name=days]").fill("30")
    form.locator("[value=read]").check()
    form.locator("[type=submit]").click()
    secret = page.locator("[data-part=secret]")
    expect(secret).to_contain_text("radraft_")
    picture(page, f"administration-{lang}-{size}")
    token = workstation.service.machine_tokens.by_secret(secret.inner_text(), address="10.0.0.1")
    assert (token.name, token.sites) == (name, frozenset({SITE}))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.reload()
    line = page.locator(f"[data-token={token.token_id}]")
    expect(line).to_contain_text(name)
    expect(secret).to_have_count(0)
    line.get_by_role("button").click()
    expect(line).to_have_attribute("data-state", "usable")
    line.get_by_role("button").click()
    expect(line).to_have_attribute("data-state", "revoked")
    expect(line.get_by_role("button")).to_have_count(0)


def test_what_may_not_be_given_is_refused_in_words_and_what_was_typed_stays(
    enter: Enter, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    seed.add(workstation.store, 2614)
    page = enter("周管理", Role.ADMINISTRATOR)
    form = page.locator("[data-part=new]")
    form.locator("[name=name]").fill("wall")
    form.locator("[name=sites]").fill("*")
    form.locator("[value=read]").check()
    form.locator("[type=submit]").click()
    expect(form.locator("[data-part=refused]")).to_contain_text("may read")
    site = page.locator(f"[data-site={SITE}]")
    site.locator("textarea").fill("CR: move after 9 days")
    # Neither is lost when the page is drawn in another language.
    page.locator("button[data-lang=zh-CN]").click()
    expect(form.locator("[type=submit]")).to_have_text("创建令牌")
    expect(form.locator("[name=name]")).to_have_value("wall")
    expect(form.locator("[value=read]")).to_be_checked()
    expect(site.locator("textarea")).to_have_value("CR: move after 9 days")
    expect(site.locator("[type=submit]")).to_be_enabled()


def test_an_administrator_sets_how_long_images_are_kept(
    enter: Enter, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    seed.add(workstation.store, 2615)
    page = enter("吴管理", Role.ADMINISTRATOR)
    site = page.locator(f"[data-site={SITE}]")
    expect(site.locator("[role=status]")).to_contain_text("everything is kept")
    site.locator("textarea").fill("CR: burn")
    site.locator("[type=submit]").click()
    expect(site.locator("[role=status]")).to_contain_text("cannot be understood")
    expect(site.locator("textarea")).to_have_value("CR: burn")
    site.locator("textarea").fill("CR: move after 365 days, drop after 3,650 days\n\n")
    site.locator("[type=submit]").click()
    expect(site.locator("[role=status]")).to_contain_text("吴管理")
    expect(site.locator("textarea")).to_have_value("CR: move after 365 days, drop after 3650 days")
    # Where nothing can be moved to, that is said when the page is opened again.
    page.reload()
    expect(page.locator("[data-part=archive]")).to_be_visible()
