"""The row of key images in Debian's Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from radraft.store.cases import CaseState
from tests import builders
from tests.ui import seed
from tests.ui.chosen import chest_ct, films, take_in
from tests.ui.conftest import Opener, Seen, Workstation
from tests.ui.page import expect_text

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def drafted(workstation: Workstation, case_id: str) -> str:
    with workstation.store.begin() as session:
        builders.save_draft(session, seed.made_draft(case_id))
    return case_id


def shown(page: Page) -> list[str]:
    """The stored images in the row, in its order."""
    found: list[str] = page.locator(".rd-thumb").evaluate_all(
        "thumbs => thumbs.map((one) => one.dataset.image)"
    )
    return found


def stored(workstation: Workstation, case_id: str) -> list[str]:
    return [image.image_id for image in workstation.service.case_view(case_id).images]


def test_images_are_moved_dropped_and_drafted_from_by_keys(
    open_page: Opener, workstation: Workstation, tmp_path: Path
) -> None:
    case_id = drafted(workstation, take_in(workstation.store, films(tmp_path / "f", 81)))
    first, second, third = stored(workstation, case_id)
    page = open_page(case_id, reader="林清")
    thumbs = page.locator(".rd-thumb-look")
    expect(thumbs).to_have_count(3)
    thumbs.nth(0).focus()
    page.keyboard.press("Alt+ArrowRight")
    assert shown(page) == [second, first, third]
    page.keyboard.press("ArrowRight")
    expect(thumbs.nth(2)).to_be_focused()
    expect(page.locator("canvas")).to_have_attribute("data-image", third)
    page.keyboard.press("Delete")
    assert shown(page) == [second, first]
    expect(thumbs.nth(1)).to_be_focused()

    page.get_by_role("button", name="Undo").click()
    assert shown(page) == [first, second, third]
    thumbs.nth(2).focus()
    page.keyboard.press("Alt+ArrowLeft")
    page.locator(".rd-thumb").nth(0).hover()
    page.get_by_role("button", name="Take out no. 1").click()
    page.get_by_role("button", name="New draft from these").click()
    expect(page.locator(".rd-writing")).to_be_visible()
    assert stored(workstation, case_id) == [third, second] == shown(page)
    assert workstation.service.case_view(case_id).case.state is CaseState.RECEIVED


@pytest.mark.stress
def test_edited_text_is_asked_about_and_kept(
    open_page: Opener, workstation: Workstation, seen: Seen, tmp_path: Path
) -> None:
    seen.refusals_expected = True
    case_id = drafted(workstation, take_in(workstation.store, films(tmp_path / "f", 82)))
    page = open_page(case_id, reader="林清", lang="zh-CN")
    field = page.locator("[data-part=findings] .rd-text[data-lang=zh]").first
    field.fill("我写的。")
    page.locator(".rd-thumb-look").nth(2).focus()
    page.keyboard.press("Delete")
    page.get_by_role("button", name="用这些图像重新起草").click()
    page.get_by_role("button", name="保留我的文字，继续").click()
    expect(page.locator(".rd-writing")).to_be_visible()
    assert len(stored(workstation, case_id)) == 2
    seed.draft(workstation.store, seed.made_draft(case_id))
    expect(page.locator(".rd-writing")).to_be_hidden()
    expect_text(field, "我写的。")
    working = workstation.service.case_view(case_id).working
    assert working is not None
    assert working.report.findings[0].zh == "我写的。"


def test_a_slice_is_added_from_a_series_through_a_window(
    open_page: Opener, workstation: Workstation, tmp_path: Path
) -> None:
    folder = chest_ct(tmp_path / "ct", 12)
    case_id = drafted(workstation, take_in(workstation.store, folder, budget=3))
    before = stored(workstation, case_id)
    page = open_page(case_id, reader="林清")
    page.locator("[data-part=add-image]").click()
    panel = page.locator("[data-part=add-panel]")
    panel.get_by_label("Series").select_option(index=1)
    panel.get_by_label("Window").select_option("bone")
    panel.get_by_label("Slice").fill("2")
    expect(panel).to_contain_text("3 of 12")
    panel.get_by_role("button", name="Add this image").click()
    expect(page.locator(".rd-thumb[data-pending=true]")).to_contain_text("Bone")
    expect(panel).to_contain_text("At most 4")
    page.get_by_role("button", name="New draft from these").click()
    expect(page.locator(".rd-thumb[data-pending=true]")).to_have_count(0)
    after = workstation.service.case_view(case_id).images
    assert [one.image_id for one in after[:3]] == before
    assert after[3].window_name.value == "bone"
    expect(panel).to_be_hidden()
