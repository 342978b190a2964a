"""Warnings at their sentences: shown, stepped through, dismissed, mended, and what they block."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import Locator, Page, expect

from radraft.reports.dismissal import DismissalReason
from radraft.reports.values import Report
from radraft.store import dismissals
from tests.builders import actor
from tests.scale import rows
from tests.ui import seed
from tests.ui.conftest import Opener, Seen, Workstation
from tests.ui.page import area, expect_text, selected, selection, wait_saved

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BLANK = ("心影大小____。", "Heart size is normal.")
ALONE = ("主动脉迂曲。", "")
REPEATED = ("心影大小正常。", "Heart size is normal.")


def add(
    workstation: Workstation,
    number: int,
    *findings: tuple[str, str],
    impression: tuple[str, str] = REPEATED,
) -> str:
    """Study `number`, drafted with these findings and one impression."""
    case_id = seed.add(workstation.store, number, drafted=False)
    made = seed.made_draft(case_id)
    sentences = tuple(
        sentence.reworded(zh=zh, en=en)
        for sentence, (zh, en) in zip(made.report.findings, findings, strict=False)
    )
    first = made.report.impression[0].reworded(zh=impression[0], en=impression[1])
    report = replace(made.report, findings=sentences, impression=(first,))
    seed.draft(workstation.store, replace(made, report=report))
    return case_id


def without(report: Report, key: str) -> Report:
    return replace(report, findings=tuple(s for s in report.findings if s.id != key))


def row(page: Page, key: str) -> Locator:
    return page.locator(f".rd-sentence[data-id={key}]")


CODES = {"f1": "language_missing", "f2": "sentence_unfilled", "f3": "sentence_repeated"}
"""The warning that these tests are about, by the sentence that has it."""


def warning(page: Page, key: str, code: str | None = None) -> Locator:
    return row(page, key).locator(f".rd-warning[data-code={code or CODES[key]}]")


def focused(page: Page) -> Locator:
    return page.locator(".rd-warning:focus")


def underlined(page: Page, key: str, lang: str) -> list[str]:
    return row(page, key).locator(f".rd-text[data-lang={lang}] u").all_inner_texts()


def test_a_warning_stands_at_its_sentence_with_sign_word_and_underlined_words(
    open_page: Opener, workstation: Workstation
) -> None:
    page = open_page(add(workstation, 501, ALONE, BLANK))
    block = warning(page, "f2")
    expect(block).to_contain_text("■ Must be corrected")
    expect(block).to_contain_text("still has a blank of its template")
    expect(block).to_have_attribute("data-severity", "block")
    assert underlined(page, "f2", "zh") == ["____"]
    expect(warning(page, "f1")).to_contain_text("▲ Check")
    counted = page.locator("[data-part=open-warnings]")
    expect(counted).to_contain_text("■ 1")
    page.get_by_role("button", name="中文").click()
    expect(block).to_contain_text("■ 必须改正")
    expect(block).to_contain_text("未填写的模板空位")
    expect(counted).to_contain_text("条未处理")


def test_the_line_lies_under_the_words_of_the_text(
    open_page: Opener, workstation: Workstation
) -> None:
    long = "心影大小形态如前所述，" * 6 + "约____。"
    page = open_page(add(workstation, 502, (long, "Heart size is normal.")))
    line = row(page, "f1").locator(".rd-text[data-lang=zh] u[data-severity=block]").bounding_box()
    text = area(page, "findings", 0, "zh").bounding_box()
    assert line is not None
    assert text is not None
    assert text["y"] < line["y"] < line["y"] + line["height"] <= text["y"] + text["height"] + 2


@pytest.mark.stress
def test_typing_keeps_its_cursor_while_warnings_come_and_go(
    open_page: Opener, workstation: Workstation
) -> None:
    page = open_page(add(workstation, 503, ALONE, REPEATED), reader="林清")
    expect(warning(page, "f1")).to_have_count(1)
    text = area(page, "findings", 0, "en")
    text.click()
    page.keyboard.type("Tortuous aorta")
    expect(warning(page, "f1")).to_have_count(0)
    expect(text).to_be_focused()
    for _ in "aorta":
        page.keyboard.press("ArrowLeft")
    page.keyboard.type("____")
    expect(warning(page, "f1", "sentence_unfilled")).to_contain_text("still has a blank")
    expect(text).to_be_focused()
    assert selection(text) == (13, 13)
    assert underlined(page, "f1", "en") == ["____"]


def test_keys_step_through_the_warnings_and_dismiss_one_with_a_reason(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = add(workstation, 504, ALONE, REPEATED, REPEATED)
    page = open_page(case_id, reader="林清")
    expect(warning(page, "f3")).to_have_count(1)
    area(page, "findings", 0, "en").click()
    page.keyboard.press("F7")
    expect(focused(page)).to_contain_text("in one language only")
    page.keyboard.press("F7")
    expect(focused(page)).to_contain_text("repeats an earlier one")
    page.keyboard.press("Shift+F7")
    expect(focused(page)).to_contain_text("in one language only")
    page.keyboard.press("2")
    expect(warning(page, "f1")).to_have_count(0)
    expect(page.locator("[data-part=dismissed]")).to_contain_text("Dismissed warnings: 1")
    # The next one is in focus, so that one key settles each.
    expect(focused(page)).to_contain_text("repeats an earlier one")
    page.keyboard.press("4")
    own = page.locator("[data-part=own-words]:focus")
    own.fill("两侧各一处")
    page.keyboard.press("Enter")
    expect(warning(page, "f3")).to_have_count(0)
    expect(page.locator("[data-part=open-warnings]")).to_be_hidden()
    page.reload()
    expect(page.locator("[data-part=dismissed]")).to_contain_text("Dismissed warnings: 2")
    expect(page.locator(".rd-warning")).to_have_count(0)
    with workstation.store.read() as session:
        held = {d.code: d for d in dismissals.of_case(session, case_id).values()}
    assert held["language_missing"].reason is DismissalReason.AS_IT_STANDS
    assert held["language_missing"].by.name == "林清"
    assert held["sentence_repeated"].text == "两侧各一处"


@pytest.mark.stress
def test_a_dismissal_is_taken_back_and_comes_back_when_the_words_change(
    open_page: Opener, workstation: Workstation
) -> None:
    page = open_page(add(workstation, 505, ALONE), reader="林清")
    warning(page, "f1").get_by_role("button", name="Dismiss…").click()
    warning(page, "f1").get_by_role("button", name="3 Wrong warning").click()
    expect(warning(page, "f1")).to_have_count(0)
    page.locator(".rd-undo").get_by_role("button", name="Undo").click()
    expect(warning(page, "f1")).to_have_count(1)
    warning(page, "f1").focus()
    page.keyboard.press("1")
    expect(warning(page, "f1")).to_have_count(0)
    area(page, "findings", 0, "zh").fill("主动脉轻度迂曲。")
    expect(warning(page, "f1")).to_contain_text("in one language only")
    wait_saved(page)
    expect(page.locator("[data-part=dismissed]")).to_be_hidden()


def test_a_mend_is_shown_and_put_in_only_on_demand_and_can_be_undone(
    open_page: Opener, workstation: Workstation
) -> None:
    size = ("左肺见 25 cm 结节影。", "A 25 cm nodule in the left lung.")
    page = open_page(
        add(workstation, 508, size, impression=("左肺结节。", "A nodule.")), reader="林清"
    )
    mendable = warning(page, "f1", "size_impossible").filter(has_text="English")
    expect(mendable.locator("del")).to_contain_text("25 cm")
    expect(mendable.locator("ins")).to_contain_text("25 mm")
    text = area(page, "findings", 0, "en")
    before = text.text_content() or ""
    mendable.focus()
    page.keyboard.press("m")
    expect_text(text, before.replace("25 cm", "25 mm"))
    wait_saved(page)
    page.locator(".rd-undo").get_by_role("button", name="Undo").click()
    expect_text(text, before)
    wait_saved(page)


@pytest.mark.stress
def test_the_other_place_is_named_and_gone_to(open_page: Opener, workstation: Workstation) -> None:
    size = ("左肺见 12 mm 结节影。", "A 12 mm nodule in the left lung.")
    other = ("左肺 15 mm 结节。", "A 15 mm nodule in the left lung.")
    page = open_page(add(workstation, 509, REPEATED, size, impression=other))
    differs = warning(page, "i1", "size_sections").filter(has_text="English").first
    expect(differs.locator("[data-part=jump]")).to_have_text("See Findings 2, English (J)")
    assert underlined(page, "i1", "en") == ["15 mm"]
    assert underlined(page, "f2", "en") == ["12 mm"]
    differs.focus()
    page.keyboard.press("j")
    text = area(page, "findings", 1, "en")
    expect(text).to_be_focused()
    assert selected(text) == "12 mm"
    page.keyboard.press("Escape")
    expect(text).not_to_be_focused()
    differs.locator("[data-part=jump]").click()
    expect(text).to_be_focused()


def test_a_blocked_signature_says_why_and_goes_there(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = add(workstation, 506, REPEATED, BLANK)
    page = open_page(case_id, reader="林清")
    block = warning(page, "f2")
    expect(block).to_be_visible()
    expect(block.get_by_role("button", name="Dismiss…")).to_have_count(0)
    page.locator("[data-part=sign]").click()
    expect(page.locator(".rd-undo")).to_contain_text("1 problem(s) must be settled before signing")
    expect(page.locator(".rd-undo")).to_contain_text("still has a blank of its template")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(block).to_be_focused()
    # What blocks is not dismissed by any key; Enter goes to its words.
    page.keyboard.press("2")
    expect(block).to_be_focused()
    page.keyboard.press("Enter")
    text = area(page, "findings", 1, "zh")
    expect(text).to_be_focused()
    assert selected(text) == "____"
    page.keyboard.type("少量")
    expect(block).to_have_count(0)
    wait_saved(page)
    page.locator("[data-part=sign]").click()
    page.get_by_role("dialog").get_by_role("button", name="Sign").click()
    expect(page.locator(".rd-signature")).to_contain_text("Signed by 林清")


@pytest.mark.stress
def test_a_warning_that_a_colleague_settled_meanwhile_is_not_dismissed(
    open_page: Opener, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    case_id = add(workstation, 507, ALONE)
    page = open_page(case_id, reader="林清")
    expect(warning(page, "f1")).to_have_count(1)
    working = workstation.service.case_view(case_id).working
    mended = without(working.report, "f1")
    # From here on the page hears nothing of the colleague's save but what its own request is told.
    page.clock.install()
    workstation.service.save(case_id, mended, base_revision=working.revision, actor=actor("周末"))
    warning(page, "f1").focus()
    page.keyboard.press("2")
    expect(page.locator(".rd-undo")).to_contain_text("Someone else saved this report")
    page.clock.resume()
    expect(warning(page, "f1")).to_have_count(0)
    with workstation.store.read() as session:
        assert dismissals.of_case(session, case_id) == {}


@rows("zh-1366-768", "en-683-384")
@pytest.mark.parametrize(("width", "height"), [(1366, 768), (1920, 1080), (683, 384)])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_of_a_warning_is_cut_off(
    open_page: Opener, workstation: Workstation, width: int, height: int, lang: str
) -> None:
    case_id = add(workstation, 510 + width + (lang == "en"), ALONE, BLANK, REPEATED, REPEATED)
    page = open_page(case_id, lang=lang)
    page.set_viewport_size({"width": width, "height": height})
    expect(warning(page, "f2")).to_be_visible()
    for dismiss in page.locator(".rd-warning [data-part=dismiss]").all():
        dismiss.click()
    cut_off = page.evaluate(
        """() => {
          const edge = document.querySelector(".rd-report").getBoundingClientRect().right;
          const shown = ".rd-warning, .rd-warning button, .rd-said, .rd-bar button";
          return [...document.querySelectorAll(shown)]
            .filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > edge)
            .map((e) => e.outerHTML.slice(0, 120));
        }"""
    )
    assert cut_off == []
