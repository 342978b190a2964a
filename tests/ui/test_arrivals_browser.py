"""The technologist's page in Debian's Chromium, while films come over the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from radraft.exchange.dimse import Listener
from radraft.pipeline.image_judge import ImageJudge
from radraft.pipeline.inbox import Inbox
from radraft.reports.roles import Role
from tests.exchange.builders import listening, send
from tests.pipeline import films
from tests.ui.conftest import Seen, Workstation
from tests.ui.people import session_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STUDY = 1600
"""The first of this file's own numbers."""


@contextmanager
def receiving(workstation: Workstation) -> Iterator[Listener]:
    """A receiver beside the workstation, on its store, in a process of its own: this one."""
    inbox = Inbox(workstation.folder, workstation.store)
    scratch = workstation.folder / "scratch"
    judging = ImageJudge(workstation.store, inbox, scratch, lambda: None)
    judging.start()
    try:
        with listening(inbox) as listener:
            yield listener
    finally:
        judging.stop()
        judging.join()
        inbox.close()


@pytest.fixture
def technologist(browser: Browser, workstation: Workstation, seen: Seen) -> Iterator[Page]:
    """A page of a technologist who has just signed in."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-US")
    secret = session_of(workstation.store, "赵技师", (Role.TECHNOLOGIST,), "site-a")
    context.add_cookies([{"name": "radraft-session", "value": secret, "url": workstation.url}])
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("console", seen.note)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.goto(f"{workstation.url}/?lang=en")
    page.wait_for_url("**/arrivals")
    yield page
    context.close()
    assert seen.errors == []


def test_he_sees_what_to_correct_takes_it_again_and_sees_that_it_is_good_now(
    workstation: Workstation, technologist: Page
) -> None:
    page = technologist
    with receiving(workstation) as listener:
        send(listener.port, films.too_bright(1, STUDY), calling="DR1")
        poor = page.locator(".ar-line", has_text=f"MADE-UP-{STUDY}").last
        expect(poor.locator(".ar-chip")).to_have_text("Poor")
        expect(poor).to_contain_text("Raise the exposure (mAs or kV)")
        expect(poor).to_contain_text("CR chest PA")
        expect(poor).to_contain_text("ROOM1 · DR1")
        expect(poor.locator("img")).to_have_js_property("complete", True)
        expect(page.locator("[data-part=count]")).to_contain_text("1 to correct")
        send(listener.port, films.good(2, STUDY), calling="DR1")
        good = page.locator(".ar-line", has_text=f"MADE-UP-{STUDY}").first
        expect(good.locator(".ar-chip")).to_have_text("Good")
        expect(good).to_contain_text("Retake of the image of")
        expect(poor).to_contain_text("Replaced by the retake of")
        expect(poor).to_have_attribute("data-replaced", "true")
        expect(page.locator("[data-part=count]")).not_to_contain_text("to correct")
    good.get_by_role("button", name="Not a retake").click()
    expect(poor).to_have_attribute("data-replaced", "false")
    good.locator("[data-part=link]").select_option(index=1)
    expect(poor).to_have_attribute("data-replaced", "true")
    expect(good.locator(".ar-retake")).to_have_attribute("title", "Linked by 赵技师")
    page.get_by_role("button", name="中文").click()
    expect(poor).to_contain_text("请提高曝光量")
    expect(good).to_contain_text("的重拍")


def test_his_device_is_kept_at_this_browser_and_a_sound_is_his_choice(
    workstation: Workstation, technologist: Page
) -> None:
    page = technologist
    with receiving(workstation) as listener:
        send(listener.port, films.good(1, STUDY + 1, StationName="ROOM8"), calling="DR8")
        send(listener.port, films.good(1, STUDY + 2, StationName="ROOM9"), calling="DR9")
        other = page.locator(".ar-line", has_text="ROOM8")
        mine = page.locator(".ar-line", has_text="ROOM9")
        expect(other.locator(".ar-chip")).to_have_text("Good")
        expect(mine.locator(".ar-chip")).to_have_text("Good")
    page.locator("[data-part=device]").select_option(label="ROOM9 · DR9")
    expect(other).to_have_count(0)
    expect(mine).to_have_count(1)
    sound = page.get_by_role("button", name="Sound")
    expect(sound).to_have_attribute("aria-pressed", "false")
    sound.click()
    page.reload()
    expect(mine).to_have_count(1)
    expect(other).to_have_count(0)
    expect(page.locator("[data-part=device] option:checked")).to_have_text("ROOM9 · DR9")
    expect(sound).to_have_attribute("aria-pressed", "true")


@pytest.mark.stress
def test_while_nobody_judges_the_line_says_so(workstation: Workstation, technologist: Page) -> None:
    inbox = Inbox(workstation.folder, workstation.store)
    with listening(inbox) as listener:
        send(listener.port, films.good(1, STUDY + 3), calling="DR-UNJUDGED")
    inbox.close()
    line = technologist.locator(".ar-line", has_text="DR-UNJUDGED")
    expect(line.locator(".ar-chip")).to_have_text("Not judged yet")
    expect(line.locator(".ar-late")).to_contain_text("judging is slow, or it is stopped")
    with receiving(workstation):
        expect(line.locator(".ar-chip")).to_have_text("Good")
        expect(line.locator(".ar-late")).to_be_empty()
