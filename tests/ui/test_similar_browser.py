"""Similar signed cases in the study page: a folded line below the report."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.similar_films import drafted, signed
from tests.ui.conftest import Opener, Workstation

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ENCODER = "similar@0123456789abcdef"


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page where somebody wants to look at it."""
    folder = os.environ.get("RADRAFT_TEST_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_they_are_folded_and_open_with_their_impressions(
    open_page: Opener, workstation: Workstation
) -> None:
    store = workstation.store
    here = {"site": "test", "encoder_id": ENCODER}
    near = signed(
        store, 4800, 10, impression="Lobar pneumonia.", impression_zh="大叶性肺炎。", **here
    )
    signed(store, 4801, 40, **here)
    page = open_page(drafted(store, 4802, 0, **here))
    panel = page.locator("[data-part=similar]")
    expect(panel.locator("summary")).to_have_text("Similar signed cases (2)")
    expect(panel.locator("li").first).not_to_be_visible()
    picture(page, "similar-closed")
    panel.locator("summary").click()
    first = panel.locator("li").first
    expect(first).to_contain_text("Lobar pneumonia.")
    expect(first).to_contain_text("likeness 0.98")
    expect(first.locator("a")).to_have_attribute("href", f"/#{near}")
    expect(panel).to_contain_text("their diagnoses may differ")
    panel.scroll_into_view_if_needed()
    picture(page, "similar-open")
    page.locator("button[data-lang=zh-CN]").click()
    expect(panel).to_contain_text("诊断可能不同")
    expect(first).to_contain_text("大叶性肺炎。")
    picture(page, "similar-zh")
    page.set_viewport_size({"width": 1920, "height": 1080})
    picture(page, "similar-1920")
    page.set_viewport_size({"width": 683, "height": 384})
    panel.scroll_into_view_if_needed()
    picture(page, "similar-200%")
