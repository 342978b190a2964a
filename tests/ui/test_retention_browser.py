"""What a reader sees of a study whose images a retention rule dropped, in Debian's Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from radraft.core.settings import Settings
from tests.ui.chosen import films, take_in
from tests.ui.conftest import Opener, Workstation
from tests.ui.page import area, expect_text
from tests.ui.retained import drop, sign_case

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_desk_says_when_images_were_dropped_and_shows_the_signed_report(
    own_workstation: Workstation, open_page: Opener, tmp_path: Path
) -> None:
    here = own_workstation
    case_id = take_in(here.store, films(tmp_path / "f", 1702))
    sign_case(here.store, case_id)
    at = drop(here.store, Settings(data_dir=here.folder), case_id)
    page = open_page(case_id, at=here)
    note = page.locator("[data-part=note]")
    expect(note).to_have_text(
        f"Images dropped by the retention rule on {at.astimezone():%Y-%m-%d}."
    )
    expect(page.locator(".rd-thumb")).to_have_count(0)
    expect(page.locator("[data-part=dropped]")).to_be_hidden()
    expect_text(area(page, "findings", 0, "en"), "Finding f1.")
    page = open_page(case_id, at=here, lang="zh-CN")
    expect(page.locator("[data-part=note]")).to_have_text(
        f"影像已于 {at.astimezone():%Y-%m-%d} 按保存规则删除。"
    )


@pytest.mark.stress
def test_key_images_that_are_still_needed_are_shown_and_the_rest_is_told(
    own_workstation: Workstation, open_page: Opener, tmp_path: Path
) -> None:
    here = own_workstation
    case_id = take_in(here.store, films(tmp_path / "f", 1703))
    kept = here.service.case_view(case_id).images[1].image_id
    sign_case(here.store, case_id, trained=(kept,))
    at = drop(here.store, Settings(data_dir=here.folder), case_id)
    page = open_page(case_id, at=here, lang="zh-CN")
    expect(page.locator("canvas")).to_have_attribute("data-image", kept)
    expect(page.locator(".rd-thumb")).to_have_count(1)
    expect(page.locator("[data-part=dropped]")).to_have_text(
        f"其余影像已于 {at.astimezone():%Y-%m-%d} 按保存规则删除。"
    )
