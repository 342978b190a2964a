"""Signed reports as text and PDF at the HTTP interface."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from pypdf import PdfReader

from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline import report_printing
from radraft.pipeline.service import Service
from radraft.reports.roles import Role
from radraft.store.database import Store
from radraft.ui.access import application
from radraft.ui.mount import add_routes
from tests.builders import signed_in
from tests.store import tampering
from tests.ui import seed
from tests.ui.conftest import asking
from tests.ui.people import become

pytestmark = pytest.mark.slow

INSTITUTIONS = """\
test:
  name_zh: 示例市人民医院
  name_en: Example City People's Hospital
  department_zh: 放射科
  time_zone: Asia/Shanghai
"""


@pytest.fixture
def service(sqlite_store: Store, tmp_path: Path) -> Service:
    names = tmp_path / "institutions.yaml"
    names.write_text(INSTITUTIONS, encoding="utf-8")
    settings = Settings(data_dir=tmp_path / "data", institutions=names)
    return Service(sqlite_store, settings, load_profile("starter"))


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    app: FastAPI = application(service)
    add_routes(app, service)
    with asking(app) as made:
        yield made


def signed(service: Service, number: int = 1) -> str:
    case_id = seed.add(service.store, number)
    actor = signed_in(service.store, "林清")
    service.signing.sign(case_id, base_revision=1, base_step=0, actor=actor)
    return case_id


def text_of(answer: Response) -> str:
    assert answer.status_code == 200
    pages = PdfReader(io.BytesIO(answer.content)).pages
    return re.sub(r"\s+", "", "".join(page.extract_text() for page in pages))


def refusal(answer: Response) -> tuple[int, str]:
    error = answer.json()["error"]
    assert error["message_zh"] and error["message_en"]
    return answer.status_code, error["code"]


def test_a_signed_report_leaves_as_text_with_its_identity(
    client: TestClient, service: Service
) -> None:
    case_id = signed(service)
    zh = client.get(f"/api/cases/{case_id}/report.txt", params={"lang": "zh"})
    en = client.get(f"/api/cases/{case_id}/report.txt", params={"lang": "en"})
    assert zh.headers["content-type"] == "text/plain; charset=utf-8"
    assert zh.headers["cache-control"] == "no-store"
    identity = client.get(f"/api/cases/{case_id}").json()["identity"]
    for text in (zh.text, en.text):
        assert identity["accession"] in text
        assert identity["patient"]["patient_id"] in text
        assert seed.FINDINGS[0][0] in text
        assert "林清" in text
    assert "示例市人民医院  放射科" in zh.text
    assert "AI 辅助，医师审核" in zh.text
    assert "AI-assisted, reviewed by a physician" in en.text


def test_a_signed_report_leaves_as_pdf_under_a_name_that_tells_nothing(
    client: TestClient, service: Service
) -> None:
    case_id = signed(service)
    answer = client.get(f"/api/cases/{case_id}/report.pdf")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == f'inline; filename="{case_id}.pdf"'
    assert answer.headers["cache-control"] == "no-store"
    text = text_of(answer)
    assert re.sub(r"\s+", "", seed.FINDINGS[0][0]) in text
    assert "林清" in text
    assert client.get(f"/api/cases/{case_id}/report.pdf").content == answer.content


@pytest.mark.parametrize("form", ["report.txt", "report.pdf"])
def test_what_is_not_signed_or_was_changed_since_gives_nothing(
    client: TestClient, service: Service, form: str
) -> None:
    unsigned, bad = seed.add(service.store, 2), signed(service, 3)
    assert refusal(client.get(f"/api/cases/{unsigned}/{form}")) == (404, "version_not_signed")
    tampering.change_text(service.settings, bad, seed.FINDINGS[0][0], "右侧大量气胸。")
    assert refusal(client.get(f"/api/cases/{bad}/{form}")) == (409, "signature_broken")
    assert refusal(client.get(f"/api/cases/c-{'0' * 16}/{form}")) == (404, "case_not_found")


def test_while_it_is_amended_the_signed_text_leaves(client: TestClient, service: Service) -> None:
    case_id = signed(service)
    body = {"base_step": 1, "reason": "更正", "kind": "amendment"}
    assert client.post(f"/api/cases/{case_id}/amend", json=body).status_code == 200
    working = client.get(f"/api/cases/{case_id}").json()["working"]
    report = working["report"]
    report["findings"][0]["zh"] = "改写中的一句。"
    sent = {"base_revision": working["revision"], "report": report}
    assert client.put(f"/api/cases/{case_id}/report", json=sent).status_code == 200
    text = client.get(f"/api/cases/{case_id}/report.txt").text
    assert seed.FINDINGS[0][0] in text
    assert "改写中" not in text


def test_a_clinician_takes_signed_reports_along_and_the_audit_knows(
    client: TestClient, service: Service
) -> None:
    case_id, unsigned = signed(service), seed.add(service.store, 2)
    become(client, "临", (Role.CLINICIAN,))
    for form in ("report.txt", "report.pdf"):
        assert client.get(f"/api/cases/{case_id}/{form}").status_code == 200
        assert refusal(client.get(f"/api/cases/{unsigned}/{form}")) == (403, "not_allowed")
    assert service.trail.drain()
    become(client, "查", (Role.ADMINISTRATOR,))
    told = client.get("/api/audit", params={"kind": "export"}).json()["entries"]
    assert sorted((entry["case_id"], entry["details"]) for entry in told) == [
        (case_id, "route=GET /api/cases/{case_id}/report.pdf"),
        (case_id, "route=GET /api/cases/{case_id}/report.txt"),
    ]


def test_without_a_font_the_pdf_is_refused_in_both_languages_and_the_text_is_there(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    case_id = signed(service)
    monkeypatch.setattr(report_printing, "SYSTEM_FONTS", (tmp_path / "none.ttc",))
    answer = client.get(f"/api/cases/{case_id}/report.pdf")
    assert refusal(answer) == (500, "export_font_missing")
    assert client.get(f"/api/cases/{case_id}/report.txt").status_code == 200
