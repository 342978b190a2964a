"""Writing in the report: sentences split and joined, pasted, found, undone, composed by an input
method."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, Request, expect

from radraft.reports.values import Report
from tests.builders import actor, signed_in
from tests.ui import seed
from tests.ui.conftest import Opener, Workstation
from tests.ui.page import area, expect_text, selected, selection, stored, wait_saved

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FIRST_ZH, FIRST_EN = seed.FINDINGS[0]
SECOND_ZH, SECOND_EN = seed.FINDINGS[1]


def texts(page: Page, section: str, lang: str) -> list[str]:
    return page.locator(f"[data-part={section}] .rd-text[data-lang={lang}]").all_text_contents()


def expect_texts(page: Page, section: str, lang: str, wanted: list[str]) -> None:
    """Until the texts of a section in one language are exactly `wanted`."""
    for place, text in enumerate(wanted):
        expect_text(area(page, section, place, lang), text)
    assert texts(page, section, lang) == wanted


def put_cursor(page: Page, section: str, place: int, lang: str, at: int) -> None:
    """Click into a text, and have the cursor stand at `at` of it."""
    text = area(page, section, place, lang)
    text.click()
    expect(text).to_be_focused()
    text.evaluate(
        """async (field, [lang, at]) => {
          const { selectText } = await import("/ui/caret.js");
          selectText({ id: field.closest(".rd-sentence").dataset.id, lang }, at);
        }""",
        [lang, at],
    )


def paste(page: Page, section: str, place: int, lang: str, text: str) -> None:
    """What the browser does with Ctrl+V, whose clipboard a test does not share with others."""
    area(page, section, place, lang).evaluate(
        """(field, text) => {
          const data = new DataTransfer();
          data.setData("text/plain", text);
          const event = { clipboardData: data, bubbles: true, cancelable: true };
          field.dispatchEvent(new ClipboardEvent("paste", event));
        }""",
        text,
    )


def told(page: Page, text: str) -> None:
    expect(page.locator(".rd-undo")).to_contain_text(text)


def keyboard(page: Page) -> CDPSession:
    return page.context.new_cdp_session(page)


def compose(session: CDPSession, text: str) -> None:
    """An input method shows `text` as what it may become."""
    length = len(text)
    session.send(
        "Input.imeSetComposition", {"text": text, "selectionStart": length, "selectionEnd": length}
    )


def test_enter_splits_a_sentence_and_backspace_joins_it_again(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2100)
    page = open_page(case_id)
    put_cursor(page, "findings", 0, "zh", 6)
    page.keyboard.press("Enter")
    expect_text(area(page, "findings", 0, "zh"), "双肺纹理增多")
    expect_text(area(page, "findings", 1, "zh"), "，未见明确实变影。")
    expect(area(page, "findings", 1, "zh")).to_be_focused()
    assert selection(area(page, "findings", 1, "zh")) == (0, 0)
    # The other language stays with the first.
    expect_text(area(page, "findings", 0, "en"), FIRST_EN)
    expect_text(area(page, "findings", 1, "en"), "")
    page.keyboard.type("新增")
    wait_saved(page)
    kept = stored(workstation, case_id).findings
    assert (kept[0].id, kept[0].zh, kept[0].en) == ("f1", "双肺纹理增多", FIRST_EN)
    assert (kept[1].zh, kept[1].en) == ("新增，未见明确实变影。", "")
    assert kept[1].id not in {"f1", "f2", "f3", "f4"}

    page.keyboard.press("Control+Home")
    page.keyboard.press("Backspace")
    joined = "双肺纹理增多新增，未见明确实变影。"
    expect_text(area(page, "findings", 0, "zh"), joined)
    expect(area(page, "findings", 0, "zh")).to_be_focused()
    assert selection(area(page, "findings", 0, "zh")) == (6, 6)
    # Both languages are joined, English with a space between.
    put_cursor(page, "findings", 1, "en", 0)
    page.keyboard.press("Backspace")
    expect_text(area(page, "findings", 0, "en"), f"{FIRST_EN} {SECOND_EN}")
    expect_text(area(page, "findings", 0, "zh"), joined + SECOND_ZH)
    # Nothing is before the first sentence of a section.
    put_cursor(page, "findings", 0, "zh", 0)
    page.keyboard.press("Backspace")
    wait_saved(page)
    kept = stored(workstation, case_id).findings
    assert [s.id for s in kept] == ["f1", "f3", "f4"]
    assert (kept[0].zh, kept[0].en) == (joined + SECOND_ZH, f"{FIRST_EN} {SECOND_EN}")


@pytest.mark.stress
def test_enter_at_the_beginning_makes_room_before_and_at_the_end_behind(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2101)
    page = open_page(case_id)
    put_cursor(page, "impression", 1, "en", 0)
    page.keyboard.press("Enter")
    expect_texts(page, "impression", "en", [seed.IMPRESSION[0][1], "", seed.IMPRESSION[1][1]])
    expect(area(page, "impression", 2, "en")).to_be_focused()
    page.keyboard.press("Control+End")
    page.keyboard.press("Enter")
    page.keyboard.type("Last.")
    page.keyboard.press("Enter")
    page.keyboard.press("Backspace")
    page.keyboard.type(" Indeed.")
    wait_saved(page)
    kept = stored(workstation, case_id).impression
    assert [s.en for s in kept] == [*(en for _, en in seed.IMPRESSION), "Last. Indeed."]
    assert [s.id for s in kept[:2]] == ["i1", "i2"]


def test_pasted_lines_become_sentences_and_what_is_too_much_is_told_and_not_cut(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2102)
    page = open_page(case_id)
    put_cursor(page, "findings", 3, "zh", 2)
    paste(page, "findings", 3, "zh", "一\t线\u200b。\r\n\r\n  二线。 \n三线")
    before = [zh for zh, _ in seed.FINDINGS[:3]]
    expect_texts(page, "findings", "zh", [*before, "双侧一 线。", "二线。", "三线肋膈角锐利。"])
    expect(area(page, "findings", 5, "zh")).to_be_focused()
    assert selection(area(page, "findings", 5, "zh")) == (2, 2)
    wait_saved(page)
    kept = [s.zh for s in stored(workstation, case_id).findings]
    assert kept == [*before, "双侧一 线。", "二线。", "三线肋膈角锐利。"]
    # One step takes all of it back.
    page.keyboard.press("Control+z")
    expect_texts(page, "findings", "zh", [zh for zh, _ in seed.FINDINGS])

    paste(page, "findings", 0, "zh", "\n".join(["长" * 2001, "短"]))
    told(page, "Not pasted: a line of it would be longer than the 2000 characters")
    paste(page, "findings", 0, "zh", "\n".join(f"第{n}行" for n in range(98)))
    told(page, "Not pasted: with its 98 lines the section would hold more than 100 sentences")
    expect_texts(page, "findings", "zh", [zh for zh, _ in seed.FINDINGS])

    area(page, "findings", 0, "zh").fill("满" * 1999)
    expect(page.locator("[data-hint=room]")).to_contain_text("1 of 2000 characters left")
    page.keyboard.type("啊")
    expect_text(area(page, "findings", 0, "zh"), "满" * 1999 + "啊")
    page.keyboard.type("多")
    told(page, "A sentence holds at most 2000 characters")
    expect_text(area(page, "findings", 0, "zh"), "满" * 1999 + "啊")
    wait_saved(page)
    assert len(stored(workstation, case_id).findings[0].zh) == 2000


def test_undo_and_redo_go_over_typing_deleting_moving_and_splitting(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2103)
    page = open_page(case_id)
    original = [zh for zh, _ in seed.FINDINGS]
    put_cursor(page, "findings", 0, "zh", 0)
    page.keyboard.type("旧")
    typed = ["旧" + original[0], *original[1:]]
    page.keyboard.press("Alt+ArrowDown")
    moved = [typed[1], typed[0], *typed[2:]]
    expect_texts(page, "findings", "zh", moved)
    page.keyboard.press("Alt+Delete")
    deleted = [moved[0], *moved[2:]]
    expect_texts(page, "findings", "zh", deleted)
    expect(area(page, "findings", 1, "zh")).to_be_focused()
    page.keyboard.press("Control+End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    split = [deleted[0], deleted[1][:-1], "。", *deleted[2:]]
    expect_texts(page, "findings", "zh", split)
    wait_saved(page)
    assert [s.zh for s in stored(workstation, case_id).findings] == split

    for wanted in (deleted, moved, typed, original):
        page.keyboard.press("Control+z")
        expect_texts(page, "findings", "zh", wanted)
    expect(area(page, "findings", 0, "zh")).to_be_focused()
    page.keyboard.press("Control+z")
    told(page, "Nothing to undo")
    wait_saved(page)
    kept = stored(workstation, case_id).findings
    assert [(s.id, s.origin.value) for s in kept] == [(f"f{n}", "model") for n in range(1, 5)]
    redone = ["Control+Shift+z", "Control+y"] * 2
    for keys, wanted in zip(redone, (typed, moved, deleted, split), strict=True):
        page.keyboard.press(keys)
        expect_texts(page, "findings", "zh", wanted)
    page.keyboard.press("Control+y")
    told(page, "Nothing to redo")
    wait_saved(page)
    assert [s.zh for s in stored(workstation, case_id).findings] == split


@pytest.mark.stress
def test_what_follows_in_the_other_language_is_undone_with_the_words_that_it_follows(
    open_page: Opener, workstation: Workstation
) -> None:
    page = open_page(seed.add(workstation.store, 2113), lang="zh-CN")
    put_cursor(page, "findings", 3, "zh", 2)
    page.keyboard.press("Enter")
    sides = page.locator("[data-part=findings] .rd-sentence [data-part=sides]")
    expect(sides.nth(3)).to_be_visible()
    expect(sides.nth(4)).to_be_visible()
    expect(area(page, "findings", 3, "en")).not_to_have_text(seed.FINDINGS[3][1])
    page.keyboard.press("Control+z")
    expect_texts(page, "findings", "zh", [zh for zh, _ in seed.FINDINGS])
    expect_texts(page, "findings", "en", [en for _, en in seed.FINDINGS])
    page.keyboard.press("Control+z")
    told(page, "没有可撤销的操作")


def test_undo_takes_back_ones_own_and_leaves_what_a_colleague_wrote(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2104)
    page = open_page(case_id, reader="林清")
    put_cursor(page, "findings", 0, "zh", 0)
    page.keyboard.type("我写。")
    wait_saved(page)
    working = workstation.service.case_view(case_id).working
    assert working is not None
    theirs = seed.reworded(working.report, "f2", "同事写。")
    theirs = replace(theirs, findings=tuple(s for s in theirs.findings if s.id != "f4"))
    colleague = signed_in(workstation.store, "同事")
    workstation.service.save(case_id, theirs, base_revision=working.revision, actor=colleague)
    expect_text(area(page, "findings", 1, "zh"), "同事写。")
    page.keyboard.press("Control+z")
    expect_texts(page, "findings", "zh", [FIRST_ZH, "同事写。", seed.FINDINGS[2][0]])
    wait_saved(page)
    kept = stored(workstation, case_id).findings
    assert [s.zh for s in kept] == [FIRST_ZH, "同事写。", seed.FINDINGS[2][0]]


def test_an_input_method_sends_nothing_before_it_is_done_and_loses_nothing(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2105)
    page = open_page(case_id)
    sent: list[Any] = []

    def note(request: Request) -> None:
        if request.method == "PUT":
            sent.append(request.post_data_json)

    page.on("request", note)
    put_cursor(page, "findings", 0, "zh", 2)
    page.keyboard.type("甲")
    session = keyboard(page)
    for typed in ("y", "yo", "you", "you fei"):
        compose(session, typed)
    expect_text(area(page, "findings", 0, "zh"), FIRST_ZH[:2] + "甲you fei" + FIRST_ZH[2:])
    # What was typed before it is saved meanwhile, and a colleague's words come in around it.
    wait_saved(page)
    assert stored(workstation, case_id).findings[0].zh == FIRST_ZH[:2] + "甲" + FIRST_ZH[2:]
    session.send("Input.insertText", {"text": "右肺"})
    whole = FIRST_ZH[:2] + "甲右肺" + FIRST_ZH[2:]
    expect_text(area(page, "findings", 0, "zh"), whole)
    page.keyboard.type("乙")
    wait_saved(page)
    assert stored(workstation, case_id).findings[0].zh == FIRST_ZH[:2] + "甲右肺乙" + FIRST_ZH[2:]
    assert not any("yo" in body["report"]["findings"][0]["zh"] for body in sent)
    # One that is broken off leaves the words as they were, and Enter within it splits nothing.
    compose(session, "bu")
    page.keyboard.press("Enter")
    compose(session, "")
    expect_text(area(page, "findings", 0, "zh"), FIRST_ZH[:2] + "甲右肺乙" + FIRST_ZH[2:])
    assert len(texts(page, "findings", "zh")) == len(seed.FINDINGS)


@pytest.mark.stress
def test_signing_takes_what_an_input_method_still_holds(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2106)
    page = open_page(case_id, reader="林清")
    put_cursor(page, "impression", 1, "zh", 0)
    compose(keyboard(page), "老年")
    page.keyboard.press("Control+Enter")
    page.locator("[data-part=sign]").click()
    page.get_by_role("dialog").locator("[data-part=confirm]").click()
    expect(page.locator(".rd-signature")).to_contain_text("Signed by 林清")
    (version,) = workstation.service.case_view(case_id).versions
    assert version.report.impression[1].zh == "老年" + seed.IMPRESSION[1][0]


def test_words_are_found_and_gone_to_and_the_cursor_is_left_there(
    open_page: Opener, workstation: Workstation
) -> None:
    page = open_page(seed.add(workstation.store, 2107))
    area(page, "findings", 0, "zh").click()
    page.keyboard.press("Control+f")
    page.keyboard.type("lung")
    bar = page.locator("[data-part=find]")
    expect(bar).to_contain_text("1 of 2")
    expect(page.locator(".rd-found")).to_have_count(2)
    page.keyboard.press("Enter")
    expect(bar).to_contain_text("2 of 2")
    expect(page.locator(".rd-found-now")).to_have_text("lung")
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()
    expect(page.locator(".rd-found")).to_have_count(0)
    text = area(page, "findings", 1, "en")
    expect(text).to_be_focused()
    assert selected(text) == "lung"
    page.keyboard.press("Control+f")
    page.keyboard.type("主动脉")
    expect(bar).to_contain_text("1 of 2")
    page.keyboard.press("Control+a")
    page.keyboard.type("肝")
    expect(bar).to_contain_text("0 of 0")


MEASURED = """async ([zh, en]) => {
  const { emit } = await import("/ui/state.js");
  emit("measurement", { text_zh: zh, text_en: en });
}"""


@pytest.mark.stress
def test_a_measurement_goes_to_the_cursor_in_the_language_of_its_text(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2108)
    page = open_page(case_id)
    page.evaluate(MEASURED, ["长径约 12 mm", "12 mm in length"])
    told(page, "Put the cursor into a sentence first")
    put_cursor(page, "findings", 1, "zh", 5)
    # The focus is in the picture by then.
    page.locator(".rd-stage").focus()
    page.evaluate(MEASURED, ["长径约 12 mm", "12 mm in length"])
    expect_text(area(page, "findings", 1, "zh"), SECOND_ZH[:5] + "长径约 12 mm" + SECOND_ZH[5:])
    put_cursor(page, "findings", 0, "en", 5)
    page.evaluate(MEASURED, ["长径约 12 mm", "12 mm in length"])
    expect_text(area(page, "findings", 0, "en"), FIRST_EN[:5] + "12 mm in length" + FIRST_EN[5:])
    page.keyboard.press("Control+z")
    expect_text(area(page, "findings", 0, "en"), FIRST_EN)
    wait_saved(page)
    kept = stored(workstation, case_id).findings
    assert (kept[0].en, kept[1].zh) == (FIRST_EN, SECOND_ZH[:5] + "长径约 12 mm" + SECOND_ZH[5:])


@pytest.mark.stress
def test_autotext_is_asked_before_a_key_and_writes_at_the_cursor(
    open_page: Opener, workstation: Workstation
) -> None:
    page = open_page(seed.add(workstation.store, 2109))
    page.evaluate(
        """async () => {
          const { replaceText, useAutotext } = await import("/ui/caret.js");
          const key = (event, at) => {
            if (event.key !== "Tab" || !at.text.slice(0, at.start).endsWith("xb")) return false;
            return replaceText(at, at.start - 2, at.start, "心包积液（  ）", [5, 7]);
          };
          useAutotext({ key });
        }"""
    )
    text = area(page, "impression", 1, "zh")
    put_cursor(page, "impression", 1, "zh", 0)
    page.keyboard.type("xb")
    page.keyboard.press("Tab")
    expect_text(text, "心包积液（  ）" + seed.IMPRESSION[1][0])
    expect(text).to_be_focused()
    assert selection(text) == (5, 7)
    page.keyboard.press("Tab")
    expect(area(page, "impression", 1, "en")).to_be_focused()


@pytest.mark.stress
def test_the_focus_and_the_cursor_survive_what_others_do_to_the_report(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2110)
    page = open_page(case_id)
    put_cursor(page, "findings", 2, "zh", 4)
    working = workstation.service.case_view(case_id).working
    assert working is not None
    report = seed.reworded(working.report, "f3", "复查：" + seed.FINDINGS[2][0])
    turned = Report(case_id, report.findings[::-1], report.impression)
    workstation.service.save(case_id, turned, base_revision=working.revision, actor=actor("B"))
    text = area(page, "findings", 1, "zh")
    expect_text(text, "复查：" + seed.FINDINGS[2][0])
    expect(text).to_be_focused()
    assert selection(text) == (7, 7)


def test_a_site_of_one_language_shows_one_column(
    open_page: Opener, workstation: Workstation
) -> None:
    page = open_page(seed.add(workstation.store, 2111), lang="zh-CN")
    page.evaluate(
        """async () => {
          const { emit, state } = await import("/ui/state.js");
          const { view } = state;
          state.view = { ...view, languages: { ...view.languages, languages: ["zh"] } };
          emit("view", state.view);
        }"""
    )
    expect(page.locator(".rd-text[data-lang=en]:visible")).to_have_count(0)
    row = page.locator("[data-part=findings] .rd-sentence").first.bounding_box()
    text = area(page, "findings", 0, "zh").bounding_box()
    assert row is not None and text is not None
    assert text["width"] > row["width"] * 0.7
    area(page, "findings", 0, "zh").click()
    page.keyboard.press("Tab")
    expect(area(page, "findings", 1, "zh")).to_be_focused()


def test_each_text_is_a_named_textbox_without_spelling_and_arrows_go_from_one_to_the_next(
    open_page: Opener, workstation: Workstation
) -> None:
    page = open_page(seed.add(workstation.store, 2112))
    text = page.get_by_role("textbox", name="Findings 2, English")
    expect_text(text, SECOND_EN)
    expect(text).to_have_attribute("aria-multiline", "false")
    expect(text).to_have_attribute("spellcheck", "false")
    text.click()
    page.keyboard.press("Control+End")
    page.keyboard.press("ArrowRight")
    after = area(page, "findings", 2, "en")
    expect(after).to_be_focused()
    assert selection(after) == (0, 0)
    page.keyboard.press("ArrowUp")
    expect(text).to_be_focused()
