"""The worklist in Debian's Chromium: pages, search, filters and saved views, by mouse and keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from radraft.reports.lifecycle import Move
from radraft.reports.roles import PERMISSIONS, Role
from radraft.store import report_steps, signatures
from radraft.store.database import Store
from radraft.studies.values import Patient, StudyPriority
from tests import builders
from tests.scale import rows
from tests.ui import seed
from tests.ui.conftest import Opener, Workstation

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def filled(own_workstation: Workstation) -> Iterator[tuple[Workstation, list[str]]]:
    """120 studies, one of them with pictures: the first is open."""
    store = own_workstation.store
    first = seed.add(store, 1000, patient=Patient("P-1000", "Zhang^San=张^三", None, "M"))
    with store.begin() as session:
        rest = [
            builders.add_case(session, number, modality="CT" if number % 3 else "MR")
            for number in range(1, 120)
        ]
    yield own_workstation, [first, *rest]


def test_pages_are_turned_by_buttons_and_keys_and_say_where_one_is(
    filled: tuple[Workstation, list[str]], open_page: Opener
) -> None:
    workstation, ids = filled
    page = open_page(ids[0], at=workstation)
    expect(page.locator(".rd-row")).to_have_count(50)
    expect(page.locator("[data-part=range]")).to_have_text("1–50 of 120")
    expect(page.get_by_role("button", name="Previous page")).to_be_disabled()
    page.get_by_role("button", name="Next page").click()
    expect(page.locator("[data-part=range]")).to_have_text("51–100 of 120")
    page.get_by_role("button", name="Next page").click()
    expect(page.locator("[data-part=range]")).to_have_text("101–120 of 120")
    expect(page.get_by_role("button", name="Next page")).to_be_disabled()
    expect(page.locator(".rd-row")).to_have_count(20)
    for _ in range(2):
        page.get_by_role("button", name="Previous page").click()
    expect(page.locator("[data-part=range]")).to_have_text("1–50 of 120")
    page.locator(f"[data-case={ids[49]}]").click()
    expect(page.locator(f"[data-case={ids[49]}]")).to_have_attribute("aria-current", "true")
    page.locator("body").press("j")
    expect(page.locator("[data-part=range]")).to_have_text("51–100 of 120")
    expect(page.locator(f"[data-case={ids[50]}]")).to_have_attribute("aria-current", "true")
    page.locator("body").press("k")
    expect(page.locator("[data-part=range]")).to_have_text("1–50 of 120")
    expect(page.locator(f"[data-case={ids[49]}]")).to_have_attribute("aria-current", "true")


def test_a_patient_is_searched_for_and_never_by_address(
    filled: tuple[Workstation, list[str]], open_page: Opener
) -> None:
    workstation, ids = filled
    page = open_page(ids[5], at=workstation)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for text in ("张", "zhang san", "p1000"):
        page.get_by_role("searchbox").fill(text)
        expect(page.locator(".rd-row")).to_have_count(1)
        expect(page.locator(f"[data-case={ids[0]}]")).to_be_visible()
        expect(page.locator("[data-part=range]")).to_have_text("1–1 of 1")
        page.get_by_role("searchbox").fill("")
        expect(page.locator(".rd-row")).to_have_count(50)
    page.get_by_role("searchbox").fill("nobody at all")
    expect(page.locator("[data-part=empty]")).to_have_text("No study matches this filter.")
    page.get_by_role("searchbox").press("Escape")
    expect(page.locator(".rd-row")).to_have_count(50)
    assert not any("zhang" in url or "p1000" in url or "%E5" in url for url in asked)


def test_filters_count_and_are_kept_under_a_name(
    filled: tuple[Workstation, list[str]], open_page: Opener
) -> None:
    workstation, ids = filled
    page = open_page(ids[0], at=workstation)
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_label("Modality").select_option("MR")
    expect(page.locator("[data-part=range]")).to_have_text("1–39 of 39")
    expect(page.get_by_role("button", name="Filter (1)")).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("button", name=re.compile("^Queue"))).to_have_text("Queue 39")
    page.get_by_role("button", name=re.compile("^Queue")).click()
    page.get_by_label("Name for this list").fill("MR waiting")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="MR waiting", exact=True)).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_role("button", name=re.compile("^All")).click()
    expect(page.locator("[data-part=range]")).to_have_text("1–50 of 120")
    page.reload()
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_role("button", name="MR waiting", exact=True).click()
    expect(page.locator("[data-part=range]")).to_have_text("1–39 of 39")
    expect(page.get_by_role("button", name=re.compile("^Queue"))).to_have_attribute(
        "aria-pressed", "true"
    )
    page.get_by_role("button", name="Remove “MR waiting”").click()
    expect(page.get_by_role("button", name="MR waiting", exact=True)).to_have_count(0)
    page.get_by_label("Modality").press("Escape")
    expect(page.locator(".rd-asked")).to_be_hidden()


LONG = "Wolfeschlegelsteinhausenbergerdorff^Maximiliane"


def urgent_ones(store: Store) -> dict[str, str]:
    """One study of each priority; the last was written by one person and reviewed by another."""
    ids = {
        priority.value: seed.add(
            store,
            1310 + number,
            patient=Patient(f"PLANTED-{number:012}", LONG, None, "F"),
            accession=f"PLANTED-ACC-{number:06}",
            priority=priority,
        )
        for number, priority in enumerate(StudyPriority)
    }
    now = datetime.now(UTC)
    with store.begin() as session:
        report_steps.take(
            session,
            ids["unknown"],
            Move.SUBMIT,
            by=builders.actor("李书写").who,
            permissions=PERMISSIONS[Role.RESIDENT],
            now=now,
        )
        reviewer = builders.actor("王审核").who
        signatures.sign(session, ids["unknown"], base_revision=1, signer=reviewer, now=now)
    return ids


def test_urgent_studies_stand_first_say_so_and_are_filtered(
    own_workstation: Workstation, open_page: Opener
) -> None:
    ids = urgent_ones(own_workstation.store)
    page = open_page(ids["stat"], at=own_workstation)
    rows = page.locator(".rd-row")
    expect(rows).to_have_count(5)
    priorities = page.locator(".rd-row [data-part=priority]")
    expect(priorities).to_have_text(["STAT", "Emergency", "In-patient", "", ""])
    expect(rows.nth(4)).to_contain_text("by 李书写, reviewed by 王审核")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.locator("select[name=priority]").select_option("inpatient")
    expect(rows).to_have_count(1)
    expect(page.locator(f"[data-case={ids['inpatient']}]")).to_be_visible()
    page.get_by_label("Name for this list").fill("wards")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Clear filters").click()
    expect(rows).to_have_count(5)
    page.get_by_role("button", name="wards", exact=True).click()
    expect(rows).to_have_count(1)


CUT = """() => {
  const pane = document.querySelector(".rd-list").getBoundingClientRect();
  const cut = (span) => {
    const box = span.getBoundingClientRect();
    const outside = box.right > pane.right || box.left < pane.left;
    return outside || span.scrollWidth > span.clientWidth + 1;
  };
  const spans = [...document.querySelectorAll(".rd-row [data-part=details] span")];
  return spans.filter(cut).map((span) => span.textContent);
}"""
COLUMNS = ("Accession", "Patient no.", "Site", "Study", "Image quality")


@rows("200%")
@pytest.mark.parametrize(
    ("width", "height"), [(1366, 768), (1920, 1080), (683, 384)], ids=["1366", "1920", "200%"]
)
def test_columns_are_chosen_kept_and_readable(
    own_workstation: Workstation, open_page: Opener, width: int, height: int
) -> None:
    ids = urgent_ones(own_workstation.store)
    page = open_page(ids["stat"], at=own_workstation)
    page.set_viewport_size({"width": width, "height": height})
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_role("button", name="Shown in each line").click()
    for name in COLUMNS:
        page.get_by_role("checkbox", name=name).check()
    page.get_by_role("checkbox", name="Waiting time").uncheck()
    page.get_by_role("checkbox", name="Waiting time").press("Escape")
    details = page.locator(f"[data-case={ids['stat']}] [data-part=details]")
    for text in (
        "Patient no.: PLANTED-000000000000",
        "Accession: PLANTED-ACC-000000",
        "Site: test",
    ):
        expect(details).to_contain_text(text)
    expect(page.locator(f"[data-case={ids['stat']}] [data-part=since]")).to_have_text("")
    page.reload()
    expect(details).to_contain_text("PLANTED-ACC-000000")
    # Nothing of what is shown is cut off at the side of the list.
    cut = page.evaluate(CUT)
    assert cut == []


@pytest.mark.stress
def test_the_list_in_chinese(filled: tuple[Workstation, list[str]], open_page: Opener) -> None:
    workstation, ids = filled
    page = open_page(ids[0], at=workstation, lang="zh")
    expect(page.locator("[data-part=range]")).to_have_text("第 1–50 项，共 120 项")
    page.get_by_role("button", name="筛选", exact=True).click()
    page.get_by_label("设备类型").select_option("MR")
    expect(page.locator("[data-part=range]")).to_have_text("第 1–39 项，共 39 项")
