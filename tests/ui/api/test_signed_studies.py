"""Signed studies at the HTTP interface: what is signed is shown, and nothing of a draft."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from radraft.pipeline.service import Service
from radraft.reports.alerts import AlertMove, AlertStep, Channel
from radraft.reports.lifecycle import Move
from radraft.reports.roles import Role
from radraft.studies.values import Patient
from radraft.ui.access import application
from radraft.ui.mount import add_routes
from tests.builders import signed_in
from tests.ui import seed
from tests.ui.conftest import ORIGIN
from tests.ui.people import become

pytestmark = pytest.mark.slow

ZHANG = Patient("P-77", "Zhang^Wei=张^伟", date(1962, 3, 5), "M")


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    app: FastAPI = application(service)
    add_routes(app, service)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as made:
        yield become(made, "赵临床", (Role.CLINICIAN,), "test")


def sign(service: Service, case_id: str) -> None:
    working = service.case_view(case_id).working
    service.signing.sign(
        case_id,
        base_revision=working.revision,
        base_step=working.steps,
        actor=signed_in(service.store, "林清"),
    )


def reword(service: Service, case_id: str, zh: str, en: str) -> None:
    working = service.case_view(case_id).working
    first, *rest = working.report.findings
    report = replace(working.report, findings=(first.reworded(zh=zh, en=en), *rest))
    lin = signed_in(service.store, "林清")
    service.save(case_id, report, base_revision=working.revision, actor=lin)


def amend(service: Service, case_id: str) -> None:
    service.signing.amend(
        case_id,
        actor=signed_in(service.store, "林清"),
        base_step=service.case_view(case_id).working.steps,
        reason="复核",
    )


def numbered(client: TestClient, number: str) -> list[dict[str, Any]]:
    answer = client.post("/api/signed-studies/numbered", json={"number": number})
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["studies"]
    return found


def test_of_a_study_that_is_not_signed_it_is_said_that_it_is_not(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store, 1, accession="ACC-1", patient=ZHANG)
    [found] = numbered(client, "acc 1")
    assert found["standing"] == "waiting"
    assert (found["case_id"], found["modality"]) == ("", "CR")
    assert client.get(f"/api/cases/{case_id}/signed").status_code == 403
    reword(service, case_id, "左侧胸腔积液。", "Left effusion.")
    assert [study["standing"] for study in numbered(client, "ACC-1")] == ["writing"]
    lin = signed_in(service.store, "林清")
    view = service.case_view(case_id).working
    service.signing.take(
        case_id,
        Move.SUBMIT,
        actor=lin,
        base_step=view.steps,
        base_revision=view.revision,
    )
    assert [study["standing"] for study in numbered(client, "ACC-1")] == ["review"]
    # Whoever reads drafts is told the same here.
    become(client, "林清")
    answer = client.get(f"/api/cases/{case_id}/signed")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "study_not_signed")


def test_an_accession_that_two_studies_share_names_both(
    client: TestClient, service: Service
) -> None:
    film = seed.add(service.store, 1, accession="ACC-2", patient=ZHANG)
    scan = seed.add(service.store, 2, accession="ACC-2", patient=ZHANG, modality="CT")
    other = seed.add(service.store, 3, accession="ACC-22", patient=ZHANG)
    for case_id in (film, scan, other):
        sign(service, case_id)
    seed.add(service.store, 4, accession="ACC-2", patient=ZHANG)
    found = numbered(client, "ACC-2")
    assert {(study["case_id"], study["modality"]) for study in found[:2]} == {
        (film, "CR"),
        (scan, "CT"),
    }
    assert [study["standing"] for study in found] == ["signed", "signed", "waiting"]
    assert numbered(client, scan)[0]["case_id"] == scan
    assert numbered(client, "ACC-9") == numbered(client, "--") == []


def test_of_another_sites_study_nothing_is_told_but_that_it_is_there(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store, 1, accession="ACC-3", patient=ZHANG)
    sign(service, case_id)
    become(client, "钱外院", (Role.CLINICIAN,), "south")
    [found] = numbered(client, "ACC-3")
    assert found == {
        "standing": "elsewhere",
        "case_id": "",
        "modality": "",
        "body_part": "",
        "study_date": None,
    }
    assert client.get(f"/api/cases/{case_id}/signed").status_code == 403
    found = client.post("/api/signed-studies/search", json={"search": "zhangwei"}).json()
    assert found["studies"] == []


@pytest.mark.parametrize("text", ["张伟", "zhangwei", "zw", "P-77", "ACC-4"])
def test_a_signed_study_is_found_by_name_and_number(
    client: TestClient, service: Service, text: str
) -> None:
    case_id = seed.add(service.store, 1, accession="ACC-4", patient=ZHANG)
    seed.add(service.store, 2, accession="ACC-44", patient=ZHANG)
    sign(service, case_id)
    found = client.post("/api/signed-studies/search", json={"search": text}).json()
    assert [study["case_id"] for study in found["studies"]] == [case_id]
    assert found["unsigned"] == []


def test_versions_come_newest_first_with_what_changed_and_an_amendment_once_it_is_signed(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store, 1, patient=ZHANG)
    sign(service, case_id)
    before = client.get(f"/api/cases/{case_id}/signed").json()
    assert [version["version"] for version in before["versions"]] == [1]
    amend(service, case_id)
    reword(service, case_id, "左侧气胸，压缩约30%。", "Left pneumothorax of about 30%.")
    # Its critical value is the draft's too, until it is signed or somebody was told.
    assert client.get(f"/api/cases/{case_id}/signed").json() == before
    alert = service.critical.of_case(case_id)[0].alert
    service.critical.move(
        alert.alert_id,
        AlertStep(AlertMove.NOTIFY, recipient="周医生", channel=Channel.PHONE),
        actor=signed_in(service.store, "林清"),
        base_revision=alert.revision,
    )
    sign(service, case_id)
    after = client.get(f"/api/cases/{case_id}/signed").json()
    assert [version["version"] for version in after["versions"]] == [2, 1]
    [change] = after["versions"][0]["changes"]
    assert change["after_zh"] == "左侧气胸，压缩约30%。"
    assert after["versions"][0]["amendment"]["reason"] == "复核"
    [told] = after["alerts"]
    assert (told["told"]["whom"], told["acknowledged"]) == ("周医生", None)
    assert len(after["images"]) == 1
    assert client.get(f"/api/images/{after['images'][0]}/png").status_code == 200


def test_the_patients_other_signed_studies_are_those_of_sites_that_he_may_see(
    client: TestClient, service: Service
) -> None:
    earlier = seed.add(
        service.store,
        1,
        patient=ZHANG,
        accession="ACC-5",
        study_time=datetime(2025, 1, 1, 8),
        body_part="ABDOMEN",
    )
    here = seed.add(service.store, 2, patient=ZHANG, study_time=datetime(2026, 1, 1, 8))
    later = seed.add(service.store, 3, patient=ZHANG, study_time=datetime(2026, 3, 1, 8))
    unsigned = seed.add(service.store, 4, patient=ZHANG, study_time=datetime(2026, 2, 1, 8))
    stranger = seed.add(service.store, 5, study_time=datetime(2025, 1, 1, 8))
    for case_id in (earlier, here, later, stranger):
        sign(service, case_id)
    found = client.get(f"/api/cases/{here}/signed").json()["patient_studies"]
    assert [study["case_id"] for study in found] == [later, earlier]
    assert found[0]["days_before"] < 0 < found[1]["days_before"]
    assert found[1]["signed"]["report"]["impression"]
    assert unsigned not in str(found)
    assert service.signed_studies.study(here, frozenset({"south"})).patient_studies == ()


def test_an_opened_study_is_read_ahead_in_its_newest_version(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[str, int]] = []
    monkeypatch.setattr(
        service.opened_reports, "opened", lambda case_id, version: opened.append((case_id, version))
    )
    case_id = seed.add(service.store, 1, accession="ACC-1", patient=ZHANG)
    assert client.get(f"/api/cases/{case_id}/signed").status_code == 403
    assert opened == []
    seed.draft(service.store, seed.made_draft(case_id))
    sign(service, case_id)
    amend(service, case_id)
    reword(service, case_id, "右肺结节。", "Nodule of the right lung.")
    sign(service, case_id)
    assert client.get(f"/api/cases/{case_id}/signed").status_code == 200
    assert opened == [(case_id, 2)]
