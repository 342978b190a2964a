"""The desk in every window: nothing is cut off or scrolls sideways, the image keeps its size."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.scale import rows
from tests.ui import seed
from tests.ui.conftest import Workstation, let_in
from tests.ui.page import area, wait_saved

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LEAST_IMAGE = 320
# Name, width and height of the window in CSS pixels, pixels of the screen for each.
WINDOWS = (
    ("1920", 1920, 1080, 1.0),
    ("1366", 1366, 768, 1.0),
    ("1024", 1024, 768, 1.0),
    ("200-percent", 683, 384, 2.0),
)

CUT_OFF = """width => [...document.querySelectorAll(
    ".rd :is(a, button, select, input, .rd-text, .rd-sentence, .rd-row, h2)")]
  .filter((e) => e.checkVisibility({ opacityProperty: true }) && !e.closest("dialog, .rd-strip"))
  .filter((e) => {
    const box = e.getBoundingClientRect();
    return box.right > width + 0.5 || box.left < -0.5;
  })
  .map((e) => e.outerHTML.slice(0, 120))"""


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page where somebody wants to look at it."""
    if folder := os.environ.get("RADRAFT_TEST_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png")


@rows("1366-zh-CN", "200-percent-en")
@pytest.mark.parametrize("lang", ["zh-CN", "en"])
@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window[0])
def test_nothing_is_cut_off_and_the_image_keeps_320_pixels(
    browser: Browser, workstation: Workstation, window: tuple[str, int, int, float], lang: str
) -> None:
    name, width, height, scale = window
    number = 2600 + 2 * WINDOWS.index(window) + (lang == "en")
    case_id = seed.add(workstation.store, number)
    context = browser.new_context(
        viewport={"width": width, "height": height}, device_scale_factor=scale
    )
    try:
        let_in(context, workstation, workstation.url)
        page = context.new_page()
        page.goto(f"{workstation.url}/?lang={lang}#{case_id}")
        expect(page.locator(".rd-stage canvas")).to_have_count(1)
        # Whoever writes Chinese has the English follow; else both sides differ, with warnings.
        area(page, "findings", 0, "zh").fill("右侧胸腔积液。")
        kind = "machine" if lang == "zh-CN" else "differs"
        expect(page.locator(f".rd-side-mark[data-kind={kind}]").first).to_be_visible()
        wait_saved(page)
        picture(page, f"desk-{name}-{lang}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CUT_OFF, width) == []
        box = page.locator(".rd-stage").bounding_box()
        assert box is not None
        assert box["width"] >= LEAST_IMAGE - 1
        page.keyboard.press("Escape")
        page.locator("body").press("?")
        keys = page.locator("dialog.rd-keyhelp")
        expect(keys).to_be_visible()
        picture(page, f"keys-{name}-{lang}")
        assert keys.evaluate("e => e.scrollWidth <= e.clientWidth")
        keys.locator("[data-part=keys-close]").scroll_into_view_if_needed()
        page.keyboard.press("Escape")
        # Every part of the report can be brought into sight.
        for part in ("findings", "impression", "sign"):
            target = page.locator(f"[data-part={part}]").first
            target.scroll_into_view_if_needed()
            expect(target).to_be_in_viewport()
        picture(page, f"desk-below-{name}-{lang}")
    finally:
        context.close()
