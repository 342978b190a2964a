"""What technologists ask over HTTP: the last hour, small pictures, links of retakes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from radraft.pipeline.service import Service
from radraft.reports.roles import Role
from radraft.store import arrivals, image_verdicts
from radraft.store.database import Store
from radraft.studies.quality.values import Verdict
from radraft.ui.access import application
from radraft.ui.mount import add_routes
from tests.arrived import arrive, claim, film, judge
from tests.ui.conftest import ORIGIN
from tests.ui.people import become

TECHNOLOGIST = (Role.TECHNOLOGIST,)
NAME = "Made^Up=马^小明"


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    app = application(service)
    add_routes(app, service)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as made:
        yield become(made, "赵技师", TECHNOLOGIST, "north")


def take(store: Store, *, site: str = "north") -> None:
    """A poor film, and a better one three minutes later, a minute ago."""
    now = datetime.now(UTC)
    arrive(store, "1", at=now - timedelta(minutes=4), site=site)
    arrive(store, "2", at=now - timedelta(minutes=1), site=site)
    first, second = claim(store, "a", now)
    poor = replace(film(first, Verdict.POOR, patient_name=NAME), thumbnail=b"\x89PNG made up")
    judge(store, poor, film(second, patient_name=NAME), now=now)
    with store.begin() as session:
        image_verdicts.note_device(session, (site, "DR1", "ROOM1"), now)


def shown(client: TestClient, **query: str) -> dict[str, Any]:
    answer = client.get("/api/arrivals", params=query)
    assert answer.status_code == 200
    return dict(answer.json())


def refused(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_each_film_has_its_verdict_and_says_what_to_correct_in_both_languages(
    client: TestClient, service: Service
) -> None:
    take(service.store)
    good, poor = shown(client)["lines"]
    assert (good["verdict"], poor["verdict"]) == ("good", "poor")
    [remark] = poor["remarks"]
    assert "Raise the exposure" in remark["en"]
    assert "请提高曝光量" in remark["zh"]
    assert (poor["patient_name"], poor["source"], poor["station"]) == (NAME, "DR1", "ROOM1")
    assert good["may_replace"] == [poor["arrival_id"]]


def test_no_uid_leaves_the_service(client: TestClient, service: Service) -> None:
    uid, now = "1.2.826.0.1.3680043.10.2.77", datetime.now(UTC)
    arrive(service.store, "1", "2", study=uid, at=now)
    first, _ = claim(service.store, "a", now)
    judge(service.store, film(first, study_uid=uid), now=now)
    assert len(shown(client)["lines"]) == 2
    assert uid not in client.get("/api/arrivals").text


def test_what_did_not_change_is_not_sent_again(client: TestClient, service: Service) -> None:
    take(service.store)
    tag = client.get("/api/arrivals").headers["ETag"]
    assert client.get("/api/arrivals", headers={"If-None-Match": tag}).status_code == 304


def test_his_device_is_asked_for_by_a_code_that_names_nothing(
    client: TestClient, service: Service
) -> None:
    take(service.store)
    with service.store.begin() as session:
        image_verdicts.note_device(session, ("north", "DR2", ""), datetime.now(UTC))
    known = {device["source"]: device["id"] for device in shown(client)["devices"]}
    assert len(shown(client, device=known["DR1"])["lines"]) == 2
    assert shown(client, device=known["DR2"])["lines"] == []
    gone = shown(client, device="0" * 16)
    assert (gone["device"], len(gone["lines"])) == (None, 2)
    assert client.get("/api/arrivals", params={"device": "DR1"}).status_code == 422


def test_another_site_is_not_shown_and_its_pictures_and_links_are_refused(
    client: TestClient, service: Service
) -> None:
    take(service.store, site="south")
    assert shown(client) == {"lines": [], "devices": [], "device": None, "cut": False}
    refused(client.get("/api/arrivals/1/picture"), 403, "not_allowed")
    answer = client.post("/api/arrivals/2/retake", json={"replaces": 1, "base_revision": 0})
    refused(answer, 403, "not_allowed")


def test_a_picture_is_kept_by_no_browser(client: TestClient, service: Service) -> None:
    take(service.store)
    answer = client.get("/api/arrivals/1/picture")
    assert (answer.content, answer.headers["Cache-Control"]) == (b"\x89PNG made up", "no-store")
    refused(client.get("/api/arrivals/2/picture"), 404, "arrival_picture_gone")
    assert client.get("/api/arrivals/99999999999/picture").status_code == 422


def test_a_retake_is_linked_and_unlinked_by_hand_with_his_name(
    client: TestClient, service: Service
) -> None:
    take(service.store)
    link = client.post("/api/arrivals/2/retake", json={"replaces": 1, "base_revision": 0}).json()
    assert (link["replaces"], link["by"], link["revision"]) == (1, "赵技师", 1)
    good, poor = shown(client)["lines"]
    assert (good["link"]["replaces"], poor["replaced_by"]) == (1, 2)
    stale = client.post("/api/arrivals/2/retake", json={"replaces": None, "base_revision": 0})
    refused(stale, 409, "retake_changed")
    answer = client.post("/api/arrivals/2/retake", json={"replaces": None, "base_revision": 1})
    assert answer.status_code == 200
    good, poor = shown(client)["lines"]
    assert (good["link"]["replaces"], poor["replaced_by"]) == (None, None)
    wrong = client.post("/api/arrivals/1/retake", json={"replaces": 2, "base_revision": 0})
    refused(wrong, 422, "retake_of_other")


def test_what_was_refused_says_its_code_and_what_to_do(
    client: TestClient, service: Service
) -> None:
    take(service.store)
    with service.store.begin() as session:
        arrivals.refuse(session, [1], "study_patients_differ")
    [line] = [line for line in shown(client)["lines"] if line["code"]]
    assert (line["code"], line["refused"]) == ("study_patients_differ", 1)
    assert line["problem"]["en"]
    assert line["problem"]["zh"]


def test_looking_on_is_one_event_and_names_no_patient(client: TestClient, service: Service) -> None:
    take(service.store)
    for _ in range(3):
        shown(client)
    assert service.trail.drain()
    become(client, "管理员", (Role.ADMINISTRATOR,))
    found = client.get("/api/audit", params={"kind": "view"}).json()["entries"]
    assert [entry["name"] for entry in found] == ["赵技师"]
    assert "GET /api/arrivals" in found[0]["details"]
    assert "Made" not in str(found)


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.ENGINEER, Role.ADMINISTRATOR])
def test_who_sends_no_images_sees_none(client: TestClient, service: Service, role: Role) -> None:
    take(service.store)
    become(client, "somebody else", (role,))
    refused(client.get("/api/arrivals"), 403, "not_allowed")
    refused(client.get("/api/arrivals/1/picture"), 403, "not_allowed")
