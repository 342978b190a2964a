"""A study's orders in its page: what was asked, what must not be missed, and a reader's word where
it is unsure."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from radraft.pipeline.order_intake import OrderIntake
from radraft.reports.order_matching import LinkState
from radraft.store import cases, orders
from tests.hl7_messages import order_message
from tests.ui import seed
from tests.ui.conftest import Opener, Workstation

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def panel(page: Page) -> Locator:
    return page.locator("[data-part=orders]")


def send(workstation: Workstation, case_id: str, **changed: str) -> None:
    """Send an order of the seeded study's patient; with its accession where none is named."""
    with workstation.store.read() as session:
        who = cases.identity(session, case_id)
        site = cases.get_case(session, case_id).site
    patient = who.patient
    born = "" if patient.birth_date is None else f"{patient.birth_date:%Y%m%d}"
    wanted = {"accession": who.accession, "control_id": f"C-{case_id}", "placer": f"P-{case_id}"}
    wanted |= {"filler": f"F-{case_id}", "patient": patient.patient_id, "name": patient.name}
    wanted |= {"born": born, "sex": patient.sex, "reason": "咳嗽三天"} | changed
    message = order_message(**wanted).encode()
    assert b"MSA|AA" in OrderIntake(workstation.store).receive(message, site=site, source="test")


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page where somebody wants to look at it."""
    folder = os.environ.get("RADRAFT_TEST_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_a_reader_sees_why_how_soon_and_what_must_not_be_missed(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 4100, accession="A-4100")
    send(workstation, case_id)
    page = open_page(case_id)
    for text in ("胸部正位", "咳嗽三天", "呼吸科", "stat", "Allergies: 碘对比剂"):
        expect(panel(page)).to_contain_text(text)
    # It came after the draft.
    expect(panel(page)).to_contain_text("The order came after the draft")
    expect(panel(page).get_by_role("button")).to_have_count(0)
    picture(page, "order")


def test_a_reader_says_whether_an_order_is_of_the_study(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 4101, accession="A-4101")
    # The same accession, another patient.
    send(workstation, case_id, patient="9922334", name="Lin^Other~林^伟", born="19510830", sex="M")
    page = open_page(case_id)
    expect(panel(page)).to_contain_text("Possible order")
    expect(panel(page)).to_contain_text("names another patient")
    expect(panel(page)).to_contain_text("9922334")
    picture(page, "order-unsure")
    panel(page).get_by_role("button", name="Not of this study").click()
    expect(panel(page)).to_contain_text("Not of this study: 胸部正位")
    assert said(workstation, case_id) == [LinkState.REJECTED]
    panel(page).get_by_role("button", name="It is of this study").click()
    expect(panel(page)).to_contain_text("confirmed by a reader")
    assert said(workstation, case_id) == [LinkState.CONFIRMED]


def said(workstation: Workstation, case_id: str) -> list[LinkState]:
    with workstation.store.read() as session:
        found = orders.of_case(session, case_id)
        assert all(one.by for one in found)
        return [one.state for one in found]


def test_a_study_without_orders_shows_nothing_of_them(
    open_page: Opener, workstation: Workstation
) -> None:
    case_id = seed.add(workstation.store, 4102, accession="A-4102")
    page = open_page(case_id)
    expect(page.locator("[data-part=priors]")).to_be_visible()
    expect(panel(page)).to_be_hidden()
