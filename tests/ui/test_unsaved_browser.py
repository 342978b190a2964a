"""What is typed is never lost: no network, killed browsers and servers, others at the machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Dialog,
    Locator,
    Page,
    Response,
    Route,
    expect,
)

from tests.builders import signed_in
from tests.scale import rows, scaled
from tests.ui import seed
from tests.ui.conftest import CHROMIUM, CHROMIUM_ARGS, Opener, Seen, Workstation, let_in
from tests.ui.page import area, expect_text, stored, wait_saved, wait_stored, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

READER = "林清"
OFFLINE_MS = 60_000
CUT_OFF = """
  const send = window.fetch;
  window.fetch = (path, options) =>
    options?.method === "PUT" && String(path).endsWith("/report") && sessionStorage.getItem("cut")
      ? Promise.reject(new TypeError("cut off"))
      : send(path, options);
"""


def row(page: Page, case_id: str) -> Locator:
    return page.locator(f".rd-row[data-case={case_id}]")


def go_to(page: Page, case_id: str) -> None:
    row(page, case_id).click()
    expect(row(page, case_id)).to_have_attribute("aria-current", "true")
    expect(page.locator(".rd-banner strong")).to_be_visible()


def unsaved(page: Page, case_id: str) -> None:
    """Until the line of a study says that its text waits."""
    expect(row(page, case_id).locator("[data-part=unsaved]")).to_have_attribute(
        "data-problem", "waiting"
    )


def is_save(answer: Response) -> bool:
    """Whether an answer is that to a save."""
    return answer.request.method == "PUT" and answer.url.endswith("/report")


def last_save_alone(route: Route) -> None:
    """The service is away for all but what a page sends as it goes."""
    if "under_way" in (route.request.post_data or ""):
        route.continue_()
    else:
        route.abort()


def kept_on_disk(page: Page) -> None:
    """Until all that was typed lies on the disk of the browser."""
    wait_until(page, "return !(await import('/ui/unsaved.js')).notKept();")


@pytest.fixture
def profile(tmp_path: Path, browser: Browser, workstation: Workstation) -> Iterator[Profile]:
    made = Profile(tmp_path / "profile", browser, workstation)
    yield made
    made.kill()


class Profile:
    """A browser whose profile outlives it."""

    def __init__(self, folder: Path, browser: Browser, workstation: Workstation) -> None:
        self.folder = folder
        self.chromium = browser.browser_type
        self.workstation = workstation
        self.context: BrowserContext | None = None

    def open(self, case_id: str, name: str = READER) -> Page:
        self.context = self.chromium.launch_persistent_context(
            self.folder,
            executable_path=CHROMIUM,
            args=CHROMIUM_ARGS,
            viewport={"width": 1366, "height": 768},
        )
        let_in(self.context, self.workstation, self.workstation.url, name)
        page = self.context.new_page()
        page.goto(f"{self.workstation.url}/?lang=en#{case_id}")
        page.locator(".rd-banner strong").wait_for()
        return page

    def kill(self) -> None:
        """kill -9 of the browser and all its processes."""
        for process in psutil.process_iter(["cmdline"]):
            if f"--user-data-dir={self.folder}" in (process.info["cmdline"] or []):
                process.kill()
                process.wait(30)


def test_typing_in_three_studies_while_the_network_is_away_for_a_minute_loses_nothing(
    open_page: Opener, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    studies = [seed.add(workstation.store, 2150 + n) for n in range(3)]
    page = open_page(studies[0], reader=READER)
    for case_id in studies[1:]:
        go_to(page, case_id)
    page.context.set_offline(True)
    page.clock.install()
    for number, case_id in enumerate(reversed(studies)):
        if number:
            go_to(page, case_id)
        area(page, "findings", 0, "zh").fill(f"断网时所写第{number}例。")
        expect(page.locator(".rd-save")).to_have_attribute("data-state", "failed")
    page.clock.run_for(OFFLINE_MS)
    for case_id in studies[1:]:
        unsaved(page, case_id)
    expect(page.locator("[data-part=kept]")).to_contain_text("text not saved yet: 2")
    page.clock.resume()
    page.context.set_offline(False)
    for number, case_id in enumerate(reversed(studies)):
        wait_stored(page, workstation, case_id, f"断网时所写第{number}例。")
    expect(page.locator("[data-part=kept]")).to_be_hidden()
    wait_saved(page)


@pytest.mark.always
def test_a_killed_server_gets_everything_once_it_is_back_whatever_study_is_open(
    open_page: Opener, own_workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    here = own_workstation
    one, two, three = (seed.add(here.store, 2153 + n) for n in range(3))
    page = open_page(one, reader=READER, at=here)
    for case_id in (two, three):
        go_to(page, case_id)
    here.kill()
    for case_id in (two, one):
        area(page, "findings", 0, "zh").fill("服务器停机时所写。")
        go_to(page, case_id)
    area(page, "findings", 0, "zh").fill("服务器停机时所写。")
    unsaved(page, three)
    unsaved(page, two)
    here.start()
    for case_id in (one, two, three):
        wait_stored(page, here, case_id, "服务器停机时所写。")
    expect(page.locator("[data-part=kept]")).to_be_hidden()


def test_a_killed_browser_sends_what_it_kept_when_it_is_started_again(
    profile: Profile, workstation: Workstation
) -> None:
    one, two = (seed.add(workstation.store, 2156 + n) for n in range(2))
    page = profile.open(one)
    go_to(page, two)
    assert profile.context is not None
    profile.context.set_offline(True)
    area(page, "findings", 0, "zh").fill("浏览器被杀前所写。")
    go_to(page, one)
    area(page, "impression", 0, "zh").fill("最后一字。")
    kept_on_disk(page)
    profile.kill()
    assert stored(workstation, two).findings[0].zh == seed.FINDINGS[0][0]

    # The study that is opened shows its own again; the other is sent without being opened.
    page = profile.open(one)
    expect_text(area(page, "impression", 0, "zh"), "最后一字。")
    wait_saved(page)
    assert stored(workstation, one).impression[0].zh == "最后一字。"
    wait_stored(page, workstation, two, "浏览器被杀前所写。")
    # Saved, it is no longer in the browser.
    wait_until(page, "return (await import('/ui/unsaved.js')).keptNumber() === 0;")


@pytest.mark.stress
@pytest.mark.scaled
def test_typing_in_three_studies_without_a_network_outlives_kills_of_browser_and_server(
    tmp_path: Path, browser: Browser, own_workstation: Workstation
) -> None:
    """Round and round, with `make stress` for a minute; then kill -9 of both."""
    here = own_workstation
    studies = [seed.add(here.store, 2166 + n) for n in range(3)]
    profile = Profile(tmp_path / "profile", browser, here)
    try:
        page = profile.open(studies[0])
        for case_id in studies[1:]:
            go_to(page, case_id)
        assert profile.context is not None
        profile.context.set_offline(True)
        until = time.monotonic() + scaled(0, full=OFFLINE_MS // 1000)
        typed = dict.fromkeys(studies, "")
        rounds = 0
        while rounds < 2 or time.monotonic() < until:
            for case_id in studies:
                go_to(page, case_id)
                field = area(page, "findings", 0, "zh")
                field.focus()
                page.keyboard.press("Control+End")
                page.keyboard.type(f"续{rounds}")
                typed[case_id] += f"续{rounds}"
            rounds += 1
        kept_on_disk(page)
        profile.kill()
        here.kill()
        here.start()
        for case_id in studies:
            assert stored(here, case_id).findings[0].zh == seed.FINDINGS[0][0]
        page = profile.open(studies[0])
        for case_id in studies:
            wait_stored(page, here, case_id, seed.FINDINGS[0][0] + typed[case_id])
        print(f"{rounds} rounds, {sum(map(len, typed.values()))} characters, none lost")
    finally:
        profile.kill()


def test_another_person_at_the_same_browser_neither_sees_nor_sends_it(
    browser: Browser, workstation: Workstation
) -> None:
    case_id, other = (seed.add(workstation.store, 2158 + n) for n in range(2))
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-US")
    try:
        page = context.new_page()
        page.set_default_timeout(30_000)
        let_in(context, workstation, workstation.url, READER)
        page.goto(f"{workstation.url}/?lang=en#{case_id}")
        area(page, "findings", 0, "zh").wait_for()
        context.set_offline(True)
        area(page, "findings", 0, "zh").fill("只属于林清。")
        expect(page.locator(".rd-save")).to_have_attribute("data-state", "failed")
        kept_on_disk(page)
        page.close()
        context.set_offline(False)

        let_in(context, workstation, workstation.url, "同事")
        page = context.new_page()
        page.goto(f"{workstation.url}/?lang=en#{case_id}")
        expect_text(area(page, "findings", 0, "zh"), seed.FINDINGS[0][0])
        go_to(page, other)
        expect(page.locator("[data-part=kept]")).to_be_hidden()
        assert stored(workstation, case_id).findings[0].zh == seed.FINDINGS[0][0]
        page.close()

        let_in(context, workstation, workstation.url, READER)
        page = context.new_page()
        page.goto(f"{workstation.url}/?lang=en#{other}")
        area(page, "findings", 0, "zh").wait_for()
        wait_stored(page, workstation, case_id, "只属于林清。")
    finally:
        context.close()


@rows("closed")
@pytest.mark.parametrize("way", ["closed", "saves again"])
def test_a_page_of_who_was_signed_in_before_sends_nothing_under_the_name_of_who_is_now(
    browser: Browser, workstation: Workstation, way: str
) -> None:
    """A writes while the service is away; B signs in in a second tab of the same browser."""
    case_id = seed.add(workstation.store, 2170 + ["closed", "saves again"].index(way))
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-US")
    try:
        let_in(context, workstation, workstation.url, READER)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.goto(f"{workstation.url}/?lang=en#{case_id}")
        area(page, "findings", 0, "zh").wait_for()
        page.route("**/api/**", last_save_alone)
        area(page, "findings", 0, "zh").fill("林清在服务中断时所写。")
        expect(page.locator(".rd-save")).to_have_attribute("data-state", "failed")
        kept_on_disk(page)

        let_in(context, workstation, workstation.url, "同事")
        second = context.new_page()
        second.set_default_timeout(30_000)
        second.goto(f"{workstation.url}/?lang=en#{case_id}")
        expect_text(area(second, "findings", 0, "zh"), seed.FINDINGS[0][0])

        if way == "closed":
            with page.expect_response(is_save) as sent:
                page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
            assert sent.value.status == 401
        else:
            page.unroute_all(behavior="ignoreErrors")
            lock = page.locator(".rd-lock")
            expect(lock).to_contain_text("Somebody else has signed in")
            expect(lock).to_contain_text(READER)
        working = workstation.service.case_view(case_id).working
        assert working is not None
        assert working.report.findings[0].zh == seed.FINDINGS[0][0]
        assert working.writers == ()
        if not page.is_closed():
            page.close()
        second.close()

        # Once its person is in again, it is sent as his.
        let_in(context, workstation, workstation.url, READER)
        page = context.new_page()
        page.goto(f"{workstation.url}/?lang=en#{case_id}")
        expect_text(area(page, "findings", 0, "zh"), "林清在服务中断时所写。")
        wait_saved(page)
        working = workstation.service.case_view(case_id).working
        assert working is not None
        assert [writer.name for writer in working.writers] == [READER]
    finally:
        context.close()


def test_a_colleagues_words_are_not_overwritten_and_the_study_says_so(
    open_page: Opener, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    case_id, other = (seed.add(workstation.store, 2160 + n) for n in range(2))
    page = open_page(case_id, reader=READER)
    page.route("**/report", lambda route: route.abort())
    area(page, "findings", 0, "zh").fill("我断网时改。")
    expect(page.locator(".rd-save")).to_have_attribute("data-state", "failed")
    go_to(page, other)
    unsaved(page, case_id)
    working = workstation.service.case_view(case_id).working
    assert working is not None
    theirs = seed.reworded(working.report, "f1", "同事先保存。")
    colleague = signed_in(workstation.store, "同事")
    workstation.service.save(case_id, theirs, base_revision=working.revision, actor=colleague)
    page.unroute_all(behavior="ignoreErrors")
    mark = row(page, case_id).locator("[data-part=unsaved]")
    expect(mark).to_have_attribute("data-problem", "conflict")
    expect(mark).to_contain_text("a colleague changed the report meanwhile")
    assert stored(workstation, case_id).findings[0].zh == "同事先保存。"
    go_to(page, case_id)
    panel = page.get_by_role("alertdialog")
    expect(panel).to_contain_text("同事先保存。")
    panel.locator("[data-part=reapply]").click()
    wait_saved(page)
    assert stored(workstation, case_id).findings[0].zh == "我断网时改。"


@pytest.mark.stress
def test_two_browsers_of_one_person_put_together_what_one_kept_while_it_was_away(
    open_page: Opener, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    case_id, other = (seed.add(workstation.store, 2162 + n) for n in range(2))
    away, here = open_page(case_id, reader=READER), open_page(case_id, reader=READER)
    away.route("**/report", lambda route: route.abort())
    area(away, "findings", 0, "zh").fill("离线处所写。")
    expect(away.locator(".rd-save")).to_have_attribute("data-state", "failed")
    go_to(away, other)
    area(here, "findings", 1, "zh").fill("此处所写。")
    wait_saved(here)
    away.unroute_all(behavior="ignoreErrors")
    wait_stored(away, workstation, case_id, "离线处所写。")
    kept = stored(workstation, case_id).findings
    assert [s.zh for s in kept[:2]] == ["离线处所写。", "此处所写。"]


def test_closing_warns_and_signing_out_asks_what_shall_become_of_it(
    open_page: Opener, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    case_id = seed.add(workstation.store, 2164)
    page = open_page(case_id, reader="告别者")
    warned: list[str] = []

    def leave(dialog: Dialog) -> None:
        warned.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    # Also what the page sends while it goes does not arrive: Playwright's routes let that pass.
    page.add_init_script(CUT_OFF)
    page.reload()
    area(page, "findings", 1, "zh").wait_for()
    area(page, "findings", 1, "zh").fill("已存。")
    # A page that has not begun to save yet says "saved" too.
    wait_stored(page, workstation, case_id, "已存。", finding=1)
    wait_saved(page)
    page.reload()
    area(page, "findings", 1, "zh").wait_for()
    assert warned == []
    page.evaluate("sessionStorage.setItem('cut', 'yes')")
    area(page, "findings", 0, "zh").fill("未存。")
    expect(page.locator(".rd-save")).to_have_attribute("data-state", "failed")
    page.locator("[data-part=sign-out]").click()
    asked = page.locator("dialog [data-kept=stay]")
    expect(page.locator("[data-part=dialog]")).to_contain_text("could not be saved")
    asked.click()
    expect(area(page, "findings", 0, "zh")).to_be_visible()
    page.reload()
    expect_text(area(page, "findings", 0, "zh"), "未存。")
    assert warned == ["beforeunload"]
    expect(page.locator(".rd-save")).to_have_attribute("data-state", "failed")
    page.locator("[data-part=sign-out]").click()
    page.locator("dialog [data-kept=discard]").click()
    page.wait_for_url("**/sign-in*")
    let_in(page.context, workstation, workstation.url, "告别者")
    page.evaluate("sessionStorage.removeItem('cut')")
    page.goto(f"{workstation.url}/?lang=en#{case_id}")
    expect_text(area(page, "findings", 0, "zh"), seed.FINDINGS[0][0])
