"""The worklist in Debian's Chromium: pages, search, filters and saved views, by mouse and keys."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from radraft.studies.values import Patient
from tests import builders
from tests.ui import seed
from tests.ui.conftest import Opener, Workstation

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def filled(own_workstation: Workstation) -> Iterator[tuple[Workstation, list[str]]]:
    """120 studies, one of them with pictures: the first is open."""
    store = own_workstation.store
    first = seed.add(store, 1000, patient=Patient("P-1000", "Zhang^San=张^三", None, "M"))
    with store.begin() as session:
        rest = [
            builders.add_case(session, number, modality="CT" if number % 3 else "MR")
            for number in range(1, 120)
        ]
    yield own_workstation, [first, *rest]


def test_pages_are_turned_by_buttons_and_keys_and_say_where_one_is(
    filled: tuple[Workstation, list[str]], open_page: Opener
) -> None:
    workstation, ids = filled
    page = open_page(ids[0], at=workstation)
    expect(page.locator(".rd-row")).to_have_count(50)
    expect(page.locator("[data-part=range]")).to_have_text("1–50 of 120")
    expect(page.get_by_role("button", name="Previous page")).to_be_disabled()
    page.get_by_role("button", name="Next page").click()
    expect(page.locator("[data-part=range]")).to_have_text("51–100 of 120")
    page.get_by_role("button", name="Next page").click()
    expect(page.locator("[data-part=range]")).to_have_text("101–120 of 120")
    expect(page.get_by_role("button", name="Next page")).to_be_disabled()
    expect(page.locator(".rd-row")).to_have_count(20)
    for _ in range(2):
        page.get_by_role("button", name="Previous page").click()
    expect(page.locator("[data-part=range]")).to_have_text("1–50 of 120")
    page.locator(f"[data-case={ids[49]}]").click()
    expect(page.locator(f"[data-case={ids[49]}]")).to_have_attribute("aria-current", "true")
    page.locator("body").press("j")
    expect(page.locator("[data-part=range]")).to_have_text("51–100 of 120")
    expect(page.locator(f"[data-case={ids[50]}]")).to_have_attribute("aria-current", "true")
    page.locator("body").press("k")
    expect(page.locator("[data-part=range]")).to_have_text("1–50 of 120")
    expect(page.locator(f"[data-case={ids[49]}]")).to_have_attribute("aria-current", "true")


def test_a_patient_is_searched_for_and_never_by_address(
    filled: tuple[Workstation, list[str]], open_page: Opener
) -> None:
    workstation, ids = filled
    page = open_page(ids[5], at=workstation)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for text in ("张", "zhang san", "p1000"):
        page.get_by_role("searchbox").fill(text)
        expect(page.locator(".rd-row")).to_have_count(1)
        expect(page.locator(f"[data-case={ids[0]}]")).to_be_visible()
        expect(page.locator("[data-part=range]")).to_have_text("1–1 of 1")
        page.get_by_role("searchbox").fill("")
        expect(page.locator(".rd-row")).to_have_count(50)
    page.get_by_role("searchbox").fill("nobody at all")
    expect(page.locator("[data-part=empty]")).to_have_text("No study matches this filter.")
    page.get_by_role("searchbox").press("Escape")
    expect(page.locator(".rd-row")).to_have_count(50)
    assert not any("zhang" in url or "p1000" in url or "%E5" in url for url in asked)


def test_filters_count_and_are_kept_under_a_name(
    filled: tuple[Workstation, list[str]], open_page: Opener
) -> None:
    workstation, ids = filled
    page = open_page(ids[0], at=workstation)
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_label("Modality").select_option("MR")
    expect(page.locator("[data-part=range]")).to_have_text("1–39 of 39")
    expect(page.get_by_role("button", name="Filter (1)")).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("button", name=re.compile("^Queue"))).to_have_text("Queue 39")
    page.get_by_role("button", name=re.compile("^Queue")).click()
    page.get_by_label("Name for this list").fill("MR waiting")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="MR waiting", exact=True)).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_role("button", name=re.compile("^All")).click()
    expect(page.locator("[data-part=range]")).to_have_text("1–50 of 120")
    page.reload()
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_role("button", name="MR waiting", exact=True).click()
    expect(page.locator("[data-part=range]")).to_have_text("1–39 of 39")
    expect(page.get_by_role("button", name=re.compile("^Queue"))).to_have_attribute(
        "aria-pressed", "true"
    )
    page.get_by_role("button", name="Remove “MR waiting”").click()
    expect(page.get_by_role("button", name="MR waiting", exact=True)).to_have_count(0)
    page.get_by_label("Modality").press("Escape")
    expect(page.locator(".rd-asked")).to_be_hidden()


def test_the_list_in_chinese(filled: tuple[Workstation, list[str]], open_page: Opener) -> None:
    workstation, ids = filled
    page = open_page(ids[0], at=workstation, lang="zh")
    expect(page.locator("[data-part=range]")).to_have_text("第 1–50 项，共 120 项")
    page.get_by_role("button", name="筛选", exact=True).click()
    page.get_by_label("设备类型").select_option("MR")
    expect(page.locator("[data-part=range]")).to_have_text("第 1–39 项，共 39 项")
