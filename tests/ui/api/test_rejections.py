"""Why drafted sentences are taken out: kept with the case, and in the pair its signature makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from radraft.finetune.export import preference
from radraft.pipeline.service import Service
from radraft.reports.rejection import RejectedSentence, RejectReason
from radraft.reports.roles import Role
from radraft.reports.training_pair import TrainingPair, sealed
from radraft.store import pairs, rejections
from radraft.ui.access import application
from radraft.ui.api.rejections import add_rejections
from radraft.ui.api.report_signing import add_report_signing
from radraft.ui.api.reports import add_api
from tests.ui import seed
from tests.ui.conftest import asking
from tests.ui.people import NAME, become


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    app = application(service)
    add_api(app, service)
    add_report_signing(app, service)
    add_rejections(app, service)
    with asking(app) as made:
        yield made


@pytest.fixture
def case_id(service: Service) -> str:
    return seed.add(service.store)


def reject(client: TestClient, case_id: str, key: str, reason: str) -> Any:
    body = {"sentence_id": key, "reason": reason}
    return client.post(f"/api/cases/{case_id}/rejections", json=body)


def save_without(client: TestClient, case_id: str, *keys: str) -> None:
    now = client.get(f"/api/cases/{case_id}").json()["working"]
    for section in ("findings", "impression"):
        left = [s for s in now["report"][section] if s["id"] not in keys]
        now["report"][section] = left
    body = {"base_revision": now["revision"], "report": now["report"]}
    assert client.put(f"/api/cases/{case_id}/report", json=body).status_code == 200


def sign(client: TestClient, service: Service, case_id: str) -> TrainingPair:
    now = client.get(f"/api/cases/{case_id}").json()["working"]
    seen = {"base_revision": now["revision"], "base_step": now["steps"]}
    body = seen | {"images_seen": "drawn"}
    answer = client.post(f"/api/cases/{case_id}/sign", json=body)
    assert answer.status_code == 200, answer.json()
    with service.store.read() as session:
        (pair,) = pairs.pairs(session)
    return pair


@pytest.mark.parametrize("reason", list(RejectReason))
def test_each_reason_is_kept_with_who_gave_it(
    client: TestClient, service: Service, case_id: str, reason: RejectReason
) -> None:
    assert reject(client, case_id, "f4", reason.value).status_code == 200
    with service.store.read() as session:
        (kept,) = rejections.of_case(session, case_id)
    assert (kept.sentence_id, kept.reason, kept.by.name) == ("f4", reason, NAME)


def test_the_pair_says_what_was_taken_out_and_why(
    client: TestClient, service: Service, case_id: str
) -> None:
    save_without(client, case_id, "f4", "i2")
    reject(client, case_id, "f4", "wrong_side")
    reject(client, case_id, "i2", "other")
    reject(client, case_id, "i2", "not_relevant")
    # It stays: what was said of it counts no longer.
    reject(client, case_id, "f1", "not_there")
    pair = sign(client, service, case_id)
    assert pair.rejected == (
        RejectedSentence("f4", RejectReason.WRONG_SIDE),
        RejectedSentence("i2", RejectReason.NOT_RELEVANT),
    )
    assert sealed(pair) == pair
    assert preference(pair)["metadata"]["rejected"] == [
        {"section": "findings", "place": 3, "reason": "wrong_side"},
        {"section": "impression", "place": 1, "reason": "not_relevant"},
    ]


def test_a_pair_without_reasons_has_the_id_that_it_always_had(
    client: TestClient, service: Service, case_id: str
) -> None:
    save_without(client, case_id, "f4")
    pair = sign(client, service, case_id)
    assert pair.rejected == ()
    assert sealed(pair).pair_id == pair.pair_id


def test_a_sentence_that_no_model_drafted_has_no_reason(client: TestClient, case_id: str) -> None:
    refused = reject(client, case_id, "p-1", "other")
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "sentence_not_drafted")


def test_a_reason_that_is_none_is_refused(client: TestClient, case_id: str) -> None:
    assert reject(client, case_id, "f1", "ugly").status_code == 422


def test_after_the_signature_no_reason_is_taken(
    client: TestClient, service: Service, case_id: str
) -> None:
    sign(client, service, case_id)
    refused = reject(client, case_id, "f1", "other")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "report_is_signed")


def test_whoever_may_not_write_says_nothing(client: TestClient, case_id: str) -> None:
    become(client, "阅片人", (Role.CLINICIAN,))
    assert reject(client, case_id, "f1", "other").status_code == 403
