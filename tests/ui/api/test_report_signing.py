"""Review, signature, amendment and history over HTTP, each person in a browser of his own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from radraft.core import passwords
from radraft.pipeline import demo_accounts
from radraft.pipeline.service import Service
from radraft.reports.roles import EVERY_SITE, Membership, Role
from radraft.store import accounts, sign_ins
from radraft.ui.access import application
from radraft.ui.api.report_signing import add_report_signing
from radraft.ui.api.reports import add_api
from radraft.ui.api.sign_in import add_sign_in
from tests.ui import seed
from tests.ui.conftest import ORIGIN
from tests.ui.people import account_of, become

pytestmark = pytest.mark.slow

PASSWORD = "一二三四五六七八九十百千"
MENDED = "双肺纹理略增多，未见明确实变影。"
RULE = {
    "two_signatures": True,
    "attending_alone": False,
    "emergency_alone": False,
    "reauthenticate": False,
}


class People:
    """A browser for each."""

    def __init__(self, service: Service, stack: ExitStack) -> None:
        app = application(service)
        add_sign_in(app, service)
        add_api(app, service)
        add_report_signing(app, service)

        def browser(name: str, *roles: Role) -> TestClient:
            asking = TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN})
            return become(stack.enter_context(asking), name, roles)

        self.resident = browser("住院医师", Role.RESIDENT)
        self.attending = browser("主治医师", Role.ATTENDING)
        self.second = browser("副主任医师", Role.ATTENDING)
        self.clinician = browser("临床医师", Role.CLINICIAN)
        self.administrator = browser("管理员", Role.ADMINISTRATOR)


@pytest.fixture
def people(service: Service) -> Iterator[People]:
    with ExitStack() as stack:
        yield People(service, stack)


def view(browser: TestClient, case_id: str) -> dict[str, Any]:
    answer = browser.get(f"/api/cases/{case_id}")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


SEEN = {"images_seen": "drawn"}
"""What a page says of a signature's images."""


def post(browser: TestClient, case_id: str, step: str, **said: Any) -> dict[str, Any]:
    said = (SEEN if step == "sign" else {}) | said
    answer = browser.post(f"/api/cases/{case_id}/{step}", json=said)
    assert answer.status_code == 200, answer.json()
    done: dict[str, Any] = answer.json()
    return done


def refusal(browser: TestClient, case_id: str, step: str, **said: Any) -> tuple[int, str]:
    said = (SEEN if step == "sign" else {}) | said
    answer = browser.post(f"/api/cases/{case_id}/{step}", json=said)
    error = answer.json()["error"]
    assert error["message_zh"]
    assert error["message_en"]
    return answer.status_code, error["code"]


def set_rule(people: People, **changed: bool) -> None:
    path = "/api/sites/test/signature-rule"
    number = people.administrator.get(path).json()["number"]
    answer = people.administrator.put(path, json={"base_number": number} | RULE | changed)
    assert answer.status_code == 200


def reworded(browser: TestClient, case_id: str, zh: str) -> int:
    """The revision after the first finding was given other words."""
    working = view(browser, case_id)["working"]
    report = working["report"]
    report["findings"][0]["zh"] = zh
    body = {"base_revision": working["revision"], "report": report}
    answer = browser.put(f"/api/cases/{case_id}/report", json=body)
    assert answer.status_code == 200, answer.json()
    revision: int = answer.json()["working"]["revision"]
    return revision


def test_a_report_goes_from_author_to_reviewer_and_back_and_is_signed_by_both(
    people: People, service: Service
) -> None:
    case_id = seed.add(service.store)
    set_rule(people)
    assert view(people.resident, case_id)["actions"] == ["edit", "submit"]
    assert view(people.attending, case_id)["actions"] == ["edit", "submit"]
    base = reworded(people.resident, case_id, "双肺纹理增强，未见明确实变影。")
    post(people.resident, case_id, "submit", base_step=0, base_revision=base)
    waiting = view(people.resident, case_id)
    assert (waiting["working"]["state"], waiting["actions"]) == ("submitted", ["withdraw"])
    assert waiting["working"]["author"] == "住院医师"
    reviewing = view(people.attending, case_id)["actions"]
    assert reviewing == ["edit", "return", "sign_reviewed", "take_over"]
    post(
        people.attending, case_id, "return", base_step=1, base_revision=base, remark="请描述左侧。"
    )
    returned = view(people.resident, case_id)
    assert returned["steps"][-1]["remark"] == "请描述左侧。"
    assert returned["steps"][-1]["by"] == "主治医师"
    base = reworded(people.resident, case_id, "双肺纹理稍增强，未见明确实变影。")
    post(people.resident, case_id, "submit", base_step=2, base_revision=base)
    assert people.clinician.get(f"/api/cases/{case_id}").status_code == 403
    signed = post(people.attending, case_id, "sign", base_step=3, base_revision=base)
    assert (signed["author"], signed["reviewer"]) == ("住院医师", "主治医师")
    assert (signed["author_kind"], signed["reviewer_kind"]) == ("account", "account")
    assert signed["signing"]["manner"] == "reviewed"
    assert signed["signing"]["submitted_at"] < signed["signed_at"]
    shown = view(people.clinician, case_id)
    assert shown["versions"][0]["author"] == "住院医师"
    assert (shown["steps"], shown["actions"]) == ([], [])


def test_two_signatures_are_asked_for_by_the_rule_of_the_study_s_site(
    people: People, service: Service
) -> None:
    case_id = seed.add(service.store)
    set_rule(people)
    assert refusal(people.attending, case_id, "sign", base_step=0, base_revision=1) == (
        409,
        "second_signature_needed",
    )
    set_rule(people, emergency_alone=True)
    assert view(people.attending, case_id)["rule"]["reason_needed"] is True
    assert refusal(people.attending, case_id, "sign", base_step=0, base_revision=1) == (
        422,
        "emergency_reason_needed",
    )
    signed = post(
        people.attending, case_id, "sign", base_step=0, base_revision=1, reason="急诊值班。"
    )
    assert signed["signing"] == {
        "manner": "emergency",
        "submitted_at": None,
        "reason": "急诊值班。",
        "password_confirmed": False,
    }


def test_nobody_can_do_what_is_not_his_part(people: People, service: Service) -> None:
    case_id = seed.add(service.store)
    post(people.resident, case_id, "submit", base_step=0, base_revision=1)
    for step, said in (
        ("return", {"base_step": 1, "base_revision": 1, "remark": "x"}),
        ("sign", {"base_step": 1, "base_revision": 1}),
        ("amend", {"base_step": 1, "reason": "x"}),
        ("cancel-amendment", {"base_step": 1, "base_revision": 1}),
    ):
        assert refusal(people.resident, case_id, step, **said) == (403, "not_allowed")
    seen = {"base_revision": 1}
    assert refusal(people.attending, case_id, "withdraw", base_step=1) == (409, "not_the_author")
    assert refusal(people.attending, case_id, "return", base_step=1, remark=" ", **seen) == (
        422,
        "remark_needed",
    )
    assert refusal(people.attending, case_id, "return", base_step=0, remark="x", **seen) == (
        409,
        "step_taken_meanwhile",
    )
    taken = post(people.attending, case_id, "take-over", base_step=1, **seen)
    assert taken["author"] == "主治医师"
    assert refusal(people.attending, case_id, "take-over", base_step=2, **seen) == (
        409,
        "already_the_author",
    )


def test_a_step_that_does_not_say_what_its_person_saw_is_refused_and_told_what_is_missing(
    people: People, service: Service
) -> None:
    case_id = seed.add(service.store)
    seen = {"base_step": 0, "base_revision": 1, "remark": "x", "reason": "x", **SEEN}
    for step, fields in (
        ("sign", ("base_step", "base_revision", "images_seen")),
        ("submit", ("base_step", "base_revision")),
        ("withdraw", ("base_step",)),
        ("return", ("base_step", "base_revision", "remark")),
        ("take-over", ("base_step", "base_revision")),
        ("amend", ("base_step", "reason")),
        ("cancel-amendment", ("base_step", "base_revision")),
    ):
        for missing in fields:
            said = {name: seen[name] for name in fields if name != missing}
            answer = people.attending.post(f"/api/cases/{case_id}/{step}", json=said)
            error = answer.json()["error"]
            assert (answer.status_code, error["code"]) == (422, "request_invalid")
            assert f"({missing}, missing)" in error["message_en"]
    assert view(people.attending, case_id)["working"]["steps"] == 0


def test_who_took_a_report_over_is_told_to_submit_what_others_wrote(
    people: People, service: Service
) -> None:
    case_id = seed.add(service.store)
    set_rule(people, attending_alone=True)
    base = reworded(people.resident, case_id, MENDED)
    post(people.resident, case_id, "submit", base_step=0, base_revision=base)
    taken = post(people.attending, case_id, "take-over", base_step=1, base_revision=base)
    assert (taken["author"], taken["writers"]) == ("主治医师", ["住院医师"])
    assert "sign_alone" not in view(people.attending, case_id)["actions"]
    said = {"base_step": 2, "base_revision": base}
    assert refusal(people.attending, case_id, "sign", **said) == (409, "others_wrote")
    post(people.attending, case_id, "submit", **said)
    signed = post(people.second, case_id, "sign", base_step=3, base_revision=base)
    assert (signed["author"], signed["reviewer"]) == ("主治医师", "副主任医师")
    history = people.resident.get(f"/api/cases/{case_id}/history").json()
    assert [save["editor"] for save in history["saves"]] == [None, "住院医师"]
    assert [(step["move"], step["by"]) for step in history["steps"]][1] == ("take_over", "主治医师")


def test_an_edit_of_what_was_submitted_comes_back_with_what_stands(
    people: People, service: Service
) -> None:
    case_id = seed.add(service.store)
    working = view(people.resident, case_id)["working"]
    post(people.resident, case_id, "submit", base_step=0, base_revision=1)
    working["report"]["findings"][0]["zh"] = "晚了一步。"
    body = {"base_revision": 1, "report": working["report"]}
    answer = people.resident.put(f"/api/cases/{case_id}/report", json=body)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "report_under_review"
    assert answer.json()["current"]["state"] == "submitted"


def test_an_author_who_may_sign_is_told_in_his_second_tab_that_it_is_under_review(
    people: People, service: Service
) -> None:
    case_id = seed.add(service.store)
    working = view(people.attending, case_id)["working"]
    post(people.attending, case_id, "submit", base_step=0, base_revision=1)
    working["report"]["findings"][0]["zh"] = "晚了一步。"
    body = {"base_revision": 1, "report": working["report"]}
    answer = people.attending.put(f"/api/cases/{case_id}/report", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "report_under_review")
    assert answer.json()["current"]["state"] == "submitted"


def with_password(service: Service) -> None:
    with service.store.begin() as session:
        account = accounts.add(
            session,
            login="needs-password",
            name="口令医师",
            memberships=[Membership(EVERY_SITE, Role.ATTENDING)],
            now=datetime.now(UTC),
            password_hash=passwords.hashed(PASSWORD),
        )
    assert account.person.name == "口令医师"


def test_the_password_of_the_signer_is_asked_for_at_each_signature_where_the_site_asks(
    people: People, service: Service
) -> None:
    case_id = seed.add(service.store)
    set_rule(people, two_signatures=False, reauthenticate=True)
    with_password(service)
    browser = people.second
    browser.cookies.clear()
    login = {"login": "needs-password", "password": PASSWORD}
    assert browser.post("/api/session", json=login).status_code == 200
    sign = {"base_step": 0, "base_revision": 1}
    assert refusal(browser, case_id, "sign", **sign) == (422, "password_needed")
    wrong = sign | {"password": "不是这个口令不是这个口令"}
    assert refusal(browser, case_id, "sign", **wrong) == (401, "sign_in_refused")
    assert view(browser, case_id)["versions"] == []
    signed = post(browser, case_id, "sign", **sign, password=PASSWORD)
    assert signed["signing"]["password_confirmed"] is True
    assert view(browser, case_id)["working"]["state"] == "signed"


def test_the_demo_s_people_have_no_password_that_could_confirm_a_signature(
    people: People, service: Service
) -> None:
    case_id = seed.add(service.store)
    set_rule(people, two_signatures=False, reauthenticate=True)
    demo_accounts.add_all(service.store)
    with service.store.begin() as session:
        found = accounts.by_login(session, demo_accounts.login_of(Role.ATTENDING))
        assert found is not None
        secret = sign_ins.begin(session, found[0].account_id, "127.0.0.1", datetime.now(UTC))
    people.second.cookies.clear()
    people.second.cookies.set("radraft-session", secret)
    refused = refusal(
        people.second, case_id, "sign", base_step=0, base_revision=1, password="anything"
    )
    assert refused == (422, "password_needed")


def test_the_signed_version_is_seen_by_everybody_until_the_next_is_signed(
    people: People, service: Service
) -> None:
    case_id = seed.add(service.store)
    post(people.attending, case_id, "sign", base_step=0, base_revision=1)
    path = f"/api/cases/{case_id}/amend"
    assert people.attending.post(path, json={"kind": "amendment"}).status_code == 422
    post(people.attending, case_id, "amend", base_step=1, reason="左右写反。", kind="amendment")
    base = reworded(people.attending, case_id, MENDED)
    shown = view(people.clinician, case_id)
    assert shown["working"]["report"]["findings"][0]["zh"] == seed.FINDINGS[0][0]
    assert shown["working"]["amendment"] is None
    assert (shown["working"]["revision"], shown["working"]["writers"]) == (1, [])
    assert (shown["rule"], shown["quality"], shown["case"]["state"]) == (None, None, "drafted")
    for browser, state in ((people.clinician, "signed"), (people.resident, "amended")):
        (row,) = browser.get("/api/worklist").json()["rows"]
        assert row["report_state"] == state
    assert view(people.resident, case_id)["working"]["amendment"] == {
        "kind": "amendment",
        "reason": "左右写反。",
    }
    signed = post(people.attending, case_id, "sign", base_step=2, base_revision=base)
    assert signed["amendment"]["reason"] == "左右写反。"
    shown = view(people.clinician, case_id)
    assert shown["working"]["report"]["findings"][0]["zh"] == MENDED
    assert [version["version"] for version in shown["versions"]] == [1, 2]


def test_an_addendum_can_be_cancelled(people: People, service: Service) -> None:
    case_id = seed.add(service.store)
    post(people.attending, case_id, "sign", base_step=0, base_revision=1)
    post(people.second, case_id, "amend", base_step=1, reason="补充骨窗。", kind="addendum")
    base = reworded(people.second, case_id, "改了原文。")
    assert refusal(people.second, case_id, "sign", base_step=2, base_revision=base) == (
        422,
        "addendum_changes_text",
    )
    after = post(people.second, case_id, "cancel-amendment", base_step=2, base_revision=base)
    assert after["state"] == "signed"
    assert after["report"]["findings"][0]["zh"] == seed.FINDINGS[0][0]
    again = {"base_step": 3, "base_revision": after["revision"]}
    assert refusal(people.second, case_id, "cancel-amendment", **again) == (
        409,
        "report_not_amended",
    )


def test_every_version_and_the_difference_of_any_two_can_be_read(
    people: People, service: Service
) -> None:
    case_id = seed.add(service.store)
    post(people.attending, case_id, "sign", base_step=0, base_revision=1)
    post(people.attending, case_id, "amend", base_step=1, reason="左右写反。")
    base = reworded(people.attending, case_id, MENDED)
    post(people.attending, case_id, "sign", base_step=2, base_revision=base)
    path = f"/api/cases/{case_id}/versions"
    for browser in (people.clinician, people.resident):
        versions = browser.get(path).json()["versions"]
        assert [version["version"] for version in versions] == [1, 2]
        (change,) = browser.get(f"{path}/v1/v2").json()["changes"]
        assert (change["kind"], change["after_zh"]) == (
            "reworded",
            MENDED,
        )
        assert browser.get(f"{path}/v1/v3").status_code == 404
        assert browser.get(f"{path}/v1/everything").status_code == 422
    for states in ("draft/v1", "v1/working", "r1/r2"):
        assert people.resident.get(f"{path}/{states}").status_code == 200
        assert people.clinician.get(f"{path}/{states}").status_code == 404
    history = people.resident.get(f"/api/cases/{case_id}/history").json()
    assert [save["editor"] for save in history["saves"]] == [None, "主治医师"]
    assert history["saves"][1]["changes"][0]["after_zh"] == MENDED
    assert [step["move"] for step in history["steps"]] == ["sign_alone", "amend", "sign_alone"]
    assert people.clinician.get(f"/api/cases/{case_id}/history").status_code == 403


def test_a_site_s_rule_is_changed_by_an_administrator_of_the_site_alone(
    people: People, service: Service
) -> None:
    path = "/api/sites/north/signature-rule"
    missing = people.administrator.get(path)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "site_unknown")
    body = {"base_number": 0} | RULE
    missing = people.administrator.put(path, json=body)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "site_unknown")
    account_of(service.store, "北院住院医师", (Role.RESIDENT,), "north")
    unset = people.administrator.get(path).json()
    assert (unset["number"], unset["two_signatures"], unset["by"]) == (0, False, None)
    for browser in (people.resident, people.attending, people.clinician):
        assert browser.get(path).status_code == 403
        assert browser.put(path, json=body).status_code == 403
    become(people.second, "南院管理员", (Role.ADMINISTRATOR,), "south")
    assert people.second.put(path, json=body).status_code == 403
    changed = people.administrator.put(path, json=body).json()
    assert (changed["number"], changed["two_signatures"], changed["by"]) == (1, True, "管理员")
    again = people.administrator.put(path, json=body)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "rule_changed_meanwhile")
    assert people.administrator.put(path, json={"base_number": 1}).status_code == 422


def test_an_administrator_sees_the_rules_of_his_sites(people: People, service: Service) -> None:
    seed.add(service.store)
    set_rule(people)
    rules = people.administrator.get("/api/signature-rules").json()["rules"]
    assert [(rule["site"], rule["two_signatures"]) for rule in rules] == [
        ("local", False),
        ("test", True),
    ]
    become(people.second, "南院管理员", (Role.ADMINISTRATOR,), "south")
    rules = people.second.get("/api/signature-rules").json()["rules"]
    assert [rule["site"] for rule in rules] == ["south"]
    assert people.resident.get("/api/signature-rules").status_code == 403


@pytest.mark.parametrize("path", ["sign-all", "signatures", "bulk-sign"])
def test_there_is_no_signing_of_many_at_once(people: People, path: str) -> None:
    assert people.attending.post(f"/api/cases/{path}", json={}).status_code in (403, 404, 405)
    assert people.attending.post(f"/api/{path}", json={}).status_code in (403, 404, 405)
