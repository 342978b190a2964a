"""Sentences that the image does not support, on the page: struck out until a reader decides."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import Locator, Page, expect

from radraft.reports.draft import Draft
from radraft.reports.values import Evidence, Report
from radraft.store.signatures import versions
from tests.ui import seed
from tests.ui.conftest import Opener, Seen, Workstation

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LEAST = 1.2
SUPPORTS = {"f1": 6.31, "f2": -0.84, "f3": 4.0, "f4": 0.35, "i1": 0.1, "i2": 2.0}


def add(workstation: Workstation, number: int, supports: dict[str, float | None]) -> str:
    """Study `number`, drafted with these supports."""
    case_id = seed.add(workstation.store, number, drafted=False)
    made = seed.made_draft(case_id)
    seed.draft(workstation.store, replace(made, least_support=LEAST, report=_with(made, supports)))
    return case_id


def _with(made: Draft, supports: dict[str, float | None]) -> Report:
    findings, impression = (
        tuple(replace(s, evidence=(Evidence("a" * 64, supports[s.id]),)) for s in sentences)
        for sentences in (made.report.findings, made.report.impression)
    )
    return replace(made.report, findings=findings, impression=impression)


def row(page: Page, key: str) -> Locator:
    return page.locator(f".rd-sentence[data-id={key}]")


def mark(page: Page, key: str) -> Locator:
    return row(page, key).locator(".rd-mark")


def struck(page: Page, key: str) -> bool:
    lines = (
        row(page, key)
        .locator(".rd-text")
        .evaluate_all("areas => areas.map((area) => getComputedStyle(area).textDecorationLine)")
    )
    assert len(set(lines)) == 1
    return bool(lines[0] == "line-through")


def wait_saved(page: Page) -> None:
    expect(page.locator(".rd-save")).to_have_attribute("data-state", "saved")


def test_marked_sentences_are_kept_or_dropped_before_signing(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = add(workstation, 41, SUPPORTS)
    page = open_page(case_id, reader="林清")
    expect(page.locator(".rd-mark:visible")).to_have_count(3)
    expect(mark(page, "f2")).to_contain_text("Not supported by the image")
    chip = mark(page, "f2").locator(".rd-mark-chip")
    # The figure, and the limit, are one hover away.
    reason = chip.get_attribute("title") or ""
    assert reason.startswith("Image support \u22120.84 nats (at least 1.20)\n")
    assert "does not support this sentence" in reason
    assert (struck(page, "f2"), struck(page, "f1")) == (True, False)
    assert "6.31" in (row(page, "f1").locator(".rd-origin").get_attribute("title") or "")
    # The impression may follow from a finding that does not stand.
    expect(mark(page, "i1")).to_contain_text("Not supported by the image")

    page.locator("[data-part=sign]").click()
    expect(page.locator(".rd-undo")).to_contain_text("3 problem(s) must be settled")
    expect(page.get_by_role("dialog")).to_have_count(0)

    mark(page, "f2").get_by_role("button", name="Keep").click()
    expect(mark(page, "f2")).to_contain_text("Kept")
    assert not struck(page, "f2")
    mark(page, "f4").get_by_role("button", name="Delete").click()
    expect(row(page, "f4")).to_have_count(0)
    wait_saved(page)
    mark(page, "i1").get_by_role("button", name="Delete").click()
    wait_saved(page)
    page.reload()
    expect(mark(page, "f2")).to_contain_text("Kept")
    expect(page.locator(".rd-mark:visible")).to_have_count(1)

    page.locator("[data-part=sign]").click()
    page.get_by_role("dialog").get_by_role("button", name="Sign").click()
    expect(page.locator(".rd-signature")).to_contain_text("Signed by 林清")
    expect(mark(page, "f2")).to_contain_text("Kept")
    expect(mark(page, "f2").get_by_role("button")).to_have_count(0)
    with workstation.store.read() as session:
        (signed,) = versions(session, case_id)
    assert [(s.id, s.kept) for s in signed.report.findings] == [
        ("f1", False),
        ("f2", True),
        ("f3", False),
    ]


@pytest.mark.stress
def test_a_keep_can_be_taken_back_and_own_words_need_none(
    open_page: Opener, workstation: Workstation
) -> None:
    page = open_page(add(workstation, 42, SUPPORTS), lang="zh")
    expect(mark(page, "f2")).to_contain_text("影像不支持")
    mark(page, "f2").get_by_role("button", name="保留").click()
    wait_saved(page)
    mark(page, "f2").get_by_role("button", name="取消保留").click()
    wait_saved(page)
    expect(mark(page, "f2").get_by_role("button", name="保留")).to_be_visible()
    assert struck(page, "f2")
    row(page, "f2").locator(".rd-text[data-lang=zh]").fill("右下肺野斑片影。")
    expect(mark(page, "f2")).to_be_hidden()
    wait_saved(page)
    expect(mark(page, "f2")).to_be_hidden()
    # What was drafted comes back with its mark.
    row(page, "f2").locator(".rd-text[data-lang=zh]").fill(seed.FINDINGS[1][0])
    expect(mark(page, "f2")).to_contain_text("影像不支持")


@pytest.mark.stress
def test_keeping_survives_another_readers_save(
    open_page: Opener, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    case_id = add(workstation, 43, SUPPORTS)
    first, second = open_page(case_id, reader="A"), open_page(case_id, reader="B")
    first.route(f"**/api/cases/{case_id}", lambda route: route.abort())
    mark(second, "f4").get_by_role("button", name="Keep").click()
    wait_saved(second)
    mark(first, "f2").get_by_role("button", name="Keep").click()
    panel = first.get_by_role("alertdialog")
    expect(panel).to_contain_text("Kept, or no longer kept")
    expect(panel).to_contain_text(seed.FINDINGS[3][1])
    first.unroute_all(behavior="ignoreErrors")
    panel.get_by_role("button", name="Put mine on top of theirs").click()
    wait_saved(first)
    working = workstation.service.case_view(case_id).working
    assert working is not None
    assert [s.id for s in working.report.sentences if s.kept] == ["f2", "f4"]


def test_a_draft_that_was_not_measured_says_so(open_page: Opener, workstation: Workstation) -> None:
    page = open_page(add(workstation, 44, dict.fromkeys(SUPPORTS)))
    expect(page.locator("[data-part=report-issues]")).to_contain_text("could not be measured")
    expect(page.locator(".rd-mark:visible")).to_have_count(0)
    page.locator("[data-part=sign]").click()
    expect(page.get_by_role("dialog")).to_contain_text("1 remark(s) of the check")
