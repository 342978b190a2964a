"""Changes to an impression, offered over the JSON interface and taken into a save."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from radraft.pipeline.service import Service
from radraft.reports.roles import Role
from radraft.reports.values import Origin
from radraft.ui.access import application
from radraft.ui.api.impression import add_impression
from radraft.ui.api.report_signing import add_report_signing
from radraft.ui.api.reports import add_api
from tests.ui import seed
from tests.ui.conftest import asking
from tests.ui.people import become

LEFT = ("左下肺野见斑片状密度增高影。", "Patchy opacity is seen in the left lower lung field.")
PNEUMOTHORAX = ("左侧气胸，压缩约30%。", "Left pneumothorax, about 30%.")


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    app = application(service)
    add_api(app, service)
    add_report_signing(app, service)
    add_impression(app, service)
    with asking(app) as made:
        yield made


@pytest.fixture
def case_id(service: Service) -> str:
    return seed.add(service.store)


def view(client: TestClient, case_id: str) -> Any:
    return client.get(f"/api/cases/{case_id}").json()


def save(client: TestClient, case_id: str, report: Any, revision: int) -> Any:
    body = {"base_revision": revision, "report": report}
    return client.put(f"/api/cases/{case_id}/report", json=body)


def edit(client: TestClient, case_id: str, number: int, pair: tuple[str, str]) -> Any:
    """Put other words into one finding; answers what the save says."""
    now = view(client, case_id)["working"]
    now["report"]["findings"][number] |= {"zh": pair[0], "en": pair[1]}
    return save(client, case_id, now["report"], now["revision"]).json()


def ask(client: TestClient, case_id: str, revision: int) -> Any:
    return client.post(f"/api/cases/{case_id}/impression", json={"base_revision": revision})


def take(report: Any, offer: Any) -> Any:
    """The report with everything of the offer taken, as the page does it."""
    lines = report["impression"]
    for proposal in offer["proposals"]:
        at = next((n for n, s in enumerate(lines) if s["id"] == proposal["sentence_id"]), None)
        if proposal["step"] == "remove":
            del lines[at]
        elif proposal["step"] == "replace":
            lines[at] |= {"zh": proposal["zh"], "en": proposal["en"]}
        else:
            new = {"id": proposal["sentence_id"], "zh": proposal["zh"], "en": proposal["en"]}
            before = [n for n, s in enumerate(lines) if s["id"] == proposal["before"]]
            lines.insert(before[0] if before else len(lines), new | {"origin": "model"})
    return report


def test_an_edited_finding_makes_the_impression_out_of_date(
    client: TestClient, case_id: str
) -> None:
    assert view(client, case_id)["impression"]["outdated"] is False
    said = edit(client, case_id, 1, LEFT)["impression"]
    assert said["outdated"] is True
    assert [(line["sentence_id"], line["why"]) for line in said["stale"]] == [("i1", "side")]
    assert view(client, case_id)["impression"] == said


def test_what_is_taken_stays_a_machines_until_a_person_confirms_it(
    client: TestClient, service: Service, case_id: str
) -> None:
    edit(client, case_id, 1, LEFT)
    saved = edit(client, case_id, 0, PNEUMOTHORAX)
    offer = ask(client, case_id, saved["working"]["revision"]).json()
    report = take(saved["working"]["report"], offer)
    answer = save(client, case_id, report, saved["working"]["revision"]).json()
    assert answer["impression"]["outdated"] is False
    lines = service.case_view(case_id).working.report.impression
    assert lines[0].en == "Left pneumothorax, about 30%."
    new = [line for line in lines if line.id not in ("i1", "i2") or line.origin is Origin.COMPOSED]
    assert {wording.origin for line in new for wording in line.wordings} == {Origin.COMPOSED}
    assert all(wording.confirmed is None for line in new for wording in line.wordings)
    # The same words at another place are a person's.
    report["impression"].append({"id": "p-1", "zh": PNEUMOTHORAX[0], "en": "", "origin": "model"})
    save(client, case_id, report, answer["working"]["revision"])
    assert service.case_view(case_id).working.report.impression[-1].origin is Origin.PERSON


def test_a_colleague_who_saved_meanwhile_is_not_written_over(
    client: TestClient, case_id: str
) -> None:
    edit(client, case_id, 1, LEFT)
    refused = ask(client, case_id, 1)
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "revision_conflict"


def test_nothing_is_offered_once_the_report_is_signed(client: TestClient, case_id: str) -> None:
    saved = edit(client, case_id, 1, LEFT)["working"]
    report = take(saved["report"], ask(client, case_id, saved["revision"]).json())
    saved = save(client, case_id, report, saved["revision"]).json()["working"]
    seen = {"base_revision": saved["revision"], "base_step": saved["steps"]}
    body = seen | {"images_seen": "drawn"}
    signed = client.post(f"/api/cases/{case_id}/sign", json=body)
    assert signed.status_code == 200, signed.json()
    refused = ask(client, case_id, saved["revision"])
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "report_is_signed")
    assert view(client, case_id)["impression"] is None


def test_what_was_offered_and_not_taken_changes_nothing(client: TestClient, case_id: str) -> None:
    saved = edit(client, case_id, 1, LEFT)["working"]
    ask(client, case_id, saved["revision"])
    assert view(client, case_id)["working"] == saved


def test_whoever_may_not_write_is_offered_nothing(client: TestClient, case_id: str) -> None:
    become(client, "阅片人", (Role.CLINICIAN,))
    assert ask(client, case_id, 1).status_code == 403
