"""What axe-core finds on the pages, for everybody who reads them by another way than the eye."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from radraft.reports.roles import Role
from tests.builders import signed_in
from tests.scale import rows
from tests.ui import seed
from tests.ui.conftest import Seen, Workstation
from tests.ui.people import session_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LANGUAGES = ("zh-CN", "en")
PAGES = (
    "/arrivals",
    "/alerts",
    "/alerts/register",
    "/quality",
    "/questions",
    "/audit",
    "/flywheel",
    "/signature-rules",
    "/reading",
    "/administration",
    "/templates",
    "/outbox",
)
RULES = ("wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice")
OPTIONS = {"resultTypes": ["violations"], "runOnly": list(RULES)}
Open = Callable[[str], Page]


@pytest.fixture
def open_at(browser: Browser, workstation: Workstation, seen: Seen) -> Iterator[Open]:
    """Opens an address for somebody who may do everything."""
    contexts: list[BrowserContext] = []
    secret = session_of(workstation.store, "陆全能", tuple(Role))

    def opener(address: str) -> Page:
        context = browser.new_context(viewport={"width": 1366, "height": 768})
        contexts.append(context)
        context.add_cookies([{"name": "radraft-session", "value": secret, "url": workstation.url}])
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{workstation.url}{address}")
        page.wait_for_load_state("networkidle")
        return page

    yield opener
    for context in contexts:
        context.close()


def found(page: Page) -> list[str]:
    """Return what axe-core finds in the dark and then in light, an element a line."""
    dark = _found(page, OPTIONS)
    page.locator("[data-part=theme]").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    light = _found(page, {"resultTypes": ["violations"], "runOnly": ["color-contrast"]})
    page.locator("[data-part=theme]").click()
    return [*dark, *light]


def _found(page: Page, options: dict[str, list[str]]) -> list[str]:
    return [
        f"{violation['id']}: {node['target']} {node['html'][:200]} {node.get('failureSummary')}"
        for violation in Axe().run(page, options=options).response["violations"]
        for node in violation["nodes"]
    ]


@rows(*(f"{page}-{LANGUAGES[number % 2]}" for number, page in enumerate(PAGES)))
@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("address", PAGES)
def test_nothing_is_found_on_a_page(open_at: Open, address: str, lang: str) -> None:
    assert found(open_at(f"{address}?lang={lang}")) == []


@rows("en")
@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_is_found_where_people_sign_in(
    browser: Browser, workstation: Workstation, lang: str
) -> None:
    page = browser.new_page()
    page.goto(f"{workstation.url}/sign-in?lang={lang}")
    page.wait_for_load_state("networkidle")
    assert found(page) == []
    page.close()


@pytest.mark.always
@rows("zh-CN")
@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_is_found_on_the_desk(open_at: Open, workstation: Workstation, lang: str) -> None:
    number = 2710 + LANGUAGES.index(lang)
    case_id = seed.add(workstation.store, number)
    page = open_at(f"/?lang={lang}#{case_id}")
    page.locator(".rd-sentence").first.wait_for()
    assert found(page) == []
    workstation.service.signing.sign(
        case_id, base_revision=1, base_step=0, actor=signed_in(workstation.store, "陆全能")
    )
    page.reload()
    page.locator(".rd-signature").wait_for()
    assert found(page) == []


@pytest.mark.parametrize(
    "address", ["/templates", "/administration", "/outbox", "/reading", "/signature-rules"]
)
def test_a_page_that_is_longer_than_the_window_scrolls(open_at: Open, address: str) -> None:
    page = open_at(f"{address}?lang=en")
    page.set_viewport_size({"width": 1024, "height": 150})
    page.mouse.move(500, 100)
    page.mouse.wheel(0, 60)
    page.wait_for_function("scrollY > 0")


def test_light_is_remembered_and_reaches_pages_that_are_open(
    open_at: Open, workstation: Workstation
) -> None:
    page = open_at("/outbox?lang=en")
    other = page.context.new_page()
    other.goto(f"{workstation.url}/reading?lang=en")
    button = other.locator("[data-part=theme]")
    expect(button).to_have_attribute("aria-label", "Light: for a bright room")
    page.locator("[data-part=theme]").click()
    expect(other.locator("html")).to_have_attribute("data-theme", "light")
    expect(button).to_have_attribute("aria-label", "Dark: for reading films")
    other.reload()
    expect(other.locator("html")).to_have_attribute("data-theme", "light")
    background = other.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(243, 245, 248)"


def test_images_are_read_on_black_in_light_too(open_at: Open, workstation: Workstation) -> None:
    page = open_at(f"/?lang=en#{seed.add(workstation.store, 2712)}")
    page.locator("[data-part=theme]").click()
    colour = "getComputedStyle(e).getPropertyValue('--rd-bg').trim()"
    expect(page.locator(".rd-stage")).to_have_css("background-color", "rgb(0, 0, 0)")
    assert page.locator(".rd-viewer").evaluate(f"e => {colour}") == "#0b0d10"
    assert page.locator(".rd-report").evaluate(f"e => {colour}") == "#f3f5f8"
