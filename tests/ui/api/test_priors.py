"""Earlier studies in the study page."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import expect

from radraft.pipeline.archive_import import import_archive
from radraft.pipeline.archive_sources import CsvSource
from radraft.pipeline.service import Service
from radraft.reports.archive.mapping import ArchiveMapping
from radraft.reports.archive.values import KeptAs, KeptText
from radraft.store import archive
from radraft.store.database import Store
from radraft.store.priors import earlier_reports
from radraft.store.signatures import sign
from radraft.studies.values import Patient
from radraft.ui.access import application
from radraft.ui.api.priors import add_priors, view_elsewhere
from radraft.ui.api.reports import add_api
from tests.builders import person
from tests.store import tampering
from tests.ui import seed
from tests.ui.conftest import Opener, Workstation, asking

TODAY = datetime(2026, 6, 1, 9, 30)
BORN = date(1961, 4, 12)
NOW = datetime(2026, 6, 2, tzinfo=UTC)
PAST = """\
检查号,姓名,出生日期,影像所见,诊断意见,报告医师,审核医师,报告时间,状态
A-9121,孙植入,1961-04-12,"双侧胸廓对称，纵隔居中。
右肺下叶见斑片状模糊影。",右肺下叶炎症，建议治疗后复查。,柏医师甲,窦医师乙,2019-03-04 15:06,已审核
A-9121,孙植入,1961-04-12,,补充：左侧第3肋骨陈旧性骨折。,柏医师甲,窦医师乙,2019-03-05 08:00,补充
"""
PAST_MAPPING = ArchiveMapping.from_yaml(
    "columns: {accession: 检查号, patient_name: 姓名, birth_date: 出生日期, findings: 影像所见,"
    " impression: 诊断意见, author: 报告医师, reviewer: 审核医师, reported_at: 报告时间,"
    " status: 状态}"
)


def add(store: Store, number: int, name: str, days_ago: int, **changes: object) -> str:
    """Study `number` of a patient who was born on BORN, so many days ago."""
    born = changes.pop("born", BORN)
    assert born is None or isinstance(born, date)
    patient = Patient(f"N-{number:06d}", name, born, str(changes.pop("sex", "M")))
    when = TODAY - timedelta(days=days_ago)
    return seed.add(store, number, patient=patient, study_time=when, age_years=65, **changes)


def signed(store: Store, case_id: str) -> str:
    """Sign the case's drafted report."""
    with store.begin() as session:
        sign(session, case_id, base_revision=1, signer=person("王签名"), now=NOW)
    return case_id


@pytest.fixture
def priors_client(service: Service) -> Iterator[TestClient]:
    app = application(service)
    add_api(app, service)
    add_priors(app, service)
    with asking(app) as made:
        yield made


def test_a_linked_study_comes_with_its_signed_report(
    priors_client: TestClient, service: Service
) -> None:
    before = signed(service.store, add(service.store, 1, "赵^明远", 120))
    now = add(service.store, 2, "Zhao^Mingyuan", 0)
    found = priors_client.get(f"/api/cases/{now}/priors").json()
    assert (found["state"], found["to_confirm"], found["rejected"]) == ("found", [], [])
    (one,) = found["priors"]
    assert (one["case_id"], one["days_before"], one["version"]) == (before, 120, 1)
    assert one["report"]["findings"][0]["zh"] == seed.FINDINGS[0][0]
    assert "patient" not in one
    alone = priors_client.get(f"/api/cases/{before}/priors").json()
    assert (alone["state"], alone["priors"]) == ("none", [])


def test_an_earlier_report_that_was_changed_after_its_signature_is_not_shown(
    priors_client: TestClient, service: Service
) -> None:
    before = signed(service.store, add(service.store, 1, "赵^明远", 120))
    now = add(service.store, 2, "Zhao^Mingyuan", 0)
    tampering.change_text(service.settings, before, seed.FINDINGS[0][0], "右侧大量气胸。")
    answer = priors_client.get(f"/api/cases/{now}/priors")
    (one,) = answer.json()["priors"]
    assert (one["report"], one["broken"]) == (None, True)
    assert "气胸" not in answer.text


def test_a_reader_says_whether_it_is_the_same_person(
    priors_client: TestClient, service: Service
) -> None:
    before = add(service.store, 1, "赵明远", 120)
    now = add(service.store, 2, "赵名远", 0)
    (one,) = priors_client.get(f"/api/cases/{now}/priors").json()["to_confirm"]
    assert (one["patient"]["name"], one["patient"]["birth_date"]) == ("赵明远", "1961-04-12")
    assert {"name_homophone", "birth_same"} <= set(one["reasons"])
    path = f"/api/cases/{now}/priors/{before}"
    refused = priors_client.post(path, json={"same": False}).json()
    assert (refused["state"], len(refused["rejected"])) == ("none", 1)
    same = priors_client.post(path, json={"same": True}).json()
    assert (same["state"], same["priors"][0]["state"]) == ("found", "confirmed")


def test_what_cannot_be_said(priors_client: TestClient, service: Service) -> None:
    now = add(service.store, 1, "赵明远", 0)
    nobody = f"/api/cases/{now}/priors/c-0000000000000000"
    answer = priors_client.post(nobody, json={"same": True})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "prior_not_found")
    named = priors_client.post(nobody, json={"same": True, "by": "李读片"})
    assert named.status_code == 422
    assert priors_client.get("/api/cases/c-0000000000000000/priors").status_code == 404
    evil = priors_client.post(
        nobody, json={"same": True}, headers={"Origin": "http://evil.example"}
    )
    assert evil.status_code == 403


@pytest.mark.browser
@pytest.mark.slow
def test_the_line_in_the_page(workstation: Workstation, open_page: Opener) -> None:
    store = workstation.store
    before = signed(store, add(store, 9101, "赵^明远", 120))
    doubtful = add(store, 9102, "赵^名远", 300)
    now = add(store, 9103, "Zhao^Mingyuan=赵^明远", 0)
    page = open_page(now, reader="李读片")
    line = page.locator("[data-part=priors]")
    expect(line).to_contain_text("120 day(s) earlier")
    expect(line.get_by_role("link", name="open")).to_have_attribute("href", f"/#{before}")
    expect(line).not_to_contain_text(seed.FINDINGS[1][1])
    line.get_by_role("button", name="report").click()
    expect(line).to_contain_text(seed.FINDINGS[1][1])

    ask = line.locator(".rd-prior-ask")
    expect(ask).to_contain_text("1961-04-12")
    expect(ask).to_contain_text("Differs: characters of the name")
    expect(ask).not_to_contain_text("(here")
    ask.get_by_role("button", name="Not the same").click()
    expect(ask).to_have_count(0)
    expect(line).to_contain_text("Another person")
    page.reload()
    expect(line).to_contain_text("Another person")
    line.get_by_role("button", name="It is the same person").click()
    expect(line).to_contain_text("confirmed by a reader")
    page.get_by_role("button", name="中文").click()
    expect(line).to_contain_text("120 天前")
    assert workstation.service.case_view(doubtful).case.case_id == doubtful


@pytest.mark.browser
@pytest.mark.slow
def test_no_prior_is_said(workstation: Workstation, open_page: Opener) -> None:
    alone = add(workstation.store, 9110, "钱^思源", 0)
    page = open_page(alone)
    expect(page.locator("[data-part=priors]")).to_have_text("Prior: none found")


def archived(store: Store, case_id: str, *, kept: KeptAs = KeptAs.REPORT, **texts: str) -> str:
    """Keep a report of another system for a study."""
    text = KeptText(
        hashlib.sha256(f"{case_id}{kept}".encode()).hexdigest(),
        kept,
        texts.get("findings", ""),
        texts.get("impression", ""),
        "柏医师甲",
        "窦医师乙",
        datetime(2019, 3, 4, 15, 6),
    )
    with store.begin() as session:
        archive.add(
            session,
            case_id,
            text,
            archive.Redacted("zh", texts.get("redacted", ""), ""),
            place="past.csv:2",
            now=NOW,
        )
    return case_id


def test_an_earlier_study_has_its_report_of_another_system_with_who_wrote_it(
    priors_client: TestClient, service: Service
) -> None:
    before = archived(
        service.store,
        add(service.store, 1, "赵^明远", 120),
        findings="赵明远，双肺清晰。",
        impression="未见异常。",
        redacted="***，双肺清晰。",
    )
    archived(service.store, before, kept=KeptAs.ADDENDUM, impression="补充：陈旧骨折。")
    now = add(service.store, 2, "Zhao^Mingyuan", 0)
    (prior,) = priors_client.get(f"/api/cases/{now}/priors").json()["priors"]
    assert (prior["report"], prior["version"], prior["broken"]) == (None, None, False)
    assert prior["archived"]["findings"] == "赵明远，双肺清晰。"
    assert (prior["archived"]["author"], prior["archived"]["reviewer"]) == ("柏医师甲", "窦医师乙")
    assert prior["archived"]["reported_at"] == "2019-03-04T15:06:00"
    assert [text["impression"] for text in prior["archived"]["addenda"]] == ["补充：陈旧骨折。"]
    own = priors_client.get(f"/api/cases/{before}/priors").json()
    assert own["archived"]["impression"] == "未见异常。"
    with service.store.read() as session:
        # Readers of another site see nobody's identity.
        elsewhere = view_elsewhere(session, now)["priors"][0]["archived"]
        (earlier,) = earlier_reports(session, now, most=1) or ()
    assert (elsewhere["findings"], elsewhere["author"]) == ("***，双肺清晰。", "")
    assert earlier.texts == (("zh", "***，双肺清晰。"),)


def test_an_archived_text_is_scrubbed_again_of_the_patient_as_the_study_now_has_him(
    priors_client: TestClient, service: Service
) -> None:
    left = "Zhao Mingyuan：双肺清晰，密度均匀。"
    archived(service.store, add(service.store, 1, "赵^明远", 120), findings="x", redacted=left)
    now = add(service.store, 2, "Zhao^Mingyuan", 0)
    with service.store.read() as session:
        (earlier,) = earlier_reports(session, now, most=1) or ()
    ((_, text),) = earlier.texts
    assert "***" in text
    assert "Mingyuan" not in text
    assert "双肺清晰，密度均匀" in text


def test_what_was_signed_here_stands_before_a_report_of_another_system(
    priors_client: TestClient, service: Service
) -> None:
    before = archived(service.store, add(service.store, 1, "赵^明远", 120), findings="旧报告。")
    signed(service.store, before)
    now = add(service.store, 2, "Zhao^Mingyuan", 0)
    (prior,) = priors_client.get(f"/api/cases/{now}/priors").json()["priors"]
    assert (prior["version"], prior["archived"]) == (1, None)
    assert prior["report"]["findings"][0]["zh"] == seed.FINDINGS[0][0]


@pytest.mark.browser
@pytest.mark.slow
def test_a_report_of_another_system_is_shown_word_for_word_and_as_such(
    workstation: Workstation, open_page: Opener, tmp_path: Path
) -> None:
    store = workstation.store
    before = add(store, 9121, "孙^植入", 400, accession="A-9121")
    table = tmp_path / "past.csv"
    table.write_text(PAST, encoding="gb18030")
    count = import_archive(CsvSource(table, PAST_MAPPING), store=store, site="test")
    assert (count.taken, count.rejected) == (2, {})
    now = add(store, 9122, "孙^植入", 0)
    page = open_page(now, reader="李读片")
    line = page.locator("[data-part=priors]")
    expect(line).to_contain_text("archive")
    expect(line).to_contain_text("13 months earlier")
    expect(line).not_to_contain_text("斑片状")
    line.get_by_role("button", name="report").click()
    expect(line).to_contain_text("右肺下叶见斑片状模糊影。")
    expect(line).to_contain_text("Written by 柏医师甲, reviewed by 窦医师乙, 2019-03-04 15:06")
    expect(line).to_contain_text("not signed here")
    expect(line).to_contain_text("左侧第3肋骨陈旧性骨折")
    # The study itself, opened.
    own = open_page(before, reader="李读片").locator("[data-part=priors]")
    expect(own).to_contain_text("Archived report of this study")
    own.get_by_role("button", name="report").click()
    expect(own).to_contain_text("右肺下叶炎症")
