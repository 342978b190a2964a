"""Templates and phrases in the page: a normal report in grey, confirmed as far as it is seen;
phrases of a few letters; the administrator's page."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from radraft.reports.assertion import is_grey
from radraft.reports.phrases import Phrase
from radraft.reports.report_templates import ready_templates, template_to_yaml
from radraft.reports.template_rules import SiteTemplateRule
from radraft.reports.values import Origin, Report
from tests.builders import person
from tests.ui import seed
from tests.ui.conftest import Opener, Seen, Workstation
from tests.ui.page import expect_text, stored, wait_saved
from tests.ui.people import account_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHEST = next(template for template in ready_templates() if template.id == "chest_radiograph")
LINES = len(CHEST.lines)


def grey_rows(page: Page) -> Locator:
    return page.locator(".rd-sentence:is([data-grey-zh=true], [data-grey-en=true])")


def unconfirmed(report: Report) -> list[str]:
    return [s.id for s in report.sentences if any(map(is_grey, s.wordings))]


def empty_study(workstation: Workstation, number: int, **study: object) -> str:
    return seed.add(workstation.store, number, drafted=False, **study)


def write_place(page: Page) -> None:
    """The report is there to be written in."""
    expect(page.locator("[data-part=template-normal]")).to_be_visible()


def test_one_key_puts_the_normal_report_in_and_one_confirms_it(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = empty_study(workstation, 2300)
    page = open_page(case_id)
    page.set_viewport_size({"width": 1920, "height": 1080})
    write_place(page)
    page.keyboard.press("F4")
    expect(grey_rows(page)).to_have_count(LINES)
    wait_saved(page)
    assert len(unconfirmed(stored(workstation, case_id))) == LINES
    sign = page.locator("[data-part=sign]")
    expect(sign).to_have_attribute("data-blocked", "true")
    page.keyboard.press("F2")
    expect(grey_rows(page)).to_have_count(0)
    wait_saved(page)
    expect(sign).to_have_attribute("data-blocked", "false")
    report = stored(workstation, case_id)
    assert unconfirmed(report) == []
    assert {w.origin for s in report.sentences for w in s.wordings} == {Origin.TEMPLATE}
    sign.focus()
    page.keyboard.press("Enter")
    page.locator("[data-part=confirm]").wait_for()
    page.keyboard.press("Enter")
    expect(page.locator(".rd-report")).to_have_attribute("data-mode", "signed")
    print("keys of a normal study: F4, F2, Enter on Sign, Enter: 4")


def test_what_is_not_on_the_screen_is_not_confirmed(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = empty_study(workstation, 2301)
    page = open_page(case_id)
    page.set_viewport_size({"width": 1366, "height": 460})
    write_place(page)
    page.keyboard.press("F4")
    expect(grey_rows(page)).to_have_count(LINES)
    wait_saved(page)
    page.keyboard.press("F2")
    wait_saved(page)
    left = unconfirmed(stored(workstation, case_id))
    assert 0 < len(left) < LINES
    expect(grey_rows(page)).to_have_count(len(left))
    # Each press confirms what there is to see and brings what there is not.
    for _ in range(LINES * 2):
        if not grey_rows(page).count():
            break
        page.keyboard.press("F2")
        page.wait_for_timeout(0)
    expect(grey_rows(page)).to_have_count(0)
    wait_saved(page)
    assert unconfirmed(stored(workstation, case_id)) == []


def test_a_line_behind_a_dialog_is_not_confirmed(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = empty_study(workstation, 2302)
    page = open_page(case_id)
    write_place(page)
    page.keyboard.press("F4")
    expect(grey_rows(page)).to_have_count(LINES)
    page.locator("[data-part=phrases-open]").click()
    page.locator("[data-part=phrases-dialog]").wait_for()
    page.keyboard.press("F2")
    page.keyboard.press("Escape")
    expect(grey_rows(page)).to_have_count(LINES)


@pytest.mark.stress
def test_both_can_be_undone(open_page: Opener, workstation: Workstation) -> None:
    case_id = empty_study(workstation, 2303)
    page = open_page(case_id)
    write_place(page)
    undo = page.locator(".rd-undo").get_by_role("button")
    page.keyboard.press("F4")
    expect(grey_rows(page)).to_have_count(LINES)
    undo.click()
    expect(page.locator(".rd-sentence[data-id]")).to_have_count(0)
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.keyboard.press("F4")
    expect(grey_rows(page)).to_have_count(LINES)
    page.keyboard.press("F2")
    expect(grey_rows(page)).to_have_count(0)
    undo.click()
    expect(grey_rows(page)).to_have_count(LINES)
    wait_saved(page)
    assert len(unconfirmed(stored(workstation, case_id))) == LINES


def test_only_what_the_draft_says_nothing_of_is_put_in(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2304)
    page = open_page(case_id)
    write_place(page)
    page.keyboard.press("F4")
    expect(grey_rows(page)).to_have_count(4)
    page.keyboard.press("F4")
    expect(page.locator(".rd-undo")).to_contain_text("The report has all")
    expect(grey_rows(page)).to_have_count(4)


def test_a_line_with_a_field_left_open_is_not_confirmed(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = empty_study(workstation, 2305, modality="MR", body_part="LSPINE")
    page = open_page(case_id)
    write_place(page)
    page.keyboard.press("F4")
    expect(grey_rows(page)).to_have_count(8)
    for _ in range(10):
        page.keyboard.press("F2")
    expect(grey_rows(page)).to_have_count(1)
    expect(grey_rows(page)).to_have_attribute("data-id", "t-findings.conus")
    wait_saved(page)
    assert unconfirmed(stored(workstation, case_id)) == ["t-findings.conus"]


def test_an_examination_without_a_template_says_so(
    open_page: Opener, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    page = open_page(empty_study(workstation, 2306, body_part="WRIST"))
    write_place(page)
    page.keyboard.press("F4")
    expect(page.locator(".rd-undo")).to_contain_text("no template for this examination")


def test_a_study_without_a_model_begins_as_its_template(
    open_page: Opener, own_workstation: Workstation, seen: Seen
) -> None:
    # Its server is gone before its page is.
    seen.refusals_expected = True
    case_id = empty_study(own_workstation, 2307)
    own_workstation.service.templates.set_rule(
        "test", SiteTemplateRule(begin_reports=True), base_number=0, by=person("管理员")
    )
    page = open_page(case_id, at=own_workstation)
    page.set_viewport_size({"width": 1920, "height": 1080})
    expect(grey_rows(page)).to_have_count(LINES)
    # To look at it begins nothing.
    assert own_workstation.service.case_view(case_id).working.revision == 0
    page.keyboard.press("F2")
    expect(grey_rows(page)).to_have_count(0)
    wait_saved(page)
    assert own_workstation.service.case_view(case_id).working.revision > 0
    assert unconfirmed(stored(own_workstation, case_id)) == []


def test_a_person_keeps_phrases_of_his_own(open_page: Opener, workstation: Workstation) -> None:
    page = open_page(empty_study(workstation, 2308), reader="写短语的人")
    page.locator("[data-part=phrases-open]").click()
    dialog = page.locator("[data-part=phrases-dialog]")
    dialog.locator("[name=letters]").fill("jj")
    dialog.locator("[name=zh]").fill("( )mm结节。")
    dialog.locator("[name=en]").fill("A nodule of ( ) mm.")
    dialog.get_by_role("button", name="Keep phrase").click()
    expect(dialog.locator("tbody tr")).to_have_count(1)
    expect(dialog.locator("tbody")).to_contain_text("A nodule of ( ) mm.")
    dialog.get_by_role("button", name="Delete phrase jj").click()
    expect(dialog).to_contain_text("No phrases yet.")


@pytest.mark.stress
def test_a_few_letters_show_a_phrase_that_tab_takes_and_goes_through(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2311)
    sex = workstation.service.case_view(case_id).case.sex
    other = "M" if sex == "F" else "F"
    owner = account_of(workstation.store, "用短语的人")
    nodule = Phrase(
        letters="jj",
        zh="( )mm( 实性 / 磨玻璃 )结节。",
        en="A ( ) mm ( solid / ground-glass ) nodule.",
    )
    for phrase in (nodule, Phrase(letters="qx", en="Prostate.", sex=other)):
        workstation.service.templates.keep_phrase(phrase, owner=owner.account_id, by=owner.person)
    page = open_page(case_id, reader="用短语的人")
    page.wait_for_function(
        "performance.getEntriesByType('resource')"
        ".some((entry) => entry.name.endsWith('/phrases') && entry.responseEnd > 0)"
    )
    page.locator("[data-part=add-findings]").click()
    area = page.locator("[data-part=findings] .rd-text[data-lang=en]").last
    area.click()
    shown = page.locator(".rd-autotext")
    # Of the other sex: not offered, and Tab is the page's.
    page.keyboard.type("qx")
    expect(shown).to_be_hidden()
    area.fill("")
    page.keyboard.type("jj")
    expect(shown).to_contain_text("A ( ) mm ( solid / ground-glass ) nodule.")
    page.keyboard.press("Escape")
    expect(shown).to_be_hidden()
    page.keyboard.press("Backspace")
    page.keyboard.type("j")
    expect(shown).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.type("8")
    page.keyboard.press("Tab")
    page.keyboard.type("solid")
    expect_text(area, "A 8 mm solid nodule.")
    wait_saved(page)
    assert stored(workstation, case_id).findings[-1].en == "A 8 mm solid nodule."


def admin_page(open_page: Opener, workstation: Workstation, lang: str) -> Page:
    page = open_page(seed.add(workstation.store, {"en": 2309, "zh-CN": 2310}[lang]))
    page.goto(f"{workstation.url}/templates?lang={lang}")
    page.locator("[data-site=test]").wait_for()
    return page


def test_an_administrator_sees_brings_in_and_switches_off_templates(
    open_page: Opener, workstation: Workstation, tmp_path: Path, seen: Seen
) -> None:
    page = admin_page(open_page, workstation, "en")
    site = page.locator("[data-site=test]")
    expect(site.locator("tbody tr[data-template]")).to_have_count(len(ready_templates()))
    head = site.locator("tr[data-template=head_ct]")
    head.get_by_role("button", name="Preview Head CT").click()
    dialog = page.locator("[data-part=preview]")
    expect(dialog).to_contain_text("未见颅内出血及颅内占位。")
    expect(dialog).to_contain_text("No intracranial hemorrhage or intracranial mass.")
    dialog.get_by_role("button", name="Close").click()
    with page.expect_download() as got:
        head.get_by_role("link", name="Export Head CT as YAML").click()
    ready = next(template for template in ready_templates() if template.id == "head_ct")
    assert Path(got.value.path()).read_text(encoding="utf-8") == template_to_yaml(ready)
    file = tmp_path / "own wrist.yaml"
    file.write_text(
        "id: own_wrist\nname: {en: Wrist}\nmodalities: [CR]\nbody_parts: [WRIST]\n"
        "lines: [{path: findings/bones, name: {en: Bones}, en: No fracture.}]\n"
    )
    site.locator("input[type=file]").set_input_files(file)
    site.get_by_role("button", name="Import").click()
    expect(site.locator("[data-part=said]")).to_contain_text("Imported Wrist: 1 line(s)")
    own = site.locator("tr[data-template=own_wrist]")
    box = own.get_by_role("checkbox")
    expect(box).to_be_checked()
    box.uncheck()
    expect(page.locator("[data-site=test] tr[data-template=own_wrist] input")).not_to_be_checked()
    page.reload()
    expect(site.locator("tr[data-template=own_wrist] input")).not_to_be_checked()
    seen.refusals_expected = True
    file.write_text("<p>nothing</p>")
    site.locator("input[type=file]").set_input_files(file)
    site.get_by_role("button", name="Import").click()
    expect(site.locator("[data-part=said]")).to_contain_text("is no MRRT template")


@pytest.mark.stress
def test_the_administrators_page_is_in_chinese_too(
    open_page: Opener, workstation: Workstation
) -> None:
    page = admin_page(open_page, workstation, "zh-CN")
    expect(page.locator("h1")).to_have_text("报告模板与短语")
    expect(page.locator("[data-site=test] tr[data-template=chest_ct]")).to_contain_text("胸部CT")
    assert page.title() == "报告模板与短语"
