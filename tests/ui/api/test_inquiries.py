"""Questions to radiologists at the HTTP interface, from asking to an addendum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import text

from radraft.pipeline.service import Service
from radraft.reports.roles import Role
from radraft.store import accounts
from radraft.ui.access import application
from radraft.ui.mount import add_routes
from tests.ui import seed
from tests.ui.conftest import ORIGIN
from tests.ui.people import account_of, become

pytestmark = pytest.mark.slow

SIGNATURE = {"base_step": 0, "base_revision": 1, "images_seen": "drawn"}
QUESTION = "这个结节多大？"
ANSWER = "长径约 8 mm，边缘光整。"


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    app: FastAPI = application(service)
    add_routes(app, service)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as made:
        yield made


@pytest.fixture
def case_id(client: TestClient, service: Service) -> str:
    """A study that an attending signed alone."""
    found = seed.add(service.store)
    lin(client)
    assert client.post(f"/api/cases/{found}/sign", json=SIGNATURE).status_code == 200
    return found


def lin(client: TestClient) -> TestClient:
    return become(client, "林清", (Role.ATTENDING,))


def zhao(client: TestClient) -> TestClient:
    return become(client, "赵临床", (Role.CLINICIAN,))


def code(answer: Response) -> str:
    found: str = answer.json()["error"]["code"]
    return found


def asks(client: TestClient, case_id: str, question: str = QUESTION) -> dict[str, Any]:
    answer = client.post(
        f"/api/cases/{case_id}/inquiries", json={"question": question, "lang": "zh"}
    )
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def takes(
    client: TestClient, case_id: str, inquiry_id: int, step: str, revision: int, **more: object
) -> Response:
    path = f"/api/cases/{case_id}/inquiries/{inquiry_id}/{step}"
    return client.post(path, json={"base_revision": revision, **more})


def shown(client: TestClient, case_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/api/cases/{case_id}/signed").json()["inquiries"]
    return found


def test_a_question_goes_to_who_signed_and_his_answer_comes_back_under_his_name(
    client: TestClient, service: Service, case_id: str
) -> None:
    asked = asks(zhao(client), case_id)
    assert asked["to"] == "林清"
    [question] = shown(client, case_id)
    assert (question["state"], question["mine"], question["to_here"]) == ("asked", True, True)
    listed = lin(client).get("/api/worklist?asked=true").json()
    assert [row["case_id"] for row in listed["rows"]] == [case_id]
    assert listed["rows"][0]["inquiries"]["mine"] is True
    assert listed["inquiries"] == {"studies": 1, "mine": 1}
    number = asked["inquiry_id"]
    assert takes(client, case_id, number, "see", 1).json()["state"] == "seen"
    assert takes(client, case_id, number, "answer", 2, text=ANSWER).json()["state"] == "answered"
    [question] = shown(zhao(client), case_id)
    assert question["seen"]["by"] == "林清"
    assert [(a["by"], a["text"], a["version"]) for a in question["answers"]] == [
        ("林清", ANSWER, 1)
    ]
    assert lin(client).get("/api/worklist?asked=true").json()["rows"] == []
    # What was said is nowhere but in its own tables: not in the audit, nor where models learn.
    with service.store.read() as session:
        for table in ("audit_events", "training_pairs"):
            rows = session.execute(text(f"SELECT * FROM {table}")).all()
            assert rows and ANSWER not in str(rows) and QUESTION not in str(rows), table
        kinds = session.execute(
            text("SELECT details FROM audit_events WHERE kind = 'question' ORDER BY sequence")
        )
        assert len(kinds.all()) == 3


def test_of_two_who_answer_at_once_one_is_told_and_may_add_his(
    client: TestClient, case_id: str
) -> None:
    number = asks(zhao(client), case_id)["inquiry_id"]
    assert takes(lin(client), case_id, number, "answer", 1, text=ANSWER).status_code == 200
    become(client, "王主治", (Role.ATTENDING,))
    late = takes(client, case_id, number, "answer", 1, text="9 mm")
    assert (late.status_code, code(late)) == (409, "inquiry_changed")
    assert takes(client, case_id, number, "answer", 2, text="同意。").status_code == 200
    assert [answer["by"] for answer in shown(client, case_id)[0]["answers"]] == ["林清", "王主治"]


def test_a_colleague_takes_what_was_put_to_another(client: TestClient, case_id: str) -> None:
    number = asks(zhao(client), case_id)["inquiry_id"]
    become(client, "王主治", (Role.ATTENDING,))
    assert takes(client, case_id, number, "take", 1).json()["to"] == "王主治"
    assert client.get("/api/worklist").json()["inquiries"] == {"studies": 1, "mine": 1}


def test_who_left_the_hospital_is_asked_nothing_more(
    client: TestClient, service: Service, case_id: str
) -> None:
    before = asks(zhao(client), case_id)
    with service.store.begin() as session:
        accounts.set_memberships(session, account_of(service.store, "林清").account_id, [])
    assert asks(client, case_id, "还有呢？")["to"] is None
    put, free = shown(client, case_id)
    assert (put["to"], put["to_here"]) == ("林清", False)
    assert (free["to"], free["to_here"]) == (None, False)
    become(client, "王主治", (Role.ATTENDING,))
    answered = takes(client, case_id, before["inquiry_id"], "answer", 1, text=ANSWER)
    assert answered.json()["to"] == "王主治"


def test_who_may_answer(client: TestClient, case_id: str) -> None:
    number = asks(zhao(client), case_id)["inquiry_id"]
    assert code(takes(client, case_id, number, "answer", 1, text=ANSWER)) == "not_allowed"
    become(client, "周住院", (Role.RESIDENT,))
    refused = takes(client, case_id, number, "answer", 1, text=ANSWER)
    assert (refused.status_code, code(refused)) == (403, "answer_not_yours")
    become(client, "南院", (Role.ATTENDING,), "south")
    assert code(takes(client, case_id, number, "answer", 1, text=ANSWER)) == "not_allowed"


def test_only_who_asked_takes_his_question_back(client: TestClient, case_id: str) -> None:
    number = asks(zhao(client), case_id)["inquiry_id"]
    become(client, "孙临床", (Role.CLINICIAN,))
    other = takes(client, case_id, number, "withdraw", 1)
    assert (other.status_code, code(other)) == (403, "inquiry_not_yours")
    assert takes(zhao(client), case_id, number, "withdraw", 1).json()["state"] == "withdrawn"
    late = takes(lin(client), case_id, number, "answer", 2, text=ANSWER)
    assert (late.status_code, code(late)) == (409, "inquiry_move_refused")


def test_an_answer_begins_an_addendum_and_later_ones_say_which_version_they_are_of(
    client: TestClient, case_id: str
) -> None:
    number = asks(zhao(client), case_id)["inquiry_id"]
    lin(client)
    path = f"/api/cases/{case_id}/inquiries/{number}/addendum"
    steps = client.get(f"/api/cases/{case_id}").json()["working"]["steps"]
    early = client.post(path, json={"base_step": steps, "reason": "回答临床提问"})
    assert (early.status_code, code(early)) == (409, "inquiry_unanswered")
    takes(client, case_id, number, "answer", 1, text=ANSWER)
    begun = client.post(path, json={"base_step": steps, "reason": "回答临床提问"}).json()
    assert begun["amendment"]["kind"] == "addendum"
    assert begun["report"]["impression"][-1]["zh"] == ANSWER
    # Nothing of it is seen before it is signed; a second one is not begun.
    assert len(shown(zhao(client), case_id)) == 1
    assert len(client.get(f"/api/cases/{case_id}/signed").json()["versions"]) == 1
    lin(client)
    again = client.post(path, json={"base_step": steps, "reason": "回答临床提问"})
    assert again.status_code == 409
    signed = client.post(
        f"/api/cases/{case_id}/sign",
        json=SIGNATURE | {"base_step": begun["steps"], "base_revision": begun["revision"]},
    )
    assert signed.status_code == 200, signed.text
    takes(client, case_id, number, "answer", 2, text="已写入补充报告。")
    view = zhao(client).get(f"/api/cases/{case_id}/signed").json()
    assert view["versions"][0]["report"]["impression"][-1]["zh"] == ANSWER
    assert [answer["version"] for answer in view["inquiries"][0]["answers"]] == [1, 2]
    assert view["inquiries"][0]["version"] == 1


def test_what_is_thought_of_an_answer_is_kept(client: TestClient, case_id: str) -> None:
    turn = zhao(client).post(f"/api/cases/{case_id}/questions", json={"question": "血型是什么？"})
    number = turn.json()["turn_id"]
    assert turn.json()["version"] == 1
    path = f"/api/cases/{case_id}/turns/{number}/mark"
    assert client.post(path, json={"verdict": "down", "correction": "正常"}).status_code == 200
    assert client.post(path, json={"verdict": "sideways"}).status_code == 422
    assert code(client.post(path.replace(f"/{number}/", "/999/"), json={"verdict": "up"})) == (
        "turn_not_found"
    )
    marks = client.get(f"/api/cases/{case_id}/signed").json()["turns"][0]["marks"]
    assert marks == {"up": 0, "down": 1, "own": {"verdict": "down", "correction": "正常"}}
    become(client, "孙临床", (Role.CLINICIAN,))
    marks = client.get(f"/api/cases/{case_id}/signed").json()["turns"][0]["marks"]
    assert marks == {"up": 0, "down": 1, "own": None}


def test_nothing_is_asked_of_a_study_that_is_not_signed(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store, 9)
    refused = zhao(client).post(
        f"/api/cases/{case_id}/inquiries", json={"question": QUESTION, "lang": "zh"}
    )
    assert (refused.status_code, code(refused)) == (409, "followup_not_signed")
