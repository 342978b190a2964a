"""Critical values in Debian's Chromium: the worklist, the report, the open ones, the register."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update

from radraft.store import signatures
from radraft.store.tables import CaseRow
from tests.scale import rows
from tests.ui import alerted, seed
from tests.ui.conftest import Opener, Seen, Workstation, let_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def open_own(browser: Browser, own_workstation: Workstation, seen: Seen) -> Iterator[Page]:
    """A page of an own server, read by 林清, not opened yet."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-US")
    let_in(context, own_workstation, own_workstation.url)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("console", seen.note)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    yield page
    context.close()
    assert seen.errors == []


def fill_notification(page: Page, recipient: str) -> None:
    form = page.locator(".al-form")
    expect(form.locator("[data-part=recipient]")).to_be_focused()
    form.locator("[data-part=recipient]").fill(recipient)
    form.get_by_label("telephone").check()
    form.get_by_role("button", name="Record the notification").click()


def test_signing_an_open_critical_finding_asks_for_the_notification_and_goes_on(
    own_workstation: Workstation, open_page: Opener
) -> None:
    here = own_workstation
    case_id = alerted.add(here.service, 1)
    page = open_page(case_id, reader="林清", at=here)
    strip = page.locator("[data-part=alerts]")
    expect(strip).to_contain_text("Pneumothorax, left")
    expect(strip).to_contain_text("to be notified")
    page.locator("[data-part=sign]").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Notify before you sign")
    expect(dialog).to_contain_text("PLANTED-ID-4711")
    fill_notification(page, "急诊科 周医生")
    expect(dialog).to_contain_text("Sign version 1")
    dialog.get_by_role("button", name="Sign").click()
    expect(page.locator(".rd-signature")).to_contain_text("Signed by 林清")
    expect(strip).to_contain_text("notified, to be read back")
    with here.store.read() as session:
        assert len(signatures.versions(session, case_id)) == 1
    told = alerted.only(here.service, case_id).events[-1]
    assert (told.recipient, told.actor.who.name) == ("急诊科 周医生", "林清")


def test_an_untouched_draft_opens_its_alert_when_it_is_to_be_signed(
    own_workstation: Workstation, open_page: Opener, seen: Seen
) -> None:
    seen.refusals_expected = True
    here = own_workstation
    case_id = alerted.draft(here.service, 1)
    page = open_page(case_id, reader="林清", at=here)
    expect(page.locator("[data-part=alerts]")).to_contain_text("in the draft, not confirmed")
    page.locator("[data-part=sign]").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Sign").click()
    expect(dialog).to_contain_text("Notify before you sign")
    # Who gives up has not signed.
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator(".rd-signature")).to_be_hidden()
    page.locator("[data-part=sign]").click()
    fill_notification(page, "周医生")
    expect(dialog).to_contain_text("Sign version 1")
    dialog.get_by_role("button", name="Sign").click()
    expect(page.locator(".rd-signature")).to_contain_text("Signed by 林清")


def test_the_worklist_shows_drafts_alerts_and_late_studies_first_and_in_words(
    own_workstation: Workstation, open_page: Opener
) -> None:
    here = own_workstation
    late, near, plain = (seed.add(here.store, number) for number in (1, 2, 3))
    drafted = alerted.draft(here.service, 4)
    alert = alerted.add(here.service, 5)
    with here.store.begin() as session:
        for case_id, hours in ((late, 25), (near, 20)):
            came = datetime.now(UTC) - timedelta(hours=hours)
            row = update(CaseRow).where(CaseRow.case_id == case_id)
            session.execute(row.values(received_at=came))
    page = open_page(plain, at=here)
    rows = page.locator(".rd-row")
    expect(rows).to_have_count(5)
    order = [row.get_attribute("data-case") for row in rows.all()]
    assert order == [alert, drafted, late, near, plain]
    expect(rows.nth(0)).to_contain_text("Pneumothorax, left · to be notified · 30 min left")
    expect(rows.nth(1)).to_contain_text("Pneumothorax: in the draft, not confirmed")
    expect(rows.nth(3)).to_contain_text("due soon · limit 24 h, no priority known")
    expect(rows.nth(2)).to_contain_text("over time · limit 24 h, no priority known")
    expect(page.locator(".rd-alarm")).to_have_text("1 critical open")
    button = page.locator(".rd-late")
    expect(button).to_have_text("1 over the limit · 1 near it")
    button.click()
    expect(rows).to_have_count(2)
    button.click()
    page.get_by_role("button", name="中文").click()
    expect(rows.nth(1)).to_contain_text("气胸：草稿所述，未确认")
    expect(rows.nth(2)).to_contain_text("已超时 · 时限 24 小时，优先级未知")
    expect(button).to_have_text("超时 1 · 临近时限 1")


def test_the_open_alerts_are_brought_to_their_end_on_their_page(
    own_workstation: Workstation, open_own: Page
) -> None:
    here, page = own_workstation, open_own
    case_id = alerted.add(here.service, 1)
    page.goto(f"{here.url}/alerts?lang=en")
    item = page.locator(".al-item")
    expect(item).to_have_count(1)
    expect(page).to_have_title("(1) Critical values")
    item.get_by_role("button", name="Notify…").click()
    fill_notification(page, "ICU, Dr. Zhou")
    expect(item).to_contain_text("ICU, Dr. Zhou, telephone; by 林清")
    item.get_by_role("button", name="Read back…").click()
    page.locator(".al-form [data-part=text]").fill("Left, 40%.")
    page.keyboard.press("Escape")
    expect(page.locator(".al-form")).to_have_count(0)
    item.get_by_role("button", name="Read back…").click()
    page.locator(".al-form [data-part=text]").fill("Left, 40%.")
    page.get_by_role("button", name="Record the read-back").click()
    page.get_by_role("button", name="中文").click()
    item.get_by_role("button", name="临床确认…").click()
    page.get_by_role("button", name="登记临床确认").click()
    expect(page.locator("[data-part=empty]")).to_be_visible()
    expect(page.locator("[data-part=empty]")).to_have_text("没有未闭环的危急值。")
    moves = [event.move.value for event in alerted.only(here.service, case_id).events]
    assert moves == ["find", "notify", "read_back", "acknowledge"]


def test_a_form_keeps_what_is_typed_and_says_that_somebody_was_faster(
    own_workstation: Workstation, open_own: Page, seen: Seen
) -> None:
    seen.refusals_expected = True
    here, page = own_workstation, open_own
    case_id = alerted.add(here.service, 1)
    page.goto(f"{here.url}/alerts?lang=en")
    item = page.locator(".al-item")
    item.get_by_role("button", name="Notify…").click()
    page.locator("[data-part=recipient]").fill("Dr. Zhou")
    alerted.notify(here.service, case_id)
    expect(item).to_contain_text("notified, to be read back")
    expect(page.locator("[data-part=recipient]")).to_have_value("Dr. Zhou")
    page.locator(".al-form").get_by_label("telephone").check()
    page.get_by_role("button", name="Record the notification").click()
    expect(page.locator("[data-part=problem]")).to_contain_text("Someone else has moved this alert")


@pytest.mark.stress
def test_the_register_is_chosen_by_days_and_saved_as_csv(
    own_workstation: Workstation, open_own: Page, seen: Seen, tmp_path: Path
) -> None:
    seen.refusals_expected = True
    here, page = own_workstation, open_own
    alerted.notify(here.service, alerted.add(here.service, 1))
    page.goto(f"{here.url}/alerts/register?lang=en")
    lines = page.locator(".register tbody tr")
    expect(lines).to_have_count(1)
    expect(lines).to_contain_text("急诊科 周医生, by phone")
    with page.expect_download() as download:
        page.locator("[data-part=csv]").click()
    download.value.save_as(tmp_path / "register.csv")
    assert "PLANTED-ID-4711" in (tmp_path / "register.csv").read_text("utf-8-sig")
    page.locator("[data-part=last]").fill("2020-01-02")
    expect(page.locator("[data-part=state]")).to_contain_text("These dates are not valid")
    page.locator("[data-part=first]").fill("2020-01-01")
    expect(page.locator(".empty")).to_have_text("No critical value on these days.")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("h1")).to_have_text("危急值登记")
    # On paper the header is away, and the colours are ink on white.
    page.emulate_media(media="print")
    expect(page.locator(".rd-header")).to_be_hidden()


@rows("zh-CN-1366-768-1", "en-683-384-2")
@pytest.mark.parametrize(
    ("width", "height", "scale"), [(1366, 768, 1), (1920, 1080, 1), (683, 384, 2)]
)
@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_nothing_is_cut_off_at_any_size(
    browser: Browser, own_workstation: Workstation, lang: str, width: int, height: int, scale: int
) -> None:
    here = own_workstation
    alerted.notify(here.service, alerted.add(here.service, 1))
    alerted.add(here.service, 2)
    context = browser.new_context(
        viewport={"width": width, "height": height}, device_scale_factor=scale
    )
    let_in(context, here, here.url)
    page = context.new_page()
    for path, shown in (("/alerts", ".al-item"), ("/alerts/register", ".register")):
        page.goto(f"{here.url}{path}?lang={lang}")
        page.locator(shown).first.wait_for()
        if path == "/alerts":
            page.locator(".al-item .rd-primary").first.click()
            page.locator(".al-form").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # The register's table scrolls in a frame of its own.
        cut_off = page.evaluate(
            """(width) => [...document.querySelectorAll(
                ".rd-header :is(a, button, input), .al-item, .al-item button, .al-form *, "
                + ".page > *")]
              .filter((e) => e.offsetParent !== null && e.getBoundingClientRect().right > width + 1)
              .map((e) => e.outerHTML.slice(0, 80))""",
            width,
        )
        assert cut_off == []
    context.close()


def test_no_patient_stands_in_addresses_titles_and_the_console(
    own_workstation: Workstation, open_own: Page, seen: Seen
) -> None:
    here, page = own_workstation, open_own
    page.on("request", lambda request: seen.requests.append(request.url))
    alerted.add(here.service, 1)
    titles = []
    for path in ("/alerts", "/alerts/register"):
        page.goto(f"{here.url}{path}?lang=zh-CN")
        page.get_by_text(re.compile("魏植入")).first.wait_for()
        titles.append(page.title())
    said = [*seen.requests, *seen.console, *titles]
    assert seen.requests
    assert [text for text in said if "魏" in text or "PLANTED" in text] == []
