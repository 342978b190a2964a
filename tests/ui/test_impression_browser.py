"""The impression follows edited findings: marked as out of date, written anew, offered as lines
to take or leave."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from radraft.reports.rejection import RejectReason
from radraft.reports.values import Origin
from radraft.store import rejections
from tests.builders import signed_in
from tests.ui import seed
from tests.ui.conftest import Opener, Seen, Workstation
from tests.ui.page import area, expect_text, stored, wait_saved

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LEFT = ("左下肺野见斑片状密度增高影。", "Patchy opacity is seen in the left lower lung field.")
PNEUMOTHORAX = ("左侧气胸，压缩约30%。", "Left pneumothorax, about 30%.")


def write(page: Page, place: int, pair: tuple[str, str], section: str = "findings") -> None:
    for lang, text in zip(("zh", "en"), pair, strict=True):
        area(page, section, place, lang).fill(text)
    wait_saved(page)


def state(page: Page) -> Locator:
    return page.locator("[data-part=impression-state]")


def offer(page: Page) -> Locator:
    return page.locator("[data-part=impression-offer]")


def steps(page: Page) -> list[str | None]:
    rows = offer(page).locator(".rd-proposal").all()
    return [row.get_attribute("data-step") for row in rows]


def impression(page: Page) -> list[str]:
    areas = page.locator("[data-part=impression] .rd-text[data-lang=en]").all()
    return [each.text_content() or "" for each in areas]


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page where somebody wants to look at it."""
    folder = os.environ.get("RADRAFT_TEST_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_one_key_offers_the_impression_anew_and_again_takes_it(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2400)
    page = open_page(case_id)
    expect(page.locator("[data-part=impression-write]")).to_have_text("Rewrite impression")
    expect(state(page)).to_be_hidden()
    write(page, 1, LEFT)
    write(page, 0, PNEUMOTHORAX)
    expect(state(page)).to_contain_text("The impression does not match the findings")
    expect(state(page)).to_contain_text("Other side or place: pneumonia")
    expect(state(page)).to_contain_text("Not in it: pneumothorax")
    page.keyboard.press("Alt+i")
    expect(offer(page).locator(".rd-proposal")).to_have_count(2)
    assert steps(page) == ["replace", "add"]
    expect(offer(page).locator("del").last).to_contain_text("Possible right lower lobe pneumonia")
    picture(page, "offer-en-1366")
    page.keyboard.press("Alt+i")
    expect(offer(page)).to_be_hidden()
    wait_saved(page)
    expect(state(page)).to_be_hidden()
    assert impression(page) == [
        "Left pneumothorax, about 30%.",
        "Opacity in the left lower lung zone.",
        "Tortuous aorta.",
    ]
    origins = [line.origin for line in stored(workstation, case_id).impression]
    assert origins == [Origin.COMPOSED, Origin.COMPOSED, Origin.MODEL]


def test_undo_brings_the_old_impression_back(open_page: Opener, workstation: Workstation) -> None:
    case_id = seed.add(workstation.store, 2401)
    before = stored(workstation, case_id).impression
    page = open_page(case_id)
    write(page, 1, LEFT)
    page.locator("[data-part=impression-write]").click()
    offer(page).locator("[data-part=take-all]").click()
    wait_saved(page)
    assert stored(workstation, case_id).impression != before
    page.locator("[data-part=undo]").get_by_role("button").click()
    wait_saved(page)
    assert stored(workstation, case_id).impression == before


def test_single_lines_are_taken_or_left(open_page: Opener, workstation: Workstation) -> None:
    case_id = seed.add(workstation.store, 2402)
    page = open_page(case_id)
    write(page, 1, LEFT)
    write(page, 0, PNEUMOTHORAX)
    page.locator("[data-part=impression-write]").click()
    offer(page).locator("[data-step=add] [data-part=take]").click()
    offer(page).locator("[data-step=replace] [data-part=drop]").click()
    expect(offer(page)).to_be_hidden()
    wait_saved(page)
    assert stored(workstation, case_id).impression[0].en == PNEUMOTHORAX[1]
    assert len(stored(workstation, case_id).impression) == 3


def test_a_line_that_a_person_wrote_is_never_touched(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2403)
    page = open_page(case_id)
    mine = ("右下肺炎，抗炎后复查。", "Right lower lobe pneumonia, follow up after treatment.")
    write(page, 0, mine, "impression")
    write(page, 1, LEFT)
    page.locator("[data-part=impression-write]").click()
    expect(offer(page)).to_contain_text("They stay as they are")
    offer(page).locator("[data-part=take-all]").click()
    wait_saved(page)
    assert stored(workstation, case_id).impression[0].en == mine[1]


@pytest.mark.stress
def test_findings_that_change_under_an_offer_make_it_out_of_date(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2404)
    page = open_page(case_id)
    write(page, 1, LEFT)
    page.locator("[data-part=impression-write]").click()
    expect(offer(page).locator("[data-part=take-all]")).to_be_visible()
    write(page, 1, PNEUMOTHORAX)
    expect(offer(page)).to_contain_text("these suggestions are out of date")
    expect(offer(page).locator("[data-part=take]").first).to_be_disabled()
    offer(page).locator("[data-part=again]").click()
    expect(offer(page)).to_contain_text(PNEUMOTHORAX[1])


def test_a_colleagues_save_is_shown_before_anything_is_offered(
    open_page: Opener, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    case_id = seed.add(workstation.store, 2405)
    page = open_page(case_id)
    working = workstation.service.case_view(case_id).working
    other = seed.reworded(working.report, "f1", "右侧气胸。")
    workstation.service.save(
        case_id,
        other,
        base_revision=working.revision,
        actor=signed_in(workstation.store, "赵敏"),
    )
    page.locator("[data-part=impression-write]").click()
    expect_text(area(page, "findings", 0, "zh"), "右侧气胸。")
    expect(offer(page)).to_be_hidden()


@pytest.mark.stress
def test_escape_leaves_the_impression_as_it_is(open_page: Opener, workstation: Workstation) -> None:
    case_id = seed.add(workstation.store, 2406)
    page = open_page(case_id, lang="zh-CN")
    write(page, 1, LEFT)
    before = stored(workstation, case_id)
    page.locator("[data-part=impression-write]").click()
    expect(offer(page)).to_contain_text("建议的修改")
    picture(page, "offer-zh-1366")
    page.keyboard.press("Escape")
    expect(offer(page)).to_be_hidden()
    assert stored(workstation, case_id) == before


def test_an_impression_that_matches_says_so(open_page: Opener, workstation: Workstation) -> None:
    case_id = seed.add(workstation.store, 2407, drafted=False)
    made = seed.made_draft(case_id)
    first = made.report.findings[0].reworded(zh="主动脉迂曲。", en="Tortuous aorta.")
    report = replace(made.report, findings=(first,), impression=(replace(first, id="i1"),))
    seed.draft(workstation.store, replace(made, report=report))
    page = open_page(case_id)
    page.locator("[data-part=impression-write]").click()
    expect(offer(page)).to_contain_text("nothing to suggest")
    offer(page).locator("[data-part=leave]").click()
    expect(offer(page)).to_be_hidden()


def origin(workstation: Workstation, case_id: str, key: str) -> list[str]:
    """Who confirmed each language of a sentence."""
    report = stored(workstation, case_id)
    sentence = next(s for s in report.sentences if s.id == key)
    return [wording.confirmed.by.name for wording in sentence.wordings if wording.confirmed]


@pytest.mark.stress
def test_one_key_keeps_a_drafted_sentence_and_goes_on(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2410)
    page = open_page(case_id)
    expect(page.locator("[data-part=ai-note]")).to_contain_text(
        "AI-generated: no doctor stands yet for 6 of these sentences"
    )
    area(page, "findings", 0, "zh").focus()
    page.keyboard.press("Alt+k")
    expect(page.locator("[data-part=ai-note]")).to_contain_text("5 of these")
    page.keyboard.press("Alt+k")
    expect(page.locator("[data-part=ai-note]")).to_contain_text("4 of these")
    wait_saved(page)
    assert origin(workstation, case_id, "f1") == ["林清", "林清"]
    assert origin(workstation, case_id, "f2") == ["林清", "林清"]
    assert origin(workstation, case_id, "f3") == []


@pytest.mark.stress
def test_one_key_takes_a_sentence_out_and_one_says_why(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2411)
    page = open_page(case_id)
    area(page, "findings", 1, "zh").focus()
    page.keyboard.press("Alt+x")
    asked = page.locator("[data-part=reject-reason]")
    expect(asked).to_contain_text("Why was it taken out?")
    picture(page, "reject-en-1366")
    page.keyboard.press("Alt+2")
    expect(asked).to_be_hidden()
    expect(page.locator("[data-part=undo]")).to_contain_text("Wrong side")
    wait_saved(page)
    assert [s.id for s in stored(workstation, case_id).findings] == ["f1", "f3", "f4"]
    with workstation.store.read() as session:
        (kept,) = rejections.of_case(session, case_id)
    assert (kept.sentence_id, kept.reason) == ("f2", RejectReason.WRONG_SIDE)


def test_nobody_is_asked_why_of_his_own_sentence(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2412)
    page = open_page(case_id)
    page.locator("[data-part=add-findings]").click()
    page.keyboard.type("右肺结节。")
    page.keyboard.press("Alt+x")
    expect(page.locator("[data-part=findings] .rd-sentence")).to_have_count(4)
    expect(page.locator("[data-part=reject-reason]")).to_be_hidden()


@pytest.mark.stress
def test_what_the_ai_first_wrote_can_be_seen(open_page: Opener, workstation: Workstation) -> None:
    case_id = seed.add(workstation.store, 2413)
    page = open_page(case_id)
    write(page, 1, LEFT)
    area(page, "findings", 3, "zh").focus()
    page.keyboard.press("Alt+x")
    wait_saved(page)
    first = page.locator("[data-part=first-draft]")
    first.locator("summary").click()
    expect(first.locator("li").nth(1)).to_contain_text("右下肺野见斑片状密度增高影。")
    fates = [row.get_attribute("data-fate") for row in first.locator("li").all()]
    assert fates == ["unchanged", "changed", "unchanged", "deleted", "unchanged", "unchanged"]
    picture(page, "first-draft-en-1366")
