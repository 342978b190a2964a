"""Writing where no draft is: the page in Debian's Chromium, with the language model off."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

import pytest
from playwright.sync_api import Route, expect

from radraft.reports.values import Coverage, Origin, Report
from radraft.store import late_images, signatures
from tests.ui import seed
from tests.ui.conftest import Opener, Workstation
from tests.ui.page import area, expect_text, stored, wait_saved, wait_stored

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_study_without_a_draft_is_written_and_signed(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 31, drafted=False)
    page = open_page(case_id, reader="林清")
    expect(page.locator(".rd-writing")).to_contain_text("switched off: no draft will come")

    page.get_by_role("button", name="+ Add sentence").first.click()
    page.keyboard.type("双肺清晰。")
    page.keyboard.press("Tab")
    page.keyboard.type("The lungs are clear.")
    wait_saved(page)
    wait_stored(page, workstation, case_id, "双肺清晰。")
    page.get_by_role("button", name="+ Add sentence").last.click()
    page.keyboard.type("胸部未见异常。")
    page.keyboard.press("Tab")
    page.keyboard.type("Normal chest.")
    wait_saved(page)

    page.locator("[data-part=sign]").click()
    page.get_by_role("dialog").get_by_role("button", name="Sign").click()
    expect(page.locator(".rd-signature")).to_contain_text("Signed by 林清")
    with workstation.store.read() as session:
        (signed,) = signatures.versions(session, case_id)
    assert signed.draft_sha is None
    assert {sentence.origin for sentence in signed.report.sentences} == {Origin.PERSON}


def test_a_draft_that_comes_later_stands_beside_what_was_written(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 32, drafted=False)
    page = open_page(case_id, reader="林清")
    page.get_by_role("button", name="+ Add sentence").first.click()
    page.keyboard.type("双肺清晰。")
    wait_saved(page)
    seed.draft(workstation.store, seed.made_draft(case_id))

    offered = page.locator("[data-part=offered]")
    expect(offered).to_contain_text("came after this report was begun")
    expect_text(area(page, "findings", 0, "zh"), "双肺清晰。")
    offered.locator("summary").click()
    offered.get_by_role("button", name="Take over").nth(1).click()
    expect_text(area(page, "findings", 1, "zh"), seed.FINDINGS[1][0])
    expect(offered.get_by_role("button", name="In the report")).to_have_count(1)
    wait_saved(page)
    kept = stored(workstation, case_id)
    assert [sentence.zh for sentence in kept.findings] == ["双肺清晰。", seed.FINDINGS[1][0]]
    assert [sentence.origin for sentence in kept.findings] == [Origin.PERSON, Origin.MODEL]


@pytest.mark.stress
def test_a_row_that_was_just_opened_is_not_taken_away_by_a_draft(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 33, drafted=False)
    page = open_page(case_id, reader="林清")
    # The draft comes before the first save does, however long that takes.
    held: list[Route] = []
    drafted = Event()
    page.route(
        "**/report", lambda save: save.continue_() if drafted.is_set() else held.append(save)
    )
    page.get_by_role("button", name="+ Add sentence").first.click()
    with page.expect_response(
        lambda answer: answer.url.endswith(case_id) and answer.status == 200
    ) as answered:
        seed.draft(workstation.store, seed.made_draft(case_id))
    assert answered.value.json()["offered"] is None
    drafted.set()
    for save in held:
        save.continue_()
    page.keyboard.type("双肺清晰。")
    wait_saved(page)
    expect(page.locator("[data-part=offered]")).to_be_visible()
    assert [sentence.zh for sentence in stored(workstation, case_id).findings] == ["双肺清晰。"]


@pytest.mark.stress
def test_a_draft_that_nobody_waited_for_is_simply_shown(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 34, drafted=False)
    page = open_page(case_id, lang="zh-CN")
    expect(page.locator(".rd-writing")).to_contain_text("语言模型已关闭")
    seed.draft(workstation.store, seed.made_draft(case_id))
    expect_text(area(page, "findings", 0, "zh"), seed.FINDINGS[0][0])
    expect(page.locator("[data-part=offered]")).to_be_hidden()


@pytest.mark.stress
def test_what_is_said_of_the_images_is_said_before_anybody_wrote(
    open_page: Opener, workstation: Workstation
) -> None:
    """That the report is empty is not: everybody sees it."""
    case_id = seed.add(workstation.store, 1800, drafted=False)
    with workstation.store.begin() as session:
        late_images.note(session, case_id, late_images.MISSING)
    page = open_page(case_id)
    warnings = page.locator(".rd-warning")
    expect(warnings).to_have_count(1)
    expect(warnings).to_have_attribute("data-code", "images_missing")
    expect(page.locator("[data-part=open-warnings]")).to_contain_text("1 open")
    warnings.locator("[data-part=dismiss]").click()
    warnings.locator("[data-reason=as_it_stands]").click()
    expect(warnings).to_have_count(0)
    expect(page.locator("[data-part=dismissed]")).to_be_visible()
    page.get_by_role("button", name="+ Add sentence").first.click()
    page.keyboard.type("双肺清晰。")
    wait_saved(page)
    page.get_by_role("button", name="Delete sentence").click()
    wait_saved(page)
    expect(warnings).to_have_attribute("data-code", "report_empty")


def test_a_study_too_poor_to_draft_from_is_not_blamed_for_being_empty(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 1801, drafted=False)
    empty = replace(seed.made_draft(case_id), report=Report(case_id, (), ()))
    seed.draft(workstation.store, replace(empty, coverage=Coverage.NOT_COVERED))
    page = open_page(case_id)
    expect(page.get_by_role("button", name="+ Add sentence").first).to_be_visible()
    expect(page.locator("[data-part=bar]")).to_be_visible()
    expect(page.locator(".rd-warning")).to_have_count(0)
    page.locator("[data-part=sign]").click()
    expect(page.locator(".rd-undo")).to_contain_text("The report is empty")


def test_one_key_lists_the_keys_of_the_page(open_page: Opener, workstation: Workstation) -> None:
    page = open_page(seed.add(workstation.store, 1990, drafted=False), reader="林清")
    page.locator(".rd-worklist").first.click(position={"x": 4, "y": 4})
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys.locator("dt", has_text="Put in the normal report, in grey")).to_be_visible()
    expect(keys.locator("dd", has_text="F4")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
