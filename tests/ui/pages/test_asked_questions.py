"""The page of what clinicians ask: numbers of his sites for whoever may see them, and no words."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect
from sqlalchemy.orm import Session

from radraft.pipeline.asked_questions import asked_counts, figures
from radraft.pipeline.service import Service
from radraft.reports.people import typed_person
from radraft.reports.roles import Role
from radraft.store import cases, questions
from radraft.store.database import Store
from radraft.store.questions import AnswerBasis
from radraft.store.tables import TurnRow
from radraft.ui.access import application
from radraft.ui.api.reports import add_api
from radraft.ui.pages.asked_questions.page import AskedPage
from radraft.ui.pages.sites import add_site_page
from radraft.ui.static import add_assets
from tests.builders import make_deid, make_study
from tests.ui.conftest import CHROMIUM, Workstation, asking, let_in
from tests.ui.people import become
from tests.ui.test_sizes_browser import picture

PLANTED = "血型植入是什么？"


def study(session: Session, number: int, site: str, modality: str) -> str:
    deid = make_deid(number, modality=modality)
    cases.add_study(
        session, site=site, study=make_study(number), deid=deid, issues=(), original_keys=()
    )
    return deid.case_id


def ask(
    session: Session, case_id: str, kind: str | None, outcome: str, month: int = 5, times: int = 1
) -> None:
    refused = outcome in {"not mentioned", "cannot answer", "refused"}
    for _ in range(times):
        turn = questions.add_turn(
            session, case_id, question=PLANTED, answer="植入", lang="zh", citations=(),
            refused=refused, asked_by=typed_person("植入临床"), version=1,
            basis=None if kind is None else AnswerBasis(kind, outcome),
        )  # fmt: skip
        row = session.get(TurnRow, turn.turn_id)
        assert row is not None
        row.asked_at = datetime(2026, month, 28, 23, 59, tzinfo=UTC)


def fill(store: Store) -> list[str]:
    """Ask at two sites and of two sorts of examination."""
    with store.begin() as session:
        chest = study(session, 8101, "north", "CT")
        film = study(session, 8102, "north", "DX")
        other = study(session, 8103, "south", "CT")
        ask(session, chest, "presence", "answered", times=3)
        ask(session, chest, "presence", "not mentioned")
        ask(session, chest, "size", "corrected premise", month=4)
        ask(session, film, "size", "not mentioned", month=4, times=2)
        ask(session, film, "definition", "cannot answer")
        ask(session, film, None, "refused", month=3)
        ask(session, other, "side", "uncertain", times=5)
    return [chest, film, other]


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    app = application(service)
    add_api(app, service)
    add_assets(app)
    add_site_page(app, AskedPage(service.store), service.settings.site)
    with asking(app) as made:
        yield made


def test_questions_are_counted_by_kind_examination_and_month(sqlite_store: Store) -> None:
    fill(sqlite_store)
    found = figures(asked_counts(sqlite_store, "north"))
    total = found.total
    assert (total.asked, total.answered, total.no_sentence, total.beyond) == (9, 4, 3, 2)
    assert [(line.names[0], line.tally.asked) for line in found.kinds] == [
        ("presence", 4), ("size", 3), ("", 1), ("definition", 1),
    ]  # fmt: skip
    assert [(*line.names, line.tally.asked) for line in found.examinations] == [
        ("CT", "CHEST", 5), ("DX", "CHEST", 4),
    ]  # fmt: skip
    assert [(line.names[0], line.tally.unanswered_share) for line in found.months] == [
        ("2026-03", 1.0), ("2026-04", pytest.approx(2 / 3)), ("2026-05", pytest.approx(0.4)),
    ]  # fmt: skip


@pytest.mark.slow
def test_the_page_and_the_csv_have_numbers_and_no_words(
    client: TestClient, service: Service
) -> None:
    empty = client.get("/api/questions").json()
    assert (empty["sites"], empty["site"]) == ([], None)
    assert "Nobody has asked" in empty["html"]
    known = fill(service.store)
    found = client.get("/api/questions").json()
    assert (found["sites"], found["site"]) == (["north", "south"], "north")
    assert "56%" in found["html"]
    refused = client.get("/api/questions", params={"site": "nowhere"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "questions_site_unknown")
    paths = ("/api/questions?lang=zh", "/api/questions.csv", "/questions")
    texts = [found["html"], *(client.get(path).text for path in paths)]
    assert [word for word in ("植入", *known) for text in texts if word in text] == []
    rows = list(csv.DictReader(io.StringIO(client.get("/api/questions.csv").text.lstrip("\ufeff"))))
    assert sum(int(row["questions"]) for row in rows) == 14
    [most] = [row for row in rows if (row["site"], row["kind"]) == ("north", "presence")]
    assert (most["month"], most["questions"], most["answered"], most["no_sentence"]) == (
        "2026-05", "4", "3", "1",
    )  # fmt: skip


@pytest.mark.slow
def test_the_head_of_one_site_sees_his_site_alone(client: TestClient, service: Service) -> None:
    fill(service.store)
    become(client, "南主任", (Role.ADMINISTRATOR,), "south")
    found = client.get("/api/questions").json()
    assert (found["sites"], found["site"]) == (["south"], "south")
    assert client.get("/api/questions", params={"site": "north"}).status_code == 404
    assert "north" not in client.get("/api/questions.csv").text
    become(client, "临床", (Role.CLINICIAN,))
    assert client.get("/api/questions").status_code == 403
    assert client.get("/api/questions.csv").status_code == 403


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_in_the_browser(browser: Browser, own_workstation: Workstation) -> None:
    assert CHROMIUM.exists()
    fill(own_workstation.store)
    for name, width, height, scale in (
        ("390", 390, 844, 3.0), ("1366", 1366, 768, 1.0), ("1920", 1920, 1080, 1.0),
        ("200-percent", 683, 384, 2.0),
    ):  # fmt: skip
        context = browser.new_context(
            viewport={"width": width, "height": height}, device_scale_factor=scale
        )
        let_in(context, own_workstation, own_workstation.url)
        page = context.new_page()
        for lang in ("zh-CN", "en"):
            page.goto(f"{own_workstation.url}/questions?lang={lang}")
            expect(page.locator(".page svg")).to_have_count(2)
            expect(page.locator("tbody tr").first).to_contain_text("4")
            picture(page, f"questions-{name}-{lang}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        context.close()
