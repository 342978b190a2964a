"""Who is on a study, in Chromium: two people, two servers on one database, two tabs of one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from radraft.core.settings import Settings
from radraft.reports.roles import Role
from radraft.store.database import Store
from tests import children
from tests.builders import signed_in
from tests.scale import rows
from tests.ui import seed, serve
from tests.ui.conftest import Seen, Workstation
from tests.ui.page import area, expect_text, stored, wait_saved
from tests.ui.people import session_of

pytestmark = [pytest.mark.slow, pytest.mark.browser]

PICTURES = os.environ.get("RADRAFT_PICTURES")
"""A folder in which to keep what the page looked like; unset: nothing is kept."""
FIRST, SECOND = "王主治", "李住院"
Enter = Callable[..., Page]


@pytest.fixture
def enter(browser: Browser, workstation: Workstation, seen: Seen) -> Iterator[Enter]:
    """Opens a study as somebody, each time in a browser of his own."""
    contexts: list[BrowserContext] = []

    def opener(
        case_id: str,
        name: str,
        *,
        role: Role = Role.ATTENDING,
        lang: str = "en",
        store: Store | None = None,
        url: str = "",
        size: tuple[int, int] = (1366, 768),
    ) -> Page:
        width, height = size
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        here = url or workstation.url
        secret = session_of(store or workstation.store, name, (role,))
        context.add_cookies([{"name": "radraft-session", "value": secret, "url": here}])
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("console", seen.note)
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.goto(f"{here}/?lang={lang}" + (f"#{case_id}" if case_id else ""))
        page.locator(".rd-banner strong").wait_for()
        return page

    yield opener
    for context in contexts:
        context.close()
    assert seen.errors == []


def strip(page: Page) -> Locator:
    return page.locator("[data-part=presence]")


def on_it(page: Page, case_id: str) -> Locator:
    """Who is on a study, as its line in the worklist says."""
    return page.locator(f"[data-case={case_id}] [data-part=on]")


def deaf(page: Page, case_id: str) -> None:
    """Have the page hear of no change of its report from now on."""
    page.route(f"**/api/cases/{case_id}", lambda route: route.fulfill(status=304))


def hears(page: Page) -> None:
    page.unroute_all(behavior="ignoreErrors")


def test_a_second_reader_is_told_takes_over_and_gives_back_and_nothing_is_lost(
    enter: Enter, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 1200)
    other = seed.add(workstation.store, 1201)
    first = enter(case_id, FIRST)
    watching = enter(other, "赵医师")
    expect(on_it(watching, case_id)).to_have_text(FIRST)
    expect(strip(watching)).to_be_hidden()
    expect(strip(first)).to_be_hidden()

    second = enter(case_id, SECOND, role=Role.RESIDENT)
    expect(strip(second).locator("[data-kind=on]")).to_contain_text(f"{FIRST} has had this study")
    expect(strip(first).locator("[data-kind=also]")).to_contain_text(SECOND)
    expect(on_it(watching, case_id)).to_have_text(f"{FIRST} +1")
    area(first, "findings", 0, "zh").fill("先到者所写。")
    expect(strip(second).locator("[data-kind=on]")).to_contain_text("has changed the report")

    area(first, "findings", 1, "zh").press_sequentially("未存", delay=0)
    strip(second).locator("[data-part=take-study]").click()
    expect(strip(first).locator("[data-kind=taken]")).to_contain_text(f"{SECOND} took this study")
    expect(area(first, "findings", 0, "zh")).not_to_be_editable()
    expect(first.locator("[data-part=add-findings]")).to_be_hidden()
    wait_saved(first)
    written = stored(workstation, case_id).findings
    assert written[0].zh == "先到者所写。"
    assert written[1].zh == seed.FINDINGS[1][0] + "未存"
    expect(on_it(watching, case_id)).to_have_text(f"{SECOND} +1")
    # The second writes on from what the first wrote, and the first reads it.
    expect_text(area(second, "findings", 0, "zh"), "先到者所写。")
    # Not before all of it is here: what two people wrote at once is asked about.
    expect_text(area(second, "findings", 1, "zh"), seed.FINDINGS[1][0] + "未存")
    area(second, "findings", 2, "zh").fill("接管者所写。")
    expect_text(area(first, "findings", 2, "zh"), "接管者所写。")

    strip(first).locator("[data-part=take-study]").click()
    expect(area(first, "findings", 0, "zh")).to_be_editable()
    expect(strip(second).locator("[data-kind=taken]")).to_contain_text(f"{FIRST} took this study")
    expect(area(second, "findings", 0, "zh")).not_to_be_editable()
    first.locator(f"[data-case={other}]").click()
    expect(area(second, "findings", 0, "zh")).to_be_editable()
    expect(strip(second)).to_be_hidden()
    expect(on_it(watching, case_id)).to_have_text(SECOND)


@pytest.mark.stress
def test_what_a_reader_typed_as_another_changed_the_same_is_offered_after_a_take_over(
    enter: Enter, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    case_id = seed.add(workstation.store, 1202)
    first = enter(case_id, FIRST)
    second = enter(case_id, SECOND)
    strip(second).locator("[data-part=take-study]").wait_for()
    deaf(first, case_id)
    area(second, "findings", 0, "zh").fill("接管者改。")
    wait_saved(second)
    area(first, "findings", 0, "zh").press_sequentially("原稿", delay=0)
    strip(second).locator("[data-part=take-study]").click()
    expect(strip(first).locator("[data-kind=taken]")).to_be_visible()
    panel = first.get_by_role("alertdialog")
    expect(panel).to_contain_text("接管者改。")
    expect(panel).to_contain_text(seed.FINDINGS[0][0] + "原稿")
    hears(first)
    panel.locator("[data-part=reapply]").click()
    wait_saved(first)
    assert stored(workstation, case_id).findings[0].zh == seed.FINDINGS[0][0] + "原稿"


def test_who_signs_while_another_is_on_it_is_told_first(
    enter: Enter, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 1203)
    first = enter(case_id, SECOND, role=Role.RESIDENT)
    area(first, "findings", 0, "zh").fill("双肺纹理略增多，未见明确实变影。")
    wait_saved(first)
    signer = enter(case_id, FIRST)
    signer.locator(".rd-bar [data-part=sign]").click()
    said = signer.locator("dialog [data-part=sign-others]")
    expect(said).to_contain_text(SECOND)
    expect(said).to_contain_text("has changed the report")
    signer.locator("dialog [data-part=confirm]").click()
    expect(first.locator("[data-part=signature]")).to_contain_text(FIRST)
    expect(strip(first).locator("[data-part=take-study]")).to_have_count(0)


def test_who_reads_signed_reports_sees_nobody_and_is_seen_by_nobody(
    enter: Enter, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    case_id = seed.add(workstation.store, 1204)
    signer = signed_in(workstation.store, "丙")
    workstation.service.signing.sign(case_id, base_revision=1, base_step=0, actor=signer)
    clinician = enter(case_id, "临床医师", role=Role.CLINICIAN)
    reader = enter(case_id, FIRST)
    colleague = enter(case_id, SECOND)
    expect(strip(colleague).locator("[data-kind=on]")).to_contain_text(FIRST)
    expect(strip(colleague).locator("[data-part=take-study]")).to_have_count(0)
    expect(strip(reader)).not_to_contain_text("临床医师")
    expect(strip(clinician)).to_be_hidden()
    expect(on_it(clinician, case_id)).to_be_empty()
    answer = clinician.evaluate("async () => (await fetch('/api/presence')).status")
    assert answer == 403


def test_two_tabs_of_one_reader_put_different_sentences_together_and_ask_for_the_same(
    enter: Enter, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    case_id = seed.add(workstation.store, 1205)
    here = enter(case_id, FIRST)
    there = here.context.new_page()
    there.on("pageerror", lambda error: seen.errors.append(str(error)))
    there.goto(here.url)
    expect(strip(here).locator("[data-kind=elsewhere]")).to_be_visible()
    expect(strip(here).locator("[data-part=take-study]")).to_have_count(0)
    deaf(there, case_id)
    area(here, "findings", 0, "zh").fill("此页改中文。")
    area(here, "findings", 1, "zh").fill("此页改第二句。")
    wait_saved(here)
    # Other sentences: what a machine makes of a changed one is the other language of the same.
    area(there, "findings", 2, "zh").fill("彼页改第三句。")
    wait_saved(there)
    expect_text(area(there, "findings", 0, "zh"), "此页改中文。")
    expect(there.get_by_role("alertdialog")).to_be_hidden()
    kept = stored(workstation, case_id).findings
    assert [s.zh for s in kept[:3]] == ["此页改中文。", "此页改第二句。", "彼页改第三句。"]
    expect_text(area(here, "findings", 2, "zh"), "彼页改第三句。")

    area(here, "findings", 3, "zh").fill("此页第四句。")
    wait_saved(here)
    area(there, "findings", 3, "zh").fill("彼页第四句。")
    panel = there.get_by_role("alertdialog")
    expect(panel).to_contain_text("You changed the same words in another page")
    expect(panel).to_contain_text("此页第四句。")
    expect(panel).to_contain_text("彼页第四句。")
    assert stored(workstation, case_id).findings[3].zh == "此页第四句。"
    hears(there)
    panel.locator("[data-part=reapply]").click()
    wait_saved(there)
    assert stored(workstation, case_id).findings[3].zh == "彼页第四句。"


@pytest.mark.stress
def test_a_tab_that_is_closed_in_the_middle_keeps_what_the_other_tab_saved(
    enter: Enter, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 1206)
    here = enter(case_id, FIRST)
    there = here.context.new_page()
    there.goto(here.url)
    area(there, "findings", 0, "zh").wait_for()
    deaf(there, case_id)
    area(here, "findings", 0, "zh").fill("此页所写。")
    wait_saved(here)
    area(there, "findings", 1, "zh").press_sequentially("收尾", delay=0)
    there.goto("about:blank")
    expect_text(area(here, "findings", 1, "zh"), seed.FINDINGS[1][0] + "收尾")
    assert stored(workstation, case_id).findings[0].zh == "此页所写。"


@pytest.mark.stress
def test_an_input_methods_characters_are_waited_for_when_somebody_takes_over(
    enter: Enter, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 1207)
    first = enter(case_id, FIRST)
    second = enter(case_id, SECOND)
    field = area(first, "findings", 0, "zh")
    field.focus()
    keyboard = first.context.new_cdp_session(first)
    composed = {"text": "右肺", "selectionStart": 2, "selectionEnd": 2}
    keyboard.send("Input.imeSetComposition", composed)
    strip(second).locator("[data-part=take-study]").click()
    expect(strip(first).locator("[data-kind=taken]")).to_be_visible()
    expect(field).to_be_editable()
    keyboard.send("Input.insertText", {"text": "右肺"})
    expect(field).not_to_be_editable()
    wait_saved(first)
    assert "右肺" in stored(workstation, case_id).findings[0].zh


@dataclass
class Servers:
    """Two servers on one database."""

    store: Store
    urls: tuple[str, str]
    processes: tuple[children.multiprocessing.process.BaseProcess, ...]


@pytest.fixture
def servers(store: Store, store_settings: Settings) -> Iterator[Servers]:
    """Once on SQLite, once on PostgreSQL."""
    started, ports = [], []
    for _ in range(2):
        ours, theirs = children.context.Pipe(duplex=False)
        process = children.context.Process(
            target=serve.main,
            args=(str(store_settings.data_dir), "0", theirs, store_settings.database_url),
            daemon=True,
        )
        process.start()
        theirs.close()
        with ours:
            ports.append(ours.recv())
        started.append(process)
    yield Servers(store, tuple(f"http://127.0.0.1:{port}" for port in ports), tuple(started))
    for process in started:
        process.kill()
        process.join()


@pytest.fixture
def held(store: Store) -> tuple[str, str]:
    """Two studies."""
    return seed.add(store, 1210), seed.add(store, 1211)


@rows("sqlite")
def test_another_servers_worklist_shows_it_and_a_take_over_reaches_its_pages(
    servers: Servers, held: tuple[str, str], enter: Enter
) -> None:
    case_id, free = held
    here, there = servers.urls
    first = enter(case_id, FIRST, store=servers.store, url=here)
    # Nobody asked for that study: the first that is free is opened.
    second = enter("", SECOND, store=servers.store, url=there)
    expect(on_it(second, case_id)).to_have_text(FIRST)
    expect(second.locator(f"[data-case={free}]")).to_have_attribute("aria-current", "true")
    expect(on_it(first, free)).to_have_text(SECOND)
    second.locator(f"[data-case={case_id}]").click()
    strip(second).locator("[data-part=take-study]").click()
    expect(strip(first).locator("[data-kind=taken]")).to_contain_text(SECOND)
    expect(area(first, "findings", 0, "zh")).not_to_be_editable()
    second.goto("about:blank")
    expect(area(first, "findings", 0, "zh")).to_be_editable()
    expect(on_it(first, case_id)).to_be_empty()


@pytest.mark.stress
@pytest.mark.parametrize("store_settings", ["postgresql"], indirect=True)
def test_a_machine_and_a_server_that_die_leave_nobody_on_a_study(
    servers: Servers, held: tuple[str, str], enter: Enter, seen: Seen
) -> None:
    seen.refusals_expected = True
    case_id, other = held
    here, there = servers.urls
    enter(case_id, FIRST, store=servers.store, url=here)
    unplugged = enter(other, SECOND, store=servers.store, url=there)
    watching = enter(other, "赵医师", store=servers.store, url=there)
    expect(on_it(watching, case_id)).to_have_text(FIRST)
    expect(strip(watching).locator("[data-kind=on]")).to_contain_text(SECOND)
    servers.processes[0].kill()
    unplugged.context.set_offline(True)
    unplugged.context.close()
    lapse_ms = 60_000
    expect(on_it(watching, case_id)).to_be_empty(timeout=lapse_ms)
    expect(strip(watching)).to_be_hidden(timeout=lapse_ms)


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.wait_for_timeout(400)
        size = page.viewport_size
        assert size is not None
        page.screenshot(path=Path(PICTURES) / f"{name}-{size['width']}.png")


@rows("size2-en")
@pytest.mark.parametrize("lang", ["zh-CN", "en"])
@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080), (683, 384)])
def test_it_fits_on_the_page_in_both_languages(
    enter: Enter, workstation: Workstation, lang: str, size: tuple[int, int], seen: Seen
) -> None:
    seen.refusals_expected = True
    number = 1220 + ["zh-CN", "en"].index(lang) + 2 * [1366, 1920, 683].index(size[0])
    case_id = seed.add(workstation.store, number)
    first = enter(case_id, "欧阳建国主任医师", lang=lang, size=size)
    second = enter(case_id, SECOND, lang=lang, size=size)
    area(first, "findings", 0, "zh").fill("双肺纹理略增多，未见明确实变影。")
    expect(strip(second).locator("[data-kind=on]")).to_be_visible()
    picture(second, f"second-{lang}")
    picture(first, f"first-{lang}")
    take = strip(second).locator("[data-part=take-study]")
    inside(second, take)
    take.click()
    inside(first, strip(first).locator("[data-part=take-study]"))
    picture(first, f"taken-{lang}")
    # Nobody signs what he has not seen.
    expect_text(area(second, "findings", 0, "zh"), "双肺纹理略增多，未见明确实变影。")
    second.locator(".rd-bar [data-part=sign]").click()
    second.locator("dialog [data-part=sign-others]").wait_for()
    picture(second, f"signing-{lang}")


def inside(page: Page, element: Locator) -> None:
    """An element lies whole within the report's pane."""
    element.wait_for()
    pane, box = page.locator(".rd-report").bounding_box(), element.bounding_box()
    assert pane is not None and box is not None
    assert pane["x"] <= box["x"]
    assert box["x"] + box["width"] <= pane["x"] + pane["width"] + 0.5
