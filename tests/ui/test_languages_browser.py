"""The languages of a report in the browser: one is written, the other follows, both must agree."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from radraft.reports.people import Person, PersonKind
from radraft.reports.site_languages import BOTH_LANGUAGES, LanguageRule
from radraft.reports.values import Confirmation, Lang, Origin, Sentence
from tests.scale import rows
from tests.ui import seed
from tests.ui.conftest import Opener, Seen, Workstation
from tests.ui.page import area, expect_text, stored, wait_saved

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SITE = "test"
WRITTEN, FOLLOWED = "右侧胸腔积液。", "Right pleural effusion."
UNKNOWN = "肺尖见一磨牙状影。"


@pytest.fixture
def one_language(workstation: Workstation) -> Iterator[None]:
    """The site reports in Chinese; afterwards in both again."""
    choose(workstation, LanguageRule(("zh",)))
    yield
    choose(workstation, BOTH_LANGUAGES)


def choose(workstation: Workstation, rule: LanguageRule) -> None:
    languages = workstation.service.languages
    (held,) = languages.rules(frozenset({SITE}))
    administrator = Person(PersonKind.ACCOUNT, "管理员", "a-languages")
    languages.set_rule(SITE, rule, base_number=held.number, by=administrator)


def first(workstation: Workstation, case_id: str) -> Sentence:
    return stored(workstation, case_id).findings[0]


def origins(sentence: Sentence) -> dict[Lang, Origin]:
    return {wording.lang: wording.origin for wording in sentence.wordings}


def mark(page: Page, kind: str, key: str = "f1") -> Locator:
    return page.locator(f".rd-sentence[data-id={key}] .rd-side-mark[data-kind={kind}]")


def press(page: Page, part: str, key: str = "f1", side: str = "") -> None:
    chosen = f"[data-side={side}]" if side else ""
    page.locator(f".rd-sentence[data-id={key}] [data-part={part}]{chosen}").click()


def since_the_last_key(page: Page) -> float:
    """Milliseconds of the page's own clock from the last key to what followed."""
    return float(
        page.evaluate(
            "() => performance.getEntriesByName('radraft.follow.taken').at(-1).startTime"
            " - window.lastInput"
        )
    )


def marked(page: Page, name: str, times: int) -> None:
    """Until the page noted `name` so often."""
    entries = f"performance.getEntriesByName('radraft.follow.{name}')"
    page.wait_for_function(f"() => {entries}.length >= {times}")


def test_what_is_written_in_one_language_follows_in_the_other_and_is_the_machines(
    open_page: Opener, workstation: Workstation, capsys: pytest.CaptureFixture[str]
) -> None:
    case_id = seed.add(workstation.store, 2200)
    page = open_page(case_id, lang="zh-CN")
    page.evaluate(
        "addEventListener('input', () => { window.lastInput = performance.now(); }, true)"
    )
    area(page, "findings", 0, "zh").fill(WRITTEN)
    expect_text(area(page, "findings", 0, "en"), FOLLOWED)
    with capsys.disabled():
        print(f"\nfollowed {since_the_last_key(page):.0f} ms after the last key")
    expect(mark(page, "machine")).to_contain_text("机译，未确认")
    wait_saved(page)
    assert origins(first(workstation, case_id)) == {
        "zh": Origin.PERSON,
        "en": Origin.TRANSLATION,
    }
    page.reload()
    expect(mark(page, "machine")).to_be_visible()


def test_one_key_confirms_what_followed_and_takes_that_back(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2201)
    page = open_page(case_id, lang="zh-CN")
    area(page, "findings", 0, "zh").fill(WRITTEN)
    expect(mark(page, "machine")).to_be_visible()
    area(page, "findings", 0, "zh").press("Alt+Enter")
    expect(mark(page, "confirmed")).to_contain_text("已确认")
    wait_saved(page)
    given = first(workstation, case_id).wordings[1].confirmed
    assert isinstance(given, Confirmation)
    assert given.by.name == "林清"
    area(page, "findings", 0, "zh").press("Alt+Enter")
    expect(mark(page, "machine")).to_be_visible()
    wait_saved(page)
    assert first(workstation, case_id).wordings[1].confirmed is None


def test_what_a_person_wrote_or_confirmed_is_never_overwritten(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2202)
    page = open_page(case_id, lang="zh-CN")
    own = "Right-sided pleural effusion, small."
    area(page, "findings", 0, "en").fill(own)
    area(page, "findings", 0, "zh").fill("未见气胸。")
    expect(mark(page, "differs")).to_contain_text("未随另一侧修改")
    expect_text(area(page, "findings", 0, "en"), own)
    area(page, "findings", 1, "zh").fill(WRITTEN)
    expect(mark(page, "machine", "f2")).to_be_visible()
    press(page, "confirm-side", "f2")
    area(page, "findings", 1, "zh").fill("左侧胸腔积液。")
    expect(mark(page, "differs", "f2")).to_be_visible()
    expect_text(area(page, "findings", 1, "en"), FOLLOWED)
    wait_saved(page)
    # It says the other side: nobody signs that.
    expect(page.locator(".rd-sentence[data-id=f2] [data-code=side_mismatch]")).to_be_visible()


def test_what_is_not_understood_is_marked_and_no_stale_words_stay(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2203)
    page = open_page(case_id, lang="zh-CN")
    area(page, "findings", 0, "zh").fill(UNKNOWN)
    expect(mark(page, "missing")).to_contain_text("尚未翻译")
    expect_text(area(page, "findings", 0, "en"), "")
    wait_saved(page)
    assert first(workstation, case_id).en == ""
    # Typed back to what it was, it is what it was in both languages.
    area(page, "findings", 0, "zh").fill(seed.FINDINGS[0][0])
    expect_text(area(page, "findings", 0, "en"), seed.FINDINGS[0][1])
    wait_saved(page)
    assert origins(first(workstation, case_id)) == {"zh": Origin.MODEL, "en": Origin.MODEL}


@pytest.mark.stress
def test_a_service_that_does_not_answer_is_waited_for_3_seconds_and_no_save_waits(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2204)
    page = open_page(case_id, lang="zh-CN")
    held: list[Route] = []
    page.route("**/follow", lambda route: held.append(route))
    page.clock.install()
    area(page, "findings", 0, "zh").fill(WRITTEN)
    page.clock.run_for(700)
    expect(mark(page, "waiting")).to_be_visible()
    page.clock.run_for(2300)
    expect(mark(page, "missing")).to_be_visible()
    wait_saved(page)
    assert first(workstation, case_id).zh == WRITTEN
    assert held
    # The answer that comes late is taken while the words are still those.
    held[0].continue_()
    expect_text(area(page, "findings", 0, "en"), FOLLOWED)


@pytest.mark.stress
def test_an_answer_to_older_words_is_thrown_away(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2205)
    page = open_page(case_id, lang="zh-CN")
    held: list[Route] = []
    page.route("**/follow", lambda route: held.append(route))
    area(page, "findings", 0, "zh").fill("未见气胸。")
    expect(mark(page, "waiting")).to_be_visible()
    area(page, "findings", 0, "zh").fill(WRITTEN)
    # The page has asked before the route is told of it; the test's own time limit ends a vain wait.
    while len(held) < 2:
        page.wait_for_timeout(20)
    held[1].continue_()
    expect_text(area(page, "findings", 0, "en"), FOLLOWED)
    held[0].continue_()
    marked(page, "taken", 2)
    expect_text(area(page, "findings", 0, "en"), FOLLOWED)


@pytest.mark.stress
def test_a_service_that_is_away_leaves_a_mark_and_is_asked_again(
    open_page: Opener, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    case_id = seed.add(workstation.store, 2206)
    page = open_page(case_id, lang="zh-CN")
    page.route("**/follow", lambda route: route.abort())
    area(page, "findings", 0, "zh").fill(WRITTEN)
    expect(mark(page, "missing")).to_be_visible()
    page.unroute("**/follow")
    area(page, "findings", 1, "zh").fill("未见气胸。")
    expect_text(area(page, "findings", 0, "en"), FOLLOWED)
    expect_text(area(page, "findings", 1, "en"), "No pneumothorax.")


@rows("2207-zh")
@pytest.mark.parametrize(("number", "edited"), [(2207, "zh"), (2208, "en")])
def test_a_contradiction_blocks_the_signature_both_ways_until_one_side_is_dropped(
    open_page: Opener, workstation: Workstation, number: int, edited: str
) -> None:
    case_id = seed.add(workstation.store, number)
    # Whoever writes the other language changes this one by hand: nothing follows.
    page = open_page(case_id, lang="en" if edited == "zh" else "zh-CN")
    words = {
        "zh": "左下肺野见斑片状密度增高影。",
        "en": "Patchy opacity is seen in the left lower lung.",
    }
    area(page, "findings", 1, edited).fill(words[edited])
    issue = page.locator(".rd-sentence[data-id=f2] [data-code=side_mismatch]")
    expect(issue).to_have_attribute("data-severity", "block")
    expect(issue).to_contain_text("different sides" if edited == "zh" else "左右侧别不一致")
    page.locator("[data-part=sign]").click()
    expect(page.locator("[data-part=undo]")).to_contain_text(
        "different sides" if edited == "zh" else "左右侧别不一致"
    )
    assert workstation.service.case_view(case_id).versions == ()
    left = "en" if edited == "zh" else "zh"
    press(page, "drop-side", "f2", left)
    expect(issue).to_have_count(0)
    wait_saved(page)
    sentence = stored(workstation, case_id).findings[1]
    assert [wording.lang for wording in sentence.wordings] == [edited]


def test_a_site_of_one_language_shows_one_column_and_signs_it(
    open_page: Opener, workstation: Workstation, one_language: None
) -> None:
    case_id = seed.add(workstation.store, 2209)
    page = open_page(case_id, lang="zh-CN")
    expect(area(page, "findings", 0, "zh")).to_be_visible()
    expect(area(page, "findings", 0, "en")).to_be_hidden()
    expect(page.locator("[data-part=written-language]")).to_have_count(0)
    area(page, "findings", 0, "zh").fill(UNKNOWN)
    wait_saved(page)
    expect(page.locator(".rd-side-mark")).to_have_count(0)
    page.locator("[data-part=sign]").click()
    page.locator("[data-part=confirm]").click()
    expect(page.locator("[data-part=signature]")).to_be_visible()
    (signed,) = workstation.service.case_view(case_id).versions
    assert [language.lang for language in signed.confirmed] == ["zh"]
    assert not any(sentence.en for sentence in signed.report.sentences)


@pytest.mark.stress
def test_the_language_that_a_person_writes_is_kept(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2210)
    page = open_page(case_id, lang="zh-CN", reader="双语者")
    page.locator("[data-part=written-language]").select_option("en")
    area(page, "findings", 0, "en").fill(FOLLOWED)
    expect_text(area(page, "findings", 0, "zh"), WRITTEN)
    page.reload()
    expect(page.locator("[data-part=written-language]")).to_have_value("en")


@pytest.mark.stress
def test_what_followed_is_asked_of_its_own_case_alone(
    open_page: Opener, workstation: Workstation
) -> None:
    """A study is left before the answer came: nothing of it is put into the next."""
    left, opened = (seed.add(workstation.store, number) for number in (2211, 2212))
    page = open_page(left, lang="zh-CN")
    held: list[Route] = []
    page.route("**/follow", lambda route: held.append(route))
    area(page, "findings", 0, "zh").fill(WRITTEN)
    expect(mark(page, "waiting")).to_be_visible()
    page.evaluate(f"location.hash = {json.dumps(opened)}")
    expect_text(area(page, "findings", 0, "zh"), seed.FINDINGS[0][0])
    held[0].continue_()
    page.wait_for_load_state("networkidle")
    expect_text(area(page, "findings", 0, "en"), seed.FINDINGS[0][1])
