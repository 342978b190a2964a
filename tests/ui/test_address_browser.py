"""The address of the workstation names the study that is open, and opens the one that it names."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from radraft.reports.roles import Membership, Role
from radraft.store import accounts
from tests.builders import signed_in
from tests.ui import seed
from tests.ui.conftest import Opener, Workstation
from tests.ui.page import area, expect_text, stored, wait_saved
from tests.ui.people import account_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def expect_named(page: Page, case_id: str) -> None:
    page.wait_for_function(f"location.hash === '#{case_id}'")


def go(page: Page, fragment: str) -> None:
    """As a person types it into the address bar, or follows a link in this page."""
    page.evaluate("fragment => { location.hash = fragment }", fragment)


def test_another_study_in_the_address_is_opened_and_what_was_typed_is_saved_first(
    open_page: Opener, workstation: Workstation
) -> None:
    first, second = (seed.add(workstation.store, number) for number in (2600, 2601))
    page = open_page(first)
    area(page, "impression", 0, "en").fill("Typed, and left by the address.")
    go(page, second)
    expect_named(page, second)
    expect_text(area(page, "impression", 0, "en"), seed.IMPRESSION[0][1])
    assert stored(workstation, first).impression[0].en == "Typed, and left by the address."
    area(page, "impression", 0, "en").fill("Typed, and left by going back.")
    page.go_back()
    expect_named(page, first)
    expect_text(area(page, "impression", 0, "en"), "Typed, and left by the address.")
    assert stored(workstation, second).impression[0].en == "Typed, and left by going back."
    page.go_forward()
    expect_named(page, second)


@pytest.mark.stress
def test_a_fragment_that_names_no_study_changes_nothing(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 2602)
    page = open_page(case_id)
    area(page, "impression", 0, "en").fill("Kept.")
    for fragment in ("", "findings", "c-1", "case=2"):
        go(page, fragment)
        expect_named(page, case_id)
    wait_saved(page)
    expect_text(area(page, "impression", 0, "en"), "Kept.")


def test_only_who_writes_at_a_studys_site_has_its_opening_noted(
    open_page: Opener, workstation: Workstation
) -> None:
    """Elsewhere it would be refused, and stand in the audit as asked for without a role."""
    own = seed.add(workstation.store, 2603)
    signed = seed.add(workstation.store, 2604)
    workstation.service.signing.sign(
        signed, base_revision=1, base_step=0, actor=signed_in(workstation.store, "林清")
    )
    page = open_page(signed, reader="两处")
    held = account_of(workstation.store, "两处", (Role.CLINICIAN,), "test")
    both = [*held.memberships, Membership("elsewhere", Role.ATTENDING)]
    with workstation.store.begin() as session:
        accounts.set_memberships(session, held.account_id, both)
    noted: list[str] = []
    page.on("request", lambda request: noted.append(request.url.rsplit("/api/", 1)[-1]))
    page.reload()
    expect_named(page, signed)
    expect(page.locator(".rd-banner strong")).to_be_visible()
    assert f"cases/{signed}/opened" not in noted
    account_of(workstation.store, "两处")
    page.reload()
    with page.expect_request(f"**/api/cases/{own}/opened"):
        go(page, own)
