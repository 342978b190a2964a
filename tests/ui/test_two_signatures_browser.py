"""Two people sign in Chromium: written, returned, mended, reviewed; a clinician sees what was
signed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from radraft.core import passwords
from radraft.reports.roles import EVERY_SITE, Membership, Role
from radraft.reports.signature_rule import SignatureRule
from radraft.store import accounts, sign_ins
from tests.scale import rows
from tests.ui import seed
from tests.ui.conftest import Seen, Workstation
from tests.ui.page import area, expect_text, wait_saved
from tests.ui.people import account_of, session_of

pytestmark = [pytest.mark.slow, pytest.mark.browser]

SITE = "test"
TWO = SignatureRule(two_signatures=True, attending_alone=False, emergency_alone=False)
MENDED = "双肺纹理稍增强，未见明确实变影。"
PICTURES = os.environ.get("RADRAFT_PICTURES")
"""A folder in which to keep what the page looked like; unset: nothing is kept."""
PASSWORD = "一二三四五六七八九十百千"

Enter = Callable[..., Page]


@pytest.fixture
def enter(browser: Browser, workstation: Workstation, seen: Seen) -> Iterator[Enter]:
    """Opens a study, or a page by its path, as somebody of a role, each in his own browser."""
    contexts: list[BrowserContext] = []

    def opener(
        case_id: str,
        role: Role,
        name: str,
        *,
        lang: str = "en",
        width: int = 1366,
        secret: str = "",
    ) -> Page:
        height = {1366: 768, 1920: 1080}[width]
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        kept = secret or session_of(workstation.store, name, (role,))
        context.add_cookies([{"name": "radraft-session", "value": kept, "url": workstation.url}])
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("console", seen.note)
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        if case_id.startswith("/"):
            page.goto(f"{workstation.url}{case_id}?lang={lang}")
            return page
        page.goto(f"{workstation.url}/?lang={lang}#{case_id}")
        page.locator(".rd-banner strong").wait_for()
        return page

    yield opener
    for context in contexts:
        context.close()
    assert seen.errors == []


@pytest.fixture
def two(workstation: Workstation) -> Iterator[None]:
    """Two signatures are the site's rule."""
    ruled(workstation, TWO)
    yield
    ruled(workstation, SignatureRule())


def ruled(workstation: Workstation, rule: SignatureRule) -> None:
    signing = workstation.service.signing
    by = account_of(workstation.store, "管理员", (Role.ADMINISTRATOR,), SITE).person
    signing.set_rule(SITE, rule, base_number=signing.rule(SITE).number, by=by)


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.wait_for_timeout(400)
        size = page.viewport_size
        assert size is not None
        page.screenshot(path=Path(PICTURES) / f"{name}-{size['width']}.png")


def press(page: Page, name: str) -> None:
    page.locator(f".rd-bar [data-part={name}]").click()


def standing(page: Page) -> str:
    return page.locator("[data-part=standing]").inner_text()


def answer(page: Page, remark: str) -> None:
    page.locator("dialog [data-part=remark]").fill(remark)
    page.locator("dialog [data-part=take]").click()


@pytest.mark.usefixtures("two")
def test_the_resident_submits_the_attending_returns_the_resident_mends_and_the_attending_signs(
    enter: Enter, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 701)
    resident = enter(case_id, Role.RESIDENT, "林住院")
    expect(resident.locator(".rd-bar [data-part=sign]")).to_be_hidden()
    area(resident, "findings", 0, "zh").fill("双肺纹理增强，未见明确实变影。")
    wait_saved(resident)
    press(resident, "submit")
    expect(resident.locator("[data-part=standing] [data-kind=submitted]")).to_contain_text("林住院")
    expect(area(resident, "findings", 0, "zh")).not_to_be_editable()
    attending = enter(case_id, Role.ATTENDING, "王主治")
    assert "林住院" in standing(attending)
    expect(attending.locator(".rd-bar [data-part=sign]")).to_have_text("Review and sign…")
    press(attending, "sendBack")
    attending.locator("dialog [data-part=take]").click()
    expect(attending.locator("dialog [data-part=remark]")).to_be_visible()
    answer(attending, "请说明增强程度。")
    expect(attending.locator("[data-part=standing] [data-kind=returned]")).to_be_visible()
    returned = resident.locator("[data-part=standing] [data-kind=returned]")
    expect(returned).to_contain_text("请说明增强程度。")
    expect(returned).to_contain_text("王主治")
    area(resident, "findings", 0, "zh").fill(MENDED)
    wait_saved(resident)
    press(resident, "submit")
    expect(attending.locator(".rd-bar [data-part=sendBack]")).to_be_visible()
    press(attending, "sign")
    expect(attending.locator("dialog [data-part=written-by]")).to_contain_text("林住院")
    attending.locator("dialog [data-part=confirm]").click()
    for page in (attending, resident):
        signature = page.locator("[data-part=signature]")
        expect(signature).to_contain_text("林住院")
        expect(signature).to_contain_text("王主治")
    (signed,) = workstation.service.case_view(case_id).versions
    assert signed.reviewer is not None
    assert (signed.author.name, signed.reviewer.name) == ("林住院", "王主治")
    assert signed.report.findings[0].zh == MENDED
    clinician = enter(case_id, Role.CLINICIAN, "赵临床")
    expect_text(area(clinician, "findings", 0, "zh"), MENDED)
    expect(clinician.locator("[data-part=signature]")).to_contain_text("王主治")
    expect(clinician.locator(".rd-bar")).to_be_hidden()


@pytest.mark.stress
@pytest.mark.usefixtures("two")
def test_an_amendment_says_why_and_a_clinician_sees_the_signed_version_until_it_is_signed(
    enter: Enter, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    case_id = seed.add(workstation.store, 702)
    signed_by_two(workstation, case_id)
    clinician = enter(case_id, Role.CLINICIAN, "赵临床")
    attending = enter(case_id, Role.ATTENDING, "王主治")
    press(attending, "amend")
    attending.get_by_label("Addendum").check()
    answer(attending, "漏写左侧。")
    expect(attending.locator("[data-kind=amendment]")).to_contain_text("漏写左侧。")
    area(attending, "findings", 0, "zh").fill(MENDED)
    wait_saved(attending)
    clinician.reload()
    expect_text(area(clinician, "findings", 0, "zh"), seed.FINDINGS[0][0])
    press(attending, "submit")
    expect(attending.locator("[data-part=undo]")).to_contain_text("An addendum adds sentences")
    press(attending, "cancel")
    attending.locator("dialog [data-part=take]").click()
    expect_text(area(attending, "findings", 0, "zh"), seed.FINDINGS[0][0])
    press(attending, "amend")
    answer(attending, "更正程度。")
    area(attending, "findings", 0, "zh").fill(MENDED)
    wait_saved(attending)
    press(attending, "submit")
    second = enter(case_id, Role.ATTENDING, "孙主任")
    press(second, "sign")
    second.locator("dialog [data-part=confirm]").click()
    expect(second.locator("[data-part=signature]")).to_contain_text("更正程度。")
    clinician.reload()
    expect_text(area(clinician, "findings", 0, "zh"), MENDED)
    clinician.locator("[data-part=versions] > summary").click()
    items = clinician.locator("[data-part=differences] li")
    expect(items).to_have_count(1)
    expect(items).to_contain_text(seed.FINDINGS[0][0])
    expect(items).to_contain_text(MENDED)
    assert clinician.locator("[data-part=record] li").count() == 0
    second.locator("[data-part=versions] > summary").click()
    record = second.locator("[data-part=record]")
    expect(record).to_contain_text("reopened it: 更正程度。")
    expect(record).to_contain_text("cancelled the amendment")
    second.locator("[data-part=compare-before]").select_option("draft")
    second.locator("[data-part=compare-after]").select_option("v1")
    expect(second.locator("[data-part=differences]")).to_contain_text("No difference.")


def signed_by_two(workstation: Workstation, case_id: str) -> None:
    from radraft.reports.lifecycle import Move
    from tests.builders import signed_in

    signing = workstation.service.signing
    author = signed_in(workstation.store, "林住院")
    signing.take(case_id, Move.SUBMIT, actor=author, base_step=0, base_revision=1)
    second = signed_in(workstation.store, "王主治二")
    signing.sign(case_id, base_revision=1, base_step=1, actor=second)


@pytest.mark.stress
@pytest.mark.usefixtures("two")
def test_of_two_who_act_at_once_the_second_is_told(
    enter: Enter, workstation: Workstation, seen: Seen
) -> None:
    """The second took the report as it stood before the first acted on it."""
    seen.refusals_expected = True
    case_id = seed.add(workstation.store, 703)
    resident = enter(case_id, Role.RESIDENT, "林住院")
    press(resident, "submit")
    attending = enter(case_id, Role.ATTENDING, "王主治")
    press(attending, "sendBack")
    press(resident, "withdraw")
    expect(area(resident, "findings", 0, "zh")).to_be_editable()
    answer(attending, "晚了一步。")
    expect(attending.locator("[data-part=undo]")).to_contain_text("Somebody took a step")
    assert workstation.service.case_view(case_id).working.state.value == "writing"


def test_alone_on_emergency_duty_with_the_reason_and_the_password(
    enter: Enter, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    ruled(workstation, SignatureRule(True, False, True, reauthenticate=True))
    try:
        case_id = seed.add(workstation.store, 704)
        page = enter(case_id, Role.ATTENDING, "值班", secret=with_password(workstation))
        expect(page.locator(".rd-bar [data-part=sign]")).to_have_text("Sign alone…")
        press(page, "sign")
        page.locator("dialog [data-part=reason]").fill("夜间抢救。")
        page.locator("dialog [data-part=password]").fill("不对的口令不对的口令")
        page.locator("dialog [data-part=confirm]").click()
        expect(page.locator("dialog [data-part=sign-problem]")).to_be_visible()
        page.locator("dialog [data-part=reason]").fill("夜间抢救。")
        page.locator("dialog [data-part=password]").fill(PASSWORD)
        page.locator("dialog [data-part=confirm]").click()
        expect(page.locator("[data-part=signature]")).to_contain_text("夜间抢救。")
        (signed,) = workstation.service.case_view(case_id).versions
        assert signed.signing is not None
        assert signed.signing.password_confirmed
    finally:
        ruled(workstation, SignatureRule())


def with_password(workstation: Workstation) -> str:
    """The session of somebody whose password is known here."""
    now = datetime.now(UTC)
    with workstation.store.begin() as session:
        account = accounts.add(
            session,
            login="on-duty",
            name="值班医师",
            memberships=[Membership(EVERY_SITE, Role.ATTENDING)],
            now=now,
            password_hash=passwords.hashed(PASSWORD),
        )
        return sign_ins.begin(session, account.account_id, "127.0.0.1", now)


@pytest.mark.usefixtures("two")
@rows("1366-en")
@pytest.mark.parametrize("lang", ["zh-CN", "en"])
@pytest.mark.parametrize("width", [1366, 1920])
def test_all_of_it_fits_on_the_page_in_both_languages(
    enter: Enter, workstation: Workstation, lang: str, width: int
) -> None:
    number = 710 + ["zh-CN", "en"].index(lang) + 2 * [1366, 1920].index(width)
    case_id = seed.add(workstation.store, number)
    resident = enter(case_id, Role.RESIDENT, "林住院", lang=lang, width=width)
    area(resident, "findings", 0, "zh").fill(MENDED)
    wait_saved(resident)
    fits(resident)
    picture(resident, f"writing-{lang}")
    press(resident, "submit")
    resident.locator("[data-kind=submitted]").wait_for()
    fits(resident)
    picture(resident, f"submitted-{lang}")
    attending = enter(case_id, Role.ATTENDING, "王主治", lang=lang, width=width)
    fits(attending)
    picture(attending, f"reviewing-{lang}")
    press(attending, "sendBack")
    picture(attending, f"returning-{lang}")
    answer(attending, "请说明右下肺斑片影的大小与边界，并与前片对比。")
    resident.locator("[data-kind=returned]").wait_for()
    fits(resident)
    picture(resident, f"returned-{lang}")
    press(resident, "submit")
    attending.locator(".rd-bar [data-part=sendBack]").wait_for()
    press(attending, "sign")
    picture(attending, f"signing-{lang}")
    attending.locator("dialog [data-part=confirm]").click()
    attending.locator(".rd-report[data-mode=signed]").wait_for()
    fits(attending)
    picture(attending, f"signed-{lang}")
    press(attending, "amend")
    picture(attending, f"amending-{lang}")
    answer(attending, "更正程度。")
    area(attending, "findings", 0, "zh").fill(seed.FINDINGS[0][0])
    wait_saved(attending)
    attending.locator("[data-part=versions] > summary").click()
    attending.locator("[data-part=record] li").first.wait_for()
    attending.locator("[data-part=versions]").evaluate("panel => panel.scrollIntoView(false)")
    fits(attending)
    picture(attending, f"versions-{lang}")
    clinician = enter(case_id, Role.CLINICIAN, "赵临床", lang=lang, width=width)
    fits(clinician)
    picture(clinician, f"clinician-{lang}")


@rows("720-zh-CN-1366", "721-en-1366")
@pytest.mark.parametrize(
    ("number", "lang", "width"),
    [(720, "zh-CN", 1366), (721, "en", 1366), (722, "zh-CN", 1920), (723, "en", 1920)],
)
def test_an_administrator_sets_the_rule_of_a_site(
    enter: Enter, workstation: Workstation, number: int, lang: str, width: int
) -> None:
    seed.add(workstation.store, number)
    page = enter("/signature-rules", Role.ADMINISTRATOR, "钱管理", lang=lang, width=width)
    site = page.locator(f"[data-site={SITE}]")
    expect(site.locator("[name=attending_alone]")).to_be_disabled()
    site.locator("[name=two_signatures]").check()
    site.locator("[name=attending_alone]").uncheck()
    picture(page, f"rules-{lang}")
    site.locator("[type=submit]").click()
    expect(site.locator("[role=status]")).to_contain_text("钱管理")
    expect(site.locator("[type=submit]")).to_be_disabled()
    held = workstation.service.signing.rule(SITE)
    assert held.rule == SignatureRule(True, attending_alone=False, emergency_alone=True)
    ruled(workstation, SignatureRule())


def fits(page: Page) -> None:
    """Every button of the bar lies whole within the report's pane."""
    pane = page.locator(".rd-report").bounding_box()
    assert pane is not None
    for button in page.locator(".rd-bar button:visible").all():
        box = button.bounding_box()
        assert box is not None
        assert box["x"] >= pane["x"]
        assert box["x"] + box["width"] <= pane["x"] + pane["width"] + 0.5
        assert box["height"] < 40, "a button's words stand on one line"
