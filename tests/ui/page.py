"""What the browser tests do on the study page."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from radraft.reports.values import Report
from tests.ui.conftest import Workstation


def area(page: Page, section: str, place: int, lang: str) -> Locator:
    return page.locator(f"[data-part={section}] textarea[data-lang={lang}]").nth(place)


def wait_saved(page: Page) -> None:
    expect(page.locator(".rd-save")).to_have_attribute("data-state", "saved")


def wait_unsaved(page: Page) -> None:
    expect(page.locator(".rd-save")).not_to_have_attribute("data-state", "saved")


def stored(workstation: Workstation, case_id: str) -> Report:
    working = workstation.service.case_view(case_id).working
    assert working is not None
    return working.report


def wait_stored(page: Page, workstation: Workstation, case_id: str, zh: str) -> None:
    """Until the store holds `zh` as the first finding, whoever saved it."""
    script = (
        "async ([url, wanted]) => (await (await fetch(url)).json())"
        ".working.report.findings[0].zh === wanted"
    )
    page.wait_for_function(f"({script})({[f'/api/cases/{case_id}', zh]})")
    assert stored(workstation, case_id).findings[0].zh == zh
