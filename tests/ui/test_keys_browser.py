"""The desk without a mouse: the table of keys, how many a study takes, keys of one's own."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from radraft.reports.phrases import Phrase
from radraft.reports.values import ReportState
from radraft.store import key_bindings
from radraft.store.signatures import sign
from radraft.studies.values import Patient
from tests.builders import person
from tests.ui import seed
from tests.ui.conftest import Opener, Workstation
from tests.ui.page import area, expect_text, stored, wait_saved
from tests.ui.people import account_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class Counted:
    """A keyboard that counts: keys pressed, and apart from them the characters of typed text."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.keys: list[str] = []
        self.typed = ""

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.keys.append(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)
        self.typed += text

    def told(self, what: str) -> None:
        print(f"{what}: {len(self.keys)} keys ({' '.join(self.keys)}), {len(self.typed)} typed")


def listed(page: Page, part: str) -> None:
    """Have the list hold the studies of one body part alone."""
    page.keyboard.press("/")
    expect(page.locator("[data-part=search]")).to_be_focused()
    page.keyboard.type(part)
    page.keyboard.press("Enter")


def current(page: Page, case_id: str) -> None:
    expect(page.locator(f"[data-case={case_id}]")).to_have_attribute("aria-current", "true")
    expect(area(page, "findings", 0, "zh")).to_be_visible()


def add(workstation: Workstation, number: int, name: str) -> str:
    patient = Patient(f"KEYS-{number}", f"{name}^Test", None, "F")
    return seed.add(workstation.store, number, patient=patient)


def state_of(workstation: Workstation, case_id: str) -> ReportState:
    working = workstation.service.case_view(case_id).working
    assert working is not None
    return working.state


def test_a_normal_study_takes_at_most_four_keys_from_the_list_to_the_next(
    open_page: Opener, workstation: Workstation
) -> None:
    first, second, third = (add(workstation, 2130 + n, "Viernull") for n in range(3))
    page = open_page(first, reader="林清")
    listed(page, "viernull")
    rows = page.locator(".rd-row")
    expect(rows).to_have_count(3)
    page.keyboard.press("Escape")
    order = [rows.nth(n).get_attribute("data-case") or "" for n in range(3)]
    assert sorted(order) == sorted((first, second, third))
    page.locator("body").press("k")
    while page.locator("[aria-current=true].rd-row").get_attribute("data-case") != order[0]:
        page.locator("body").press("k")
    counted = Counted(page)
    counted.press("j")
    current(page, order[1])
    wait_saved(page)
    counted.press("F8")
    expect(page.get_by_role("dialog").locator("[data-part=confirm]")).to_be_focused()
    counted.press("Enter")
    current(page, order[2])
    counted.told("normal study")
    assert state_of(workstation, order[1]) is ReportState.SIGNED
    assert len(counted.keys) <= 4
    # What was skipped is come back to, and no signed one is.
    page.keyboard.press("F9")
    current(page, order[0])
    page.keyboard.press("F8")
    page.get_by_role("dialog").locator("[data-part=confirm]").wait_for()
    page.keyboard.press("Enter")
    current(page, order[2])
    page.keyboard.press("F9")
    expect(page.locator(".rd-undo")).to_contain_text("No other study in this list")


def two_corrections(page: Page, counted: Counted) -> tuple[str, str]:
    """A slip in the first sentence, found by its words, and another in the second."""
    counted.press("e", "Control+f")
    counted.type("增多")
    counted.press("Escape")
    counted.type("稍增多")
    counted.press("Control+ArrowDown", "Backspace")
    counted.type("，建议复查。")
    wanted = ("双肺纹理稍增多，未见明确实变影。", seed.FINDINGS[1][0][:-1] + "，建议复查。")
    for place, text in enumerate(wanted):
        expect_text(area(page, "findings", place, "zh"), text)
    return wanted


def sign_by_keys(page: Page, counted: Counted) -> None:
    counted.press("Control+Enter")
    expect(page.get_by_role("dialog").locator("[data-part=confirm]")).to_be_focused()
    expect(page.locator("[data-part=images-missing]")).to_be_hidden()
    counted.press("Enter")
    expect(page.locator(".rd-report")).to_have_attribute("data-mode", "signed")


@pytest.mark.stress
def test_two_corrections_take_at_most_eight_keys_beside_the_text(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = add(workstation, 2134, "Achtnull")
    page = open_page(case_id, reader="林清")
    counted = Counted(page)
    wanted = two_corrections(page, counted)
    sign_by_keys(page, counted)
    counted.told("two corrections")
    assert len(counted.keys) <= 8
    (version,) = workstation.service.case_view(case_id).versions
    assert tuple(s.zh for s in version.report.findings[:2]) == wanted


def test_two_corrections_and_an_added_sentence_with_a_side_take_at_most_eight_keys(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = add(workstation, 2135, "Achtplus")
    page = open_page(case_id, reader="林清", lang="zh-CN")
    counted = Counted(page)
    wanted = two_corrections(page, counted)
    counted.press("Enter")
    counted.type("右侧胸腔积液。")
    expect_text(area(page, "findings", 2, "en"), "Right pleural effusion.")
    sign_by_keys(page, counted)
    counted.told("two corrections and an added sentence with a side")
    assert len(counted.keys) <= 8
    (version,) = workstation.service.case_view(case_id).versions
    findings = version.report.findings
    assert tuple(s.zh for s in findings[:3]) == (*wanted, "右侧胸腔积液。")
    assert findings[2].en == "Right pleural effusion."


def with_prior(workstation: Workstation, number: int, name: str) -> str:
    """A study of a patient who has an earlier one with a signed report."""
    patient = Patient(f"KEYS-{number}", f"{name}^Test", date(1961, 4, 12), "M")
    examined = datetime(2026, 6, 1, 9, 30)
    earlier, now = (
        seed.add(workstation.store, number + n, patient=patient, study_time=time, age_years=65)
        for n, time in enumerate((examined - timedelta(days=120), examined))
    )
    with workstation.store.begin() as session:
        sign(session, earlier, base_revision=1, signer=person("王签名"), now=datetime.now(UTC))
    return now


@pytest.mark.stress
def test_template_phrase_impression_and_prior_by_keys_and_each_undone_by_one(
    open_page: Opener, workstation: Workstation
) -> None:
    owner = account_of(workstation.store, "只用键的人")
    phrase = Phrase(letters="wbh", zh="较前片无明显变化。", en="No change from the prior film.")
    workstation.service.templates.keep_phrase(phrase, owner=owner.account_id, by=owner.person)
    page = open_page(with_prior(workstation, 2141, "Nurtasten"), reader="只用键的人")
    before = findings(page)
    prior, beside = page.locator(".rd-prior-report"), page.locator("[data-part=second-stage]")
    page.locator(".rd-prior-line").get_by_role("button", name="report").wait_for()
    counted = Counted(page)
    counted.press("p")
    expect(prior).to_contain_text(seed.FINDINGS[0][0])
    counted.press("p")
    expect(prior).to_have_count(0)
    counted.press("b")
    expect(beside).to_be_visible()
    counted.press("b")
    expect(beside).to_have_count(0)

    grey = page.locator(".rd-sentence:is([data-grey-zh=true], [data-grey-en=true])")
    counted.press("F4")
    expect(grey).not_to_have_count(0)
    counted.press("Control+z")
    expect(grey).to_have_count(0)
    assert findings(page) == before

    counted.press("e", "Control+End", "Enter")
    counted.type("wbh")
    expect(page.locator(".rd-autotext")).to_contain_text(phrase.zh)
    counted.press("Tab")
    expect_text(area(page, "findings", 1, "zh"), phrase.zh)
    counted.press("Control+z")
    expect_text(area(page, "findings", 1, "zh"), "wbh")
    counted.press("Control+a")
    counted.type("左侧气胸，约30%。")

    wait_saved(page)
    drafted = [pair[0] for pair in seed.IMPRESSION]
    assert impression(page) == drafted
    counted.press("Alt+i")
    expect(page.locator("[data-part=impression-offer]")).to_contain_text("气胸")
    counted.press("Alt+i")
    expect(area(page, "impression", 0, "zh")).to_contain_text("气胸")
    counted.press("Control+z")
    expect_text(area(page, "impression", 0, "zh"), drafted[0])
    assert impression(page) == drafted
    counted.told("template, phrase, impression and prior, each undone")


def findings(page: Page) -> list[str]:
    return page.locator("[data-part=findings] .rd-text[data-lang=zh]").all_text_contents()


def impression(page: Page) -> list[str]:
    return page.locator("[data-part=impression] .rd-text[data-lang=zh]").all_text_contents()


def test_the_list_is_one_tab_stop_and_report_and_sign_are_five_tabs_away(
    open_page: Opener, workstation: Workstation
) -> None:
    page = open_page(add(workstation, 2136, "Tabstopp"))
    add(workstation, 2137, "Tabstopp")
    listed(page, "tabstopp")
    rows = page.locator(".rd-row")
    expect(rows).to_have_count(2)
    assert rows.evaluate_all("rows => rows.filter((row) => row.tabIndex === 0).length") == 1
    tabs = {}
    for goal, name in ((".rd-text", "To the report"), ("[data-part=sign]", "To signing")):
        page.locator('.rd-row[tabindex="0"]').focus()
        count = 0
        while not page.evaluate("name => document.activeElement.textContent === name", name):
            page.keyboard.press("Tab")
            count += 1
            assert count <= 5
        page.keyboard.press("Enter")
        expect(page.locator(f"{goal}:focus")).to_have_count(1)
        tabs[name] = count
    print("tabs from the list:", tabs)


def test_keys_go_from_pane_to_pane_and_everything_in_a_sentence(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = add(workstation, 2138, "Ebene")
    page = open_page(case_id)
    page.keyboard.press("F6")
    expect(page.locator(".rd-row:focus")).to_have_attribute("aria-current", "true")
    page.keyboard.press("F6")
    expect(page.locator(".rd-stage")).to_be_focused()
    page.keyboard.press("F6")
    expect(area(page, "findings", 0, "zh")).to_be_focused()
    page.keyboard.press("Shift+F6")
    expect(page.locator(".rd-stage")).to_be_focused()
    page.keyboard.press("e")
    expect(area(page, "findings", 0, "zh")).to_be_focused()
    # A letter is text there, and no key.
    page.keyboard.type("j")
    expect_text(area(page, "findings", 0, "zh"), seed.FINDINGS[0][0] + "j")
    page.keyboard.press("Control+z")
    page.keyboard.press("Alt+ArrowDown")
    expect(area(page, "findings", 1, "zh")).to_be_focused()
    page.keyboard.press("Alt+Delete")
    expect_text(area(page, "findings", 1, "zh"), seed.FINDINGS[2][0])
    page.keyboard.press("Control+s")
    wait_saved(page)
    assert [s.id for s in stored(workstation, case_id).findings] == ["f2", "f3", "f4"]


def test_a_key_is_changed_for_oneself_and_kept_with_the_account(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = add(workstation, 2139, "Taste")
    page = open_page(case_id, reader="按键者", lang="zh-CN")
    page.keyboard.press("?")
    keys = page.locator("dialog.rd-keyhelp")
    expect(keys).to_contain_text("快捷键")
    expect(keys).to_contain_text("签发并打开下一例未读")
    invert = keys.locator("[data-action='viewer.invert']")
    expect(invert).to_have_text("I")
    invert.click()
    page.keyboard.press("j")
    expect(keys.locator("[data-part=keys-problem]")).to_contain_text("J 已用于：下一例")
    invert.click()
    page.keyboard.press("Tab")
    expect(keys.locator("[data-part=keys-problem]")).to_contain_text("Tab")
    invert.click()
    with page.expect_response("**/api/keys") as kept:
        page.keyboard.press("n")
    assert kept.value.ok
    expect(invert).to_have_text("N")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.reload()
    page.locator(".rd-banner strong").wait_for()
    page.keyboard.press("?")
    expect(invert).to_have_text("N")
    account = account_of(workstation.store, "按键者").account_id
    with workstation.store.read() as session:
        assert key_bindings.of_account(session, account) == {"viewer.invert": ("n",)}
    keys.locator("[data-part=keys-reset]").click()
    expect(invert).to_have_text("I")


def test_no_two_actions_have_the_same_key_where_both_count(
    open_page: Opener, workstation: Workstation
) -> None:
    page = open_page(add(workstation, 2140, "Doppelt"))
    found = page.evaluate(
        """async () => {
          const { ACTIONS, conflicts, keysOf } = await import("/ui/keys.js");
          return Object.keys(ACTIONS).flatMap((action) =>
            keysOf(action).map((key) => [key, action, ...conflicts(action, key)]))
              .filter((found) => found.length > 2);
        }"""
    )
    assert found == [], json.dumps(found)
    named = page.evaluate(
        """async () => {
          const { ACTIONS } = await import("/ui/keys.js");
          const { has } = await import("/ui/i18n.js");
          const key = (action) => `key_${action.replace(".", "_")}`;
          return Object.keys(ACTIONS).filter(
            (action) => !has(key(action)) && !has(key(action).replace(/_[0-9]+$/, "")));
        }"""
    )
    assert named == []
