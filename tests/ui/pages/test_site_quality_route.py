"""The quality page and what it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, expect

from radraft.pipeline.proofreading import DismissalLimit
from radraft.pipeline.service import Service
from radraft.store import cases
from radraft.ui.access import application
from radraft.ui.api.reports import add_api
from radraft.ui.pages.site_quality.page import QualityPage
from radraft.ui.pages.sites import add_site_page
from radraft.ui.static import add_assets
from tests.builders import ACCESSION, NAME, PATIENT_ID
from tests.studies.quality.made import MONDAY, add, fill, reason
from tests.ui.conftest import Seen, Workstation, asking, let_in


@pytest.fixture
def quality_client(service: Service) -> Iterator[TestClient]:
    app = application(service)
    add_api(app, service)
    add_assets(app)
    add_site_page(app, QualityPage(service.store, DismissalLimit()), service.settings.site)
    with asking(app) as made:
        yield made


def test_the_page_is_guarded_as_the_rest(quality_client: TestClient) -> None:
    page = quality_client.get("/quality")
    assert page.status_code == 200
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert quality_client.get("/quality", headers={"Host": "evil.example"}).status_code == 421
    answer = quality_client.get("/api/quality", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


@pytest.mark.slow
def test_one_site_at_a_time_in_either_language(
    quality_client: TestClient, service: Service
) -> None:
    empty = quality_client.get("/api/quality").json()
    assert (empty["sites"], empty["site"]) == ([], None)
    assert "No study was judged" in empty["html"]
    with service.store.begin() as session:
        fill(session, weeks=3, a_week=8)
    found = quality_client.get("/api/quality").json()
    assert (found["sites"], found["site"]) == (["north", "south"], "north")
    assert "Site north" in found["html"]
    chinese = quality_client.get("/api/quality", params={"lang": "zh", "site": "south"}).json()
    assert "站点 south" in chinese["html"]
    refused = quality_client.get("/api/quality", params={"site": "nowhere"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "quality_site_unknown")


@pytest.mark.slow
def test_a_new_study_is_on_the_page(quality_client: TestClient, service: Service) -> None:
    with service.store.begin() as session:
        add(session, 1)
    before = quality_client.get("/api/quality").json()["html"]
    assert quality_client.get("/api/quality").json()["html"] == before
    with service.store.begin() as session:
        add(session, 2, reason("quality_too_dark", 0.7), at=MONDAY)
    assert "too dark" in quality_client.get("/api/quality").json()["html"]


@pytest.mark.slow
def test_no_case_and_no_patient_is_named_and_no_staff_in_the_csv(
    quality_client: TestClient, service: Service
) -> None:
    with service.store.begin() as session:
        fill(session, weeks=2, a_week=6)
        known = [row.case_id for row in cases.worklist(session).rows]
    assert known
    paths = ("/api/quality", "/api/quality?lang=zh", "/api/quality.csv", "/quality")
    texts = [quality_client.get(path).text for path in paths]
    planted = [*NAME.replace("=", "^").split("^"), PATIENT_ID, ACCESSION, *known]
    assert [word for word in planted for text in texts if word in text] == []
    table = quality_client.get("/api/quality.csv")
    assert table.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in table.headers["Content-Disposition"]
    assert "技师" not in table.text


@pytest.fixture
def quality_page(browser: Browser, own_workstation: Workstation, seen: Seen) -> Iterator[Page]:
    """The page of an own server, not opened yet."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-US")
    let_in(context, own_workstation, own_workstation.url)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("console", seen.note)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("request", lambda request: seen.requests.append(request.url))
    yield page
    context.close()
    assert seen.errors == []
    assert [u for u in seen.requests if not u.startswith((own_workstation.url, "data:"))] == []


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_in_the_browser(
    quality_page: Page, own_workstation: Workstation, tmp_path: Path
) -> None:
    with own_workstation.store.begin() as session:
        fill(session, weeks=6, a_week=8)
    quality_page.goto(f"{own_workstation.url}/quality")
    expect(quality_page.locator("h1")).to_have_text("How good is what comes in?")
    expect(quality_page.locator(".page svg")).to_have_count(6)
    expect(quality_page).to_have_title("Image quality")
    assert quality_page.evaluate("document.documentElement.scrollWidth") <= 1366

    quality_page.get_by_role("button", name="中文").click()
    expect(quality_page.locator("h1")).to_have_text("送来的图像质量如何？")
    quality_page.locator("[data-part=site]").select_option("south")
    expect(quality_page.locator("h2")).to_have_text("站点 south")

    with quality_page.expect_download() as download:
        quality_page.locator("[data-part=csv]").click()
    download.value.save_as(tmp_path / "quality.csv")
    assert (tmp_path / "quality.csv").read_text("utf-8-sig").startswith("site,week,monday")
