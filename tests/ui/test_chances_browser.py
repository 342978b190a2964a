"""What the encoder made of the films, in the study page: a line, and bars for who opens it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from radraft.vision_encoder import shipped
from tests import drafted_films as films
from tests.ui import seed
from tests.ui.conftest import Opener, Workstation

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SECOND = shipped.encoder_id(shipped.FOLDERS[2])


def add(workstation: Workstation, number: int, *, encoder: str = SECOND) -> str:
    case_id = seed.add(workstation.store, number, drafted=False)
    kept = films.keep(workstation.store, (1,))
    films.draft(workstation.store, seed.made_draft(case_id), kept, encoder)
    return case_id


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page where somebody wants to look at it."""
    folder = os.environ.get("RADRAFT_TEST_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_the_likeliest_stand_in_a_line_and_all_as_bars(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = add(workstation, 4700)
    page = open_page(case_id)
    panel = page.locator("[data-part=chances]")
    expect(panel.locator("summary")).to_contain_text("%")
    expect(panel.locator("meter").first).not_to_be_visible()
    picture(page, "chances-closed")
    panel.locator("summary").click()
    bars = panel.locator("meter")
    expect(bars.first).to_be_visible()
    assert bars.count() == 16
    values = [float(bar.get_attribute("value") or "nan") for bar in bars.all()]
    assert values == sorted(values, reverse=True)
    expect(panel).to_contain_text("An estimate, not a finding. Films looked at: 1.")
    assert "%" in (bars.first.get_attribute("aria-label") or "")
    picture(page, "chances-open")
    page.locator("button[data-lang=zh-CN]").click()
    expect(panel).to_contain_text("仅为估计，不是所见。共看 1 张。")
    picture(page, "chances-zh")
    page.set_viewport_size({"width": 1920, "height": 1080})
    picture(page, "chances-1920")
    page.set_viewport_size({"width": 683, "height": 384})
    panel.scroll_into_view_if_needed()
    picture(page, "chances-200%")


def test_of_another_encoder_nothing_is_shown(open_page: Opener, workstation: Workstation) -> None:
    case_id = add(workstation, 4701, encoder="encoder@0123456789abcdef")
    page = open_page(case_id)
    expect(page.locator("[data-part=findings] li").first).to_be_visible()
    expect(page.locator("[data-part=chances]")).not_to_be_visible()
