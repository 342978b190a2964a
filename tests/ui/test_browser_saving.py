"""What is typed is saved, whatever happens meanwhile: two readers, a reload, kill -9."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from tests.builders import actor, signed_in
from tests.ui import seed
from tests.ui.conftest import Opener, Seen, Workstation
from tests.ui.page import area, expect_text, stored, wait_saved, wait_unsaved
from tests.ui.people import account_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_refresh_in_the_middle_of_a_word_loses_nothing(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2)
    page = open_page(case_id)
    area(page, "findings", 0, "zh").press_sequentially("补充一", delay=0)
    wait_unsaved(page)
    page.reload()
    expect_text(area(page, "findings", 0, "zh"), seed.FINDINGS[0][0] + "补充一")
    wait_saved(page)
    assert stored(workstation, case_id).findings[0].zh == seed.FINDINGS[0][0] + "补充一"


def test_a_role_taken_while_the_page_is_open_saves_nothing_and_keeps_what_was_typed(
    open_page: Opener, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    case_id = seed.add(workstation.store, 1401)
    page = open_page(case_id, reader="调岗者")
    account_of(workstation.store, "调岗者", ())
    area(page, "findings", 0, "zh").fill("两肺清晰。")
    expect(page.locator("body")).to_contain_text("does not allow this")
    expect_text(area(page, "findings", 0, "zh"), "两肺清晰。")
    assert stored(workstation, case_id).findings[0].zh == seed.FINDINGS[0][0]
    # Given back, he goes on with what he typed.
    account_of(workstation.store, "调岗者")
    page.reload()
    expect_text(area(page, "findings", 0, "zh"), "两肺清晰。")
    wait_saved(page)
    assert stored(workstation, case_id).findings[0].zh == "两肺清晰。"


def test_leaving_for_another_study_saves_first(open_page: Opener, workstation: Workstation) -> None:
    case_id = seed.add(workstation.store, 3)
    other = seed.add(workstation.store, 4)
    page = open_page(case_id)
    area(page, "impression", 0, "en").fill("Changed and left at once.")
    page.locator(f"[data-case={other}]").click()
    expect(page.locator(f"[data-case={other}]")).to_have_attribute("aria-current", "true")
    expect_text(area(page, "impression", 0, "en"), seed.IMPRESSION[0][1])
    assert stored(workstation, case_id).impression[0].en == "Changed and left at once."


def test_two_browsers_on_one_study(open_page: Opener, workstation: Workstation, seen: Seen) -> None:
    seen.refusals_expected = True
    case_id = seed.add(workstation.store, 5)
    first, second = open_page(case_id, reader="A"), open_page(case_id, reader="B")
    # `first` hears nothing of the others: its next save is from a stale revision.
    first.route(f"**/api/cases/{case_id}", lambda route: route.abort())
    seen.errors.clear()
    area(second, "findings", 1, "en").fill("Theirs.")
    area(second, "findings", 0, "zh").fill("对方改。")
    wait_saved(second)

    area(first, "findings", 0, "zh").fill("我改。")
    panel = first.get_by_role("alertdialog")
    expect(panel).to_contain_text("B saved at")
    expect(panel).to_contain_text("Theirs.")
    expect(panel).to_contain_text("both of you changed this")
    assert stored(workstation, case_id).findings[0].zh == "对方改。"
    expect(first.locator(".rd-save")).to_have_attribute("data-state", "conflict")

    first.unroute_all(behavior="ignoreErrors")
    panel.get_by_role("button", name="Put mine on top of theirs").click()
    wait_saved(first)
    merged = stored(workstation, case_id)
    assert (merged.findings[0].zh, merged.findings[1].en) == ("我改。", "Theirs.")
    # `second` sees it without doing anything.
    expect_text(area(second, "findings", 0, "zh"), "我改。")


@pytest.mark.stress
def test_taking_theirs_drops_mine(open_page: Opener, workstation: Workstation, seen: Seen) -> None:
    seen.refusals_expected = True
    case_id = seed.add(workstation.store, 6)
    page = open_page(case_id, reader="A")
    page.route(f"**/api/cases/{case_id}", lambda route: route.abort())
    view = workstation.service.case_view(case_id)
    assert view.working is not None
    report = seed.reworded(view.working.report, "f1", "别人写的。")
    workstation.service.save(case_id, report, base_revision=1, actor=actor("B"))
    area(page, "findings", 0, "zh").fill("我写的。")
    panel = page.get_by_role("alertdialog")
    page.unroute_all(behavior="ignoreErrors")
    panel.get_by_role("button", name="Take theirs, drop mine").click()
    expect_text(area(page, "findings", 0, "zh"), "别人写的。")
    page.reload()
    expect_text(area(page, "findings", 0, "zh"), "别人写的。")


def test_signed_by_someone_else_while_writing(
    open_page: Opener, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    case_id = seed.add(workstation.store, 7)
    page = open_page(case_id)
    page.route(f"**/api/cases/{case_id}", lambda route: route.abort())
    workstation.service.signing.sign(
        case_id, base_revision=1, base_step=0, actor=signed_in(workstation.service.store, "B")
    )
    area(page, "findings", 0, "zh").fill("晚了一步。")
    panel = page.get_by_role("alertdialog")
    expect(panel).to_contain_text("signed this report")
    page.unroute_all(behavior="ignoreErrors")
    panel.get_by_role("button", name="Take theirs, drop mine").click()
    expect(page.locator(".rd-signature")).to_contain_text("Signed by B")
    page.get_by_role("button", name="Amend…").click()
    page.locator("dialog [data-part=remark]").fill("更正。")
    page.locator("dialog [data-part=take]").click()
    area(page, "findings", 0, "zh").fill("第二版。")
    wait_saved(page)
    signature = page.locator(".rd-signature")
    expect(signature).to_contain_text("Holds until the next is signed: Signed by B")
    expect(page.locator("[data-kind=amendment]")).to_contain_text("Amendment of version 1: 更正。")


def test_kill_9_loses_no_saved_edit_and_the_page_saves_the_rest(
    open_page: Opener, own_workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    case_id = seed.add(own_workstation.store, 8)
    page = open_page(case_id, at=own_workstation)
    area(page, "findings", 0, "zh").fill("死机前已保存。")
    wait_saved(page)
    area(page, "findings", 1, "zh").fill("死机时尚未保存。")
    own_workstation.kill()
    assert stored(own_workstation, case_id).findings[0].zh == "死机前已保存。"
    expect(page.locator(".rd-save")).to_have_attribute("data-state", "failed")
    expect(page.locator(".rd-offline")).not_to_be_empty()
    own_workstation.start()
    wait_saved(page)
    assert stored(own_workstation, case_id).findings[1].zh == "死机时尚未保存。"
    expect(page.locator(".rd-offline")).to_be_empty()


@pytest.mark.stress
def test_typing_without_a_pause_is_saved_all_the_same(
    open_page: Opener, workstation: Workstation
) -> None:
    """At most 1.5 s of typing is unsaved: a key every 100 ms never leaves 600 ms of quiet."""
    case_id = seed.add(workstation.store, 9)
    page = open_page(case_id)
    with page.expect_request(lambda request: request.method == "PUT") as saved:
        area(page, "findings", 0, "zh").press_sequentially("一" * 30, delay=100)
    body = saved.value.post_data_json
    assert body is not None
    sent = body["report"]["findings"][0]["zh"]
    assert 0 < sent.count("一") < 30
    wait_saved(page)
    assert stored(workstation, case_id).findings[0].zh.endswith("一" * 30)


HELD = """() => {
  const real = window.fetch;
  let held = true;
  window.fetch = (...request) =>
    held && String(request[0]).includes("/api/cases/")
      ? Promise.reject(new TypeError("held"))
      : real(...request);
  const button = document.querySelector("[data-part=sign]");
  button.addEventListener("click", () => { held = false; }, { capture: true, once: true });
}"""
"""The page hears nothing more of its study until Sign is pressed."""


def test_what_a_colleague_wrote_meanwhile_is_seen_before_it_is_signed(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 8)
    page = open_page(case_id)
    expect_text(area(page, "findings", 0, "zh"), seed.FINDINGS[0][0])
    page.evaluate(HELD)
    working = workstation.service.case_view(case_id).working
    first, *rest = working.report.findings
    report = replace(
        working.report,
        findings=(first.reworded(zh="右肺未见异常。", en="Right lung clear."), *rest),
    )
    colleague = signed_in(workstation.store, "同事")
    workstation.service.save(case_id, report, base_revision=working.revision, actor=colleague)
    page.locator("[data-part=sign]").click()
    told = page.locator("[data-part=undo]")
    expect(told).to_contain_text("Somebody changed this report just now")
    expect_text(area(page, "findings", 0, "zh"), "右肺未见异常。")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert workstation.service.case_view(case_id).versions == ()
    page.locator("[data-part=sign]").click()
    expect(page.get_by_role("dialog")).to_be_visible()
