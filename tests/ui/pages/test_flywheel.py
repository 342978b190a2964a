"""The trend page and what it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, expect

from radraft.pipeline.service import Service
from radraft.store.database import Store
from radraft.ui.access import application
from radraft.ui.api.reports import add_api
from radraft.ui.pages.flywheel.page import TrendPage
from radraft.ui.pages.sites import add_site_page
from radraft.ui.static import add_assets
from tests.builders import ACCESSION, NAME, PATIENT_ID
from tests.finetune.trend.made import FIRST, MONDAY, WEEK, add, promote, register, sign_at
from tests.ui.conftest import Seen, Workstation, asking, let_in


@pytest.fixture
def trend_client(service: Service) -> Iterator[TestClient]:
    app = application(service)
    add_api(app, service)
    add_assets(app)
    add_site_page(app, TrendPage(service.store), service.settings.site)
    with asking(app) as made:
        yield made


def fill(store: Store, weeks: int = 3, first: int = 0) -> list[str]:
    """Some weeks at two sites and a promotion at the first; the case ids. Studies are numbered
    from `first`."""
    known = []
    with store.begin() as session:
        register(session, FIRST, "north")
        promote(session, FIRST, "north", MONDAY + 1.5 * WEEK)
        for week in range(weeks):
            for n, site in enumerate(("north", "north", "south")):
                when = MONDAY + week * WEEK + timedelta(hours=n)
                case_id = add(session, first + 10 * week + n, site=site, made_at=when)
                sign_at(session, case_id, None, when, seconds=60.0 + n)
                known.append(case_id)
    return known


def test_the_page_is_guarded_as_the_rest(trend_client: TestClient) -> None:
    page = trend_client.get("/flywheel")
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert trend_client.get("/flywheel", headers={"Host": "evil.example"}).status_code == 421
    assert trend_client.post("/flywheel", json={}).status_code == 404
    answer = trend_client.get("/api/flywheel", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert trend_client.get("/api/flywheel").headers["Cache-Control"] == "no-store"


@pytest.mark.stress
@pytest.mark.slow
def test_one_site_at_a_time_in_either_language(trend_client: TestClient, service: Service) -> None:
    fill(service.store)
    found = trend_client.get("/api/flywheel").json()
    assert (found["sites"], found["site"]) == (["north", "south"], "north")
    assert "Site north" in found["html"]
    assert "Site south" not in found["html"]
    chinese = trend_client.get("/api/flywheel", params={"lang": "zh", "site": "south"}).json()
    assert "站点 south" in chinese["html"]
    refused = trend_client.get("/api/flywheel", params={"site": "nowhere"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "trend_site_unknown")
    assert trend_client.get("/api/flywheel", params={"lang": "fr"}).status_code == 422


@pytest.mark.slow
def test_a_new_signature_is_on_the_page(trend_client: TestClient, service: Service) -> None:
    fill(service.store, weeks=1)
    before = trend_client.get("/api/flywheel").json()["html"]
    assert trend_client.get("/api/flywheel").json()["html"] == before
    with service.store.begin() as session:
        case_id = add(session, 99, site="north", made_at=MONDAY)
        sign_at(session, case_id, None, MONDAY + WEEK)
    assert trend_client.get("/api/flywheel").json()["html"] != before


def test_the_csv_is_a_file_of_all_sites(trend_client: TestClient, service: Service) -> None:
    fill(service.store, weeks=1)
    answer = trend_client.get("/api/flywheel.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    sites = [line.split(",")[0] for line in answer.text.splitlines()[1:]]
    assert sites == ["north", "north", "south"]
    one = trend_client.get("/api/flywheel.csv", params={"site": "south"})
    assert len(one.text.splitlines()) == 2


@pytest.mark.slow
def test_no_case_and_no_person_is_named(trend_client: TestClient, service: Service) -> None:
    cases = fill(service.store)
    texts = [
        trend_client.get(path).text
        for path in ("/api/flywheel", "/api/flywheel?lang=zh", "/api/flywheel.csv", "/flywheel")
    ]
    planted = [*NAME.replace("=", "^").split("^"), PATIENT_ID, ACCESSION, *cases]
    planted += ["王签名", "李编辑", "陈确认"]
    assert [word for word in planted for text in texts if word in text] == []


def test_nothing_signed_is_a_plain_sentence(trend_client: TestClient, service: Service) -> None:
    empty = trend_client.get("/api/flywheel").json()
    assert (empty["sites"], empty["site"]) == ([], None)
    assert "There are no drafts" in empty["html"]
    with service.store.begin() as session:
        add(session, 1, site="north", made_at=MONDAY)
    html = trend_client.get("/api/flywheel", params={"lang": "zh"}).json()["html"]
    assert "还没有签发过" in html
    assert "<svg" not in html


@pytest.fixture
def trend_page(browser: Browser, own_workstation: Workstation, seen: Seen) -> Iterator[Page]:
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
    trend_page: Page, own_workstation: Workstation, tmp_path: Path
) -> None:
    url = f"{own_workstation.url}/flywheel"
    trend_page.goto(url)
    expect(trend_page.locator(".empty")).to_contain_text("There are no drafts")
    expect(trend_page.locator("[data-part=csv]")).to_be_hidden()

    fill(own_workstation.store)
    trend_page.reload()
    expect(trend_page.locator("h1")).to_have_text("Is it getting better?")
    expect(trend_page.locator(".page svg")).to_have_count(5)
    expect(trend_page).to_have_title("Trend")
    width = trend_page.evaluate("document.documentElement.scrollWidth")
    assert width <= 1366

    # On paper, where the header is left out, the page itself says what it may be used for.
    expect(trend_page.locator(".page .research")).to_be_hidden()
    trend_page.emulate_media(media="print")
    expect(trend_page.locator(".page .research")).to_be_visible()
    expect(trend_page.locator(".rd-header")).to_be_hidden()
    trend_page.emulate_media(media="screen")

    trend_page.get_by_role("button", name="中文").click()
    expect(trend_page.locator("h1")).to_have_text("草稿越来越好吗？")
    expect(trend_page).to_have_title("趋势")
    trend_page.locator("[data-part=site]").select_option("south")
    expect(trend_page.locator("h2")).to_have_text("站点 south")
    trend_page.reload()
    expect(trend_page.locator("h1")).to_have_text("草稿越来越好吗？")

    with trend_page.expect_download() as download:
        trend_page.locator("[data-part=csv]").click()
    download.value.save_as(tmp_path / "flywheel.csv")
    assert (tmp_path / "flywheel.csv").read_text("utf-8-sig").startswith("site,week,monday")


@pytest.mark.stress
@pytest.mark.browser
@pytest.mark.slow
def test_labels_do_not_lie_on_each_other(trend_page: Page, own_workstation: Workstation) -> None:
    fill(own_workstation.store, weeks=12)
    for lang in ("zh-CN", "en"):
        trend_page.goto(f"{own_workstation.url}/flywheel?lang={lang}")
        trend_page.locator(".page svg").first.wait_for()
        crossing = trend_page.evaluate(
            """() => [...document.querySelectorAll(".page svg")].flatMap((svg) => {
              const texts = [...svg.querySelectorAll("text")].filter((t) => t.textContent.trim());
              const boxes = texts.map((t) => [t.textContent, t.getBoundingClientRect()]);
              return boxes.flatMap(([a, p], i) => boxes.slice(i + 1)
                .filter(([, q]) => p.left < q.right - 1 && q.left < p.right - 1
                  && p.top < q.bottom - 4 && q.top < p.bottom - 4)
                .map(([b]) => [a, b]));
            })"""
        )
        assert crossing == []
        sizes = trend_page.evaluate(
            """() => [...document.querySelectorAll(".page svg text")]
              .map((t) => parseFloat(getComputedStyle(t).fontSize)
                * t.ownerSVGElement.getScreenCTM().a)"""
        )
        assert min(sizes) >= 11
