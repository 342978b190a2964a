"""Reading for other sites in a browser: the administrator's rules, and what its readers see."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from radraft.reports.reading_rule import ReadingRule
from radraft.reports.roles import Role
from radraft.store import reading
from tests.ui import alerted, seed
from tests.ui.conftest import Workstation
from tests.ui.people import account_of, session_of

pytestmark = [pytest.mark.slow, pytest.mark.browser]

Enter = Callable[..., Page]
Shape = tuple[str, int, int, int]

PICTURES = os.environ.get("RADRAFT_PICTURES")
SHAPES: list[Shape] = [("zh-CN", 1366, 768, 1), ("en", 1920, 1080, 1), ("zh-CN", 683, 384, 2)]


@pytest.fixture
def enter(browser: Browser, workstation: Workstation) -> Iterator[Enter]:
    """Opens a page as somebody, each in a browser of his own."""
    contexts = []

    def opened(path: str, name: str, role: Role, site: str, shape: Shape = SHAPES[0]) -> Page:
        lang, width, height, scale = shape
        context = browser.new_context(
            viewport={"width": width, "height": height}, device_scale_factor=scale
        )
        contexts.append(context)
        secret = session_of(workstation.store, name, (role,), site)
        cookie = {"name": "radraft-session", "value": secret, "url": workstation.url}
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        before, _, after = path.partition("#")
        page.goto(f"{workstation.url}{before}?lang={lang}#{after}")
        return page

    yield opened
    for context in contexts:
        context.close()


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.wait_for_timeout(400)
        size = page.viewport_size
        assert size is not None
        page.screenshot(path=Path(PICTURES) / f"{name}-{size['width']}.png")


def test_an_administrator_adds_a_rule_and_sees_where_studies_wait(
    enter: Enter, workstation: Workstation
) -> None:
    account_of(workstation.store, "阅片中心医师", (Role.ATTENDING,), "reading-centre-1100")
    seed.add(workstation.store, 1100)
    for shape in SHAPES:
        page = enter("/reading", "赵管理", Role.ADMINISTRATOR, "test", shape)
        expect(page.locator("form[data-site=test]")).to_be_visible()
        picture(page, f"reading-{shape[0]}")
    page = enter("/reading", "赵管理", Role.ADMINISTRATOR, "test")
    form = page.locator("form[data-site=test]")
    form.locator("[data-part=add]").click()
    rule = form.locator(".rr-rule").last
    rule.locator("[name=reading_site]").fill("nowhere-1100")
    rule.locator("[name=modalities]").fill("ZZ, CR")
    rule.locator("[name=more_than]").fill("999999")
    form.locator("[type=submit]").click()
    expect(form.locator("[role=status]")).to_contain_text("nowhere-1100")
    rule.locator("[name=reading_site]").fill("reading-centre-1100")
    form.locator("[type=submit]").click()
    expect(page.locator("form[data-site=test] [role=status]")).to_contain_text("赵管理")
    picture(page, "reading-saved")
    held = workstation.service.reading.rules("test")
    assert held.rules == (
        ReadingRule("reading-centre-1100", modalities=("ZZ", "CR"), more_than=999999),
    )
    form = page.locator("form[data-site=test]")
    form.locator(".rr-rule .rd-link").click()
    form.locator("[type=submit]").click()
    expect(form.locator(".rr-rule")).to_have_count(0)


@pytest.mark.stress
def test_a_reader_sees_which_site_he_reads_for(enter: Enter, workstation: Workstation) -> None:
    case_id = seed.add(workstation.store, 1101)
    with workstation.store.begin() as session:
        reading.assign(
            session, case_id, "centre-1101", rules_number=1, rule=1, now=datetime.now(UTC)
        )
    for shape in SHAPES[:2]:
        page = enter(f"/#{case_id}", "中心周", Role.ATTENDING, "centre-1101", shape)
        row = page.locator(f".rd-row[data-case='{case_id}']")
        expect(row).to_contain_text("centre-1101")
        page.locator(".rd-banner strong").wait_for()
        expect(page.locator(".rd-facts")).to_contain_text("test")
        picture(page, f"reader-{shape[0]}")
    expect(page.locator(".rd-row")).to_have_count(1)


def test_a_reader_at_another_site_has_the_whole_desk(
    enter: Enter, workstation: Workstation
) -> None:
    case_id = alerted.add(workstation.service, 1102)
    with workstation.store.begin() as session:
        reading.assign(
            session, case_id, "centre-1102", rules_number=1, rule=1, now=datetime.now(UTC)
        )
    shape = ("en", 1366, 768, 1)
    page = enter(f"/#{case_id}", "中心吴", Role.ATTENDING, "centre-1102", shape)
    expect(page.locator("[data-part=alerts]")).to_contain_text("Pneumothorax, left")
    expect(page.locator("[data-part=add-image]")).to_be_visible()
    expect(page.locator("[data-part=priors]")).to_be_visible()
    home = enter("/", "本院郑", Role.ATTENDING, "test", shape)
    on_it = home.locator(f"[data-case={case_id}] [data-part=on]")
    expect(on_it).to_have_text("中心吴")
    home.goto(f"{workstation.url}/?lang=en#{case_id}")
    # The list's own address but for its fragment: a page reads that as it loads.
    home.reload()
    # Which of the two is the first is a matter of test_presence_browser.py.
    expect(home.locator("[data-part=presence]")).to_contain_text("中心吴 has had this study")
    expect(page.locator("[data-part=presence]")).to_contain_text("本院郑 has had this study")
