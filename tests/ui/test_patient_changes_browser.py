"""What a hospital's system corrected of a patient, in the page of a study that is open."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from radraft.pipeline.order_intake import OrderIntake
from radraft.store import cases
from radraft.studies.values import Patient
from tests.hl7_messages import patient_message
from tests.ui import seed
from tests.ui.conftest import Opener, Workstation

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def panel(page: Page) -> Locator:
    return page.locator("[data-part=patient-changes]")


def identity(workstation: Workstation, case_id: str) -> tuple[Patient, str]:
    with workstation.store.read() as session:
        site = cases.get_case(session, case_id).site
        return cases.identity(session, case_id).patient, site


def send(workstation: Workstation, case_id: str, **changed: str) -> None:
    """Send a message about the seeded study's patient."""
    patient, site = identity(workstation, case_id)
    said = {"control_id": f"A-{case_id}", "patient": patient.patient_id, "name": "", "born": "",
            "sex": ""} | changed  # fmt: skip
    message = patient_message(**said).encode()
    assert b"MSA|AA" in OrderIntake(workstation.store).receive(message, site=site, source="test")


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page where somebody wants to look at it."""
    folder = os.environ.get("RADRAFT_TEST_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_a_merge_reaches_a_page_that_is_open(open_page: Opener, workstation: Workstation) -> None:
    case_id = seed.add(workstation.store, 4150, accession="A-4150")
    before, _ = identity(workstation, case_id)
    page = open_page(case_id)
    banner = page.locator("[data-part=banner]")
    expect(banner).to_contain_text(before.patient_id)
    expect(panel(page)).to_be_hidden()
    send(workstation, case_id, kind="ADT^A40", patient="NEW-4150", prior=before.patient_id,
         name="Wang^Xiaoming~王^小明")  # fmt: skip
    expect(banner).to_contain_text("NEW-4150")
    expect(banner).to_contain_text("王小明")
    expect(panel(page)).to_contain_text("Patient merged")
    expect(panel(page)).to_contain_text("HIS|HOSPITAL")
    expect(panel(page)).to_contain_text("images sent as: ")
    expect(panel(page)).to_contain_text(before.patient_id)
    expect(page.locator("[data-code=patient_merged]").first).to_be_visible()
    picture(page, "patient-merged")


def test_a_reader_says_whose_a_study_is(open_page: Opener, workstation: Workstation) -> None:
    case_id = seed.add(workstation.store, 4151, accession="A-4151")
    before, _ = identity(workstation, case_id)
    other = "M" if before.sex == "F" else "F"
    send(workstation, case_id, kind="ADT^A40", patient="NEW-4151", prior=before.patient_id,
         name="Wang^Xiaoming~王^小明", sex=other)  # fmt: skip
    page = open_page(case_id)
    expect(panel(page)).to_contain_text("Is this study this patient's?")
    expect(panel(page)).to_contain_text("another sex")
    expect(panel(page)).to_contain_text("NEW-4151")
    picture(page, "patient-unsure")
    panel(page).get_by_role("button", name="Another patient").click()
    expect(panel(page)).to_contain_text("Another patient, as")
    assert identity(workstation, case_id)[0] == before
    panel(page).get_by_role("button", name="It is the same patient").click()
    expect(panel(page)).to_contain_text("The same patient, as")
    expect(page.locator("[data-part=banner]")).to_contain_text("NEW-4151")
