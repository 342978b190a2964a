"""A signed report taken along from the reading desk, in Debian's Chromium."""

from __future__ import annotations

import io
import itertools
import unicodedata
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect
from pypdf import PdfReader

from radraft.pipeline.service import Service
from tests.builders import signed_in
from tests.scale import rows
from tests.ui import seed
from tests.ui.conftest import Opener, Seen, Workstation

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_NUMBERS = itertools.count(301)


def signed(service: Service) -> str:
    case_id = seed.add(service.store, next(_NUMBERS))
    actor = signed_in(service.store, "林清")
    service.signing.sign(case_id, base_revision=1, base_step=0, actor=actor)
    return case_id


def go_to(page: Page, case_id: str) -> None:
    row = page.locator(f".rd-row[data-case={case_id}]")
    row.click()
    expect(row).to_have_attribute("aria-current", "true")
    expect(page.locator(".rd-banner strong")).to_be_visible()


def said(page: Page, text: str) -> None:
    expect(page.locator(".rd-handover-said")).to_have_text(text)


def test_one_key_copies_the_signed_report_as_text(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = signed(workstation.service)
    page = open_page(case_id)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    expect(page.locator("[data-part=handover]")).to_be_visible()
    page.keyboard.press("Alt+c")
    said(page, "Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == workstation.service.printing.text(case_id, "en")


@pytest.mark.stress
def test_a_copy_that_hangs_keeps_no_other_study_from_being_copied_and_comes_too_late(
    open_page: Opener, workstation: Workstation
) -> None:
    before, case_id = signed(workstation.service), signed(workstation.service)
    page = open_page(before)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    expect(page.locator("[data-part=handover]")).to_be_visible()
    hanging: list[Route] = []

    def hold(route: Route) -> None:
        hanging.append(route)

    page.route(f"**/{before}/report.txt*", hold)
    with page.expect_request(f"**/{before}/report.txt*"):
        page.keyboard.press("Alt+c")
    page.keyboard.press("Alt+c")
    said(page, "Its report is still being fetched.")
    go_to(page, case_id)
    expect(page.locator(".rd-handover-said")).to_contain_text("Not copied: the study was left")
    page.keyboard.press("Alt+c")
    said(page, "Copied.")
    (route,) = hanging
    with page.expect_response(f"**/{before}/report.txt*") as late:
        route.continue_()
    late.value.finished()
    said(page, "Copied.")
    text = workstation.service.printing.text(case_id, "en")
    assert page.evaluate("navigator.clipboard.readText()") == text


def test_an_unsigned_study_says_too_that_the_copy_of_the_one_before_was_not_made(
    open_page: Opener, workstation: Workstation
) -> None:
    before, unsigned = (
        signed(workstation.service),
        seed.add(workstation.store, next(_NUMBERS)),
    )
    page = open_page(before)
    expect(page.locator("[data-part=handover]")).to_be_visible()
    page.route(f"**/{before}/report.txt*", lambda route: None)
    with page.expect_request(f"**/{before}/report.txt*"):
        page.keyboard.press("Alt+c")
    go_to(page, unsigned)
    expect(page.locator(".rd-handover-said")).to_contain_text("do not paste it")
    expect(page.locator("[data-part=handover] button").first).to_be_hidden()


@pytest.mark.stress
def test_a_copy_that_fails_says_that_the_clipboard_holds_what_was_copied_before(
    open_page: Opener, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    before, case_id = signed(workstation.service), signed(workstation.service)
    page = open_page(before)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.keyboard.press("Alt+c")
    said(page, "Copied.")
    go_to(page, case_id)
    page.route("**/report.txt*", lambda route: route.abort())
    page.keyboard.press("Alt+c")
    expect(page.locator(".rd-handover-said")).to_contain_text("do not paste it")


def test_where_a_page_has_no_clipboard_it_copies_all_the_same_or_shows_what_to_copy(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = signed(workstation.service)
    page = open_page(case_id, lang="zh-CN")
    page.context.grant_permissions(["clipboard-read"])
    page.evaluate("navigator.clipboard.writeText = undefined, 0")
    page.evaluate("navigator.clipboard.writeText = () => Promise.reject(new DOMException('no')), 0")
    page.get_by_role("button", name="复制", exact=True).click()
    said(page, "已复制。")
    text = workstation.service.printing.text(case_id, "zh")
    assert page.evaluate("navigator.clipboard.readText()") == text
    page.evaluate("document.execCommand = () => false, 0")
    page.get_by_role("button", name="复制", exact=True).click()
    area = page.locator(".rd-handover-text")
    expect(area).to_have_value(text)
    chosen = area.evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)")
    assert chosen == text


def test_the_pdf_and_the_text_are_saved_under_names_without_identity(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = signed(workstation.service)
    page = open_page(case_id)
    for button, name in (("PDF", f"{case_id}.pdf"), ("Text file", f"{case_id}.txt")):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=button, exact=True).click()
        assert waiting.value.suggested_filename == name
        said(page, f"Saved as {name}.")
        content = Path(waiting.value.path()).read_bytes()
        printing = workstation.service.printing
        expected = printing.pdf(case_id) if name.endswith("pdf") else None
        assert content == (expected or printing.text(case_id, "en").encode())


def test_printing_opens_the_pdf_in_a_tab_of_its_own(
    open_page: Opener, workstation: Workstation
) -> None:
    page = open_page(signed(workstation.service))
    with page.context.expect_page() as waiting:
        page.keyboard.press("Control+p")
    said(page, "Opened in a new tab.")
    waiting.value.close()


@rows("locked")
@pytest.mark.parametrize("way", ["locked", "signed out", "left"])
def test_a_printed_report_does_not_stay_open_where_nobody_is_let_in(
    open_page: Opener, workstation: Workstation, seen: Seen, way: str
) -> None:
    seen.refusals_expected = True
    page = open_page(signed(workstation.service))
    page.evaluate("window.revoked = []; 0")
    page.evaluate("URL.revokeObjectURL = (address) => window.revoked.push(address), 0")
    with page.context.expect_page() as waiting:
        page.keyboard.press("Control+p")
    said(page, "Opened in a new tab.")
    printed = waiting.value
    with printed.expect_event("close"):
        if way == "locked":
            page.evaluate("import('/ui/gate.js').then((gate) => gate.shut('session_locked'))")
        elif way == "signed out":
            page.locator("[data-part=sign-out]").click()
        else:
            page.goto(f"{workstation.url}/quality")
    if way == "locked":
        (address,) = page.evaluate("window.revoked")
        assert address.startswith("blob:")


def test_what_keeps_a_report_from_being_printed_is_said_and_no_tab_is_left(
    open_page: Opener, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    page = open_page(signed(workstation.service))
    body = (
        '{"error": {"code": "export_glyph_missing", "message_zh": "没有字符。",'
        ' "message_en": "No font here has the character U+1F600.", "file": null}}'
    )
    page.route(
        "**/report.pdf",
        lambda route: route.fulfill(status=422, content_type="application/json", body=body),
    )
    page.get_by_role("button", name="Print", exact=True).click()
    said(page, "No font here has the character U+1F600.")
    assert len(page.context.pages) == 1
    page.route("**/report.txt*", lambda route: route.abort())
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.locator(".rd-handover-said")).to_have_class("rd-handover-said rd-bad")


def test_an_unsigned_report_is_not_handed_over_and_an_amended_one_as_it_was_signed(
    open_page: Opener, workstation: Workstation
) -> None:
    unsigned = seed.add(workstation.store, next(_NUMBERS))
    page = open_page(unsigned)
    expect(page.locator("[data-part=handover]")).to_be_hidden()
    case_id = signed(workstation.service)
    actor = signed_in(workstation.store, "林清")
    workstation.service.signing.amend(case_id, base_step=1, reason="更正", actor=actor)
    page = open_page(case_id)
    expect(page.locator("[data-part=handover]")).to_be_visible()


@rows("zh-CN")
@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_the_workstation_itself_prints_no_patient(
    open_page: Opener, workstation: Workstation, lang: str
) -> None:
    case_id = signed(workstation.service)
    identity = workstation.service.case_view(case_id).identity
    page = open_page(case_id, lang=lang)
    expect(page.locator("[data-part=handover]")).to_be_visible()
    pages = PdfReader(io.BytesIO(page.pdf())).pages
    assert len(pages) == 1
    # Chromium names some characters as radicals of the same shape.
    text = "".join(unicodedata.normalize("NFKC", pages[0].extract_text()).split())
    assert "工作站" in text and "不打印" in text
    assert "isnotprinted" in text
    for secret in (
        *identity.patient.name.replace("=", "^").split("^"),
        identity.patient.patient_id,
        identity.accession,
        seed.FINDINGS[0][0],
    ):
        assert not secret or "".join(secret.split()) not in text
