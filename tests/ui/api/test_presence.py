"""Who is on which study over HTTP, each person in a browser of his own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from radraft.pipeline.presence import Presences
from radraft.pipeline.service import Service
from radraft.pipeline.sign_in import session_terms
from radraft.reports.codec import edit_form
from radraft.reports.roles import EVERY_SITE, Role
from radraft.store import sign_ins
from radraft.ui.access import application
from radraft.ui.api.presence import add_presence
from radraft.ui.api.reports import add_api
from radraft.ui.api.sign_in import add_sign_in
from tests.builders import signed_in
from tests.ui import seed
from tests.ui.conftest import ORIGIN
from tests.ui.people import account_of, become

pytestmark = pytest.mark.slow

PAGE, OTHER_PAGE = "0" * 16, "1" * 16
Browser = Callable[..., TestClient]


@pytest.fixture
def browser(service: Service) -> Iterator[Browser]:
    """Opens a browser for somebody of a role."""
    app = application(service)
    add_sign_in(app, service)
    add_api(app, service)
    add_presence(app, service)
    with ExitStack() as stack:

        def opened(name: str, role: Role = Role.ATTENDING, site: str = EVERY_SITE) -> TestClient:
            asking = TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN})
            return become(stack.enter_context(asking), name, (role,), site)

        yield opened


def seen(asking: TestClient, case_id: str, page: str = PAGE, **said: Any) -> dict[str, Any]:
    answer = asking.post(f"/api/cases/{case_id}/presence", json={"page": page, **said})
    assert answer.status_code == 200, answer.json()
    found: dict[str, Any] = answer.json()
    return found


def test_the_second_reader_is_told_who_and_since_when_and_takes_over(
    browser: Browser, service: Service
) -> None:
    case_id = seed.add(service.store)
    first, second = browser("甲"), browser("乙", Role.RESIDENT)
    assert seen(first, case_id, writing=True)["here"] == {
        "standing": "alone",
        "people": [],
        "elsewhere": False,
    }
    here = seen(second, case_id)["here"]
    (other,) = here["people"]
    assert (here["standing"], other["name"], other["writing"]) == ("second", "甲", True)
    assert other["since"].endswith("+00:00")
    took = second.post(f"/api/cases/{case_id}/presence/take", json={"page": PAGE}).json()
    assert took["here"]["standing"] == "first"
    here = seen(first, case_id)["here"]
    assert (here["standing"], here["people"][0]["name"]) == ("taken_over", "乙")
    assert here["people"][0]["taken_at"] is not None
    second.post(f"/api/cases/{case_id}/presence/leave", json={"page": PAGE})
    assert seen(first, case_id)["here"]["standing"] == "alone"


def test_the_list_tells_of_others_and_of_oneself_and_is_said_once(
    browser: Browser, service: Service
) -> None:
    case_id = seed.add(service.store)
    first, second = browser("甲"), browser("乙")
    seen(first, case_id)
    listed = second.get("/api/presence")
    ((told,),) = listed.json()["cases"].values()
    assert (told["name"], told["own"]) == ("甲", False)
    ((told,),) = first.get("/api/presence").json()["cases"].values()
    assert told["own"]
    again = second.get("/api/presence", headers={"If-None-Match": listed.headers["ETag"]})
    assert again.status_code == 304
    answer = seen(second, case_id)
    assert [told["name"] for told in answer["cases"][case_id]] == ["甲", "乙"]
    assert "cases" not in seen(second, case_id, known=answer["tag"])


def test_who_reads_signed_reports_is_told_of_nobody_and_is_nobody(
    browser: Browser, service: Service
) -> None:
    case_id = seed.add(service.store)
    signer = signed_in(service.store, "丙")
    service.signing.sign(case_id, base_revision=1, base_step=0, actor=signer)
    seen(browser("甲"), case_id)
    clinician = browser("临床", Role.CLINICIAN)
    assert clinician.get(f"/api/cases/{case_id}").status_code == 200
    assert clinician.get("/api/presence").status_code == 403
    for step in ("", "/take", "/leave"):
        answer = clinician.post(f"/api/cases/{case_id}/presence{step}", json={"page": PAGE})
        assert answer.json()["error"]["code"] == "not_allowed"
    assert "甲" not in clinician.get("/api/worklist").text
    assert [p.person.name for p in service.presences.now().people(case_id)] == ["甲"]


def test_of_another_site_one_is_told_nothing(browser: Browser, service: Service) -> None:
    case_id = seed.add(service.store)
    seen(browser("甲"), case_id)
    elsewhere = browser("乙", Role.ATTENDING, "elsewhere")
    assert elsewhere.get("/api/presence").json() == {"cases": {}}
    answer = elsewhere.post(f"/api/cases/{case_id}/presence", json={"page": PAGE})
    assert answer.status_code == 403


def test_a_page_that_says_it_is_alive_keeps_no_session_open_and_signing_out_ends_it(
    browser: Browser, service: Service
) -> None:
    case_id = seed.add(service.store)
    reader = browser("甲")
    a_while_ago = datetime.now(UTC) - timedelta(minutes=5)
    account_id = account_of(service.store, "甲", (Role.ATTENDING,)).account_id
    with service.store.begin() as session:
        secret = sign_ins.begin(session, account_id, "127.0.0.1", a_while_ago)
    reader.cookies.set("radraft-session", secret)
    seen(reader, case_id)
    assert service.sign_in.session(secret, acting=False).active_at == a_while_ago
    assert reader.post("/api/session/end", json={}).status_code == 200
    another_server = Presences(service.store, session_terms(service.settings))
    assert another_server.now().people(case_id) == ()


@pytest.mark.parametrize("body", [{}, {"page": "x"}, {"page": PAGE, "name": "甲"}])
def test_a_page_is_named_by_sixteen_digits_and_says_nothing_else(
    browser: Browser, service: Service, body: dict[str, Any]
) -> None:
    case_id = seed.add(service.store)
    answer = browser("甲").post(f"/api/cases/{case_id}/presence", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "request_invalid")


Words = dict[tuple[str, str], str]


def reworded(case_id: str, texts: Words) -> dict[str, Any]:
    """The draft as a page sends it, with other words by sentence and language."""
    form = edit_form(seed.report(case_id))
    for sentence in form["findings"]:
        for lang in ("zh", "en"):
            sentence[lang] = texts.get((sentence["id"], lang), sentence[lang])
    return form


def save(
    asking: TestClient,
    case_id: str,
    texts: Words,
    *,
    merge: bool,
    under_way: Words | None = None,
) -> tuple[int, dict[str, Any]]:
    """Save other words as edited from the draft; `under_way`: those that were sent before."""
    body: dict[str, Any] = {"base_revision": 1, "report": reworded(case_id, texts), "merge": merge}
    if under_way is not None:
        body["under_way"] = reworded(case_id, under_way)
    answer = asking.put(f"/api/cases/{case_id}/report", json=body)
    return answer.status_code, answer.json()


def test_one_persons_pages_are_put_together_and_the_same_words_ask(
    browser: Browser, service: Service
) -> None:
    case_id = seed.add(service.store)
    here, there, colleague = browser("甲"), browser("甲"), browser("乙")
    assert save(here, case_id, {("f1", "zh"): "一"}, merge=False)[0] == 200
    status, refused = save(there, case_id, {("f2", "zh"): "二"}, merge=False)
    assert (status, refused["own"]) == (409, True)
    status, kept = save(there, case_id, {("f2", "zh"): "二", ("f1", "en"): "One."}, merge=True)
    findings = kept["working"]["report"]["findings"]
    assert status == 200
    assert [(s["zh"], s["en"]) for s in findings[:2]] == [
        ("一", "One."),
        ("二", seed.FINDINGS[1][1]),
    ]
    status, refused = save(there, case_id, {("f1", "zh"): "不同"}, merge=True)
    assert (status, refused["own"], refused["current"]["report"]["findings"][0]["zh"]) == (
        409,
        True,
        "一",
    )
    # What two people wrote is never put together unseen.
    status, refused = save(colleague, case_id, {("f3", "zh"): "三"}, merge=True)
    assert (status, refused["own"]) == (409, False)


def test_a_page_that_is_left_follows_its_own_save_and_writes_over_nobody_elses(
    browser: Browser, service: Service
) -> None:
    case_id = seed.add(service.store)
    leaving, there, colleague = browser("甲"), browser("甲"), browser("乙")
    typed, more = {("f1", "zh"): "一"}, {("f1", "zh"): "一二"}
    assert save(leaving, case_id, typed, merge=False)[0] == 200
    # Its last request, before it heard that the one under way had come.
    status, kept = save(leaving, case_id, more, merge=True, under_way=typed)
    assert (status, kept["working"]["report"]["findings"][0]["zh"]) == (200, "一二")

    other = seed.add(service.store, 2)
    assert save(colleague, other, {("f1", "zh"): "乙写的"}, merge=False)[0] == 200
    assert save(leaving, other, typed, merge=False)[0] == 409
    status, refused = save(leaving, other, more, merge=True, under_way=typed)
    assert (status, refused["own"]) == (409, False)
    assert service.case_view(other).working.report.findings[0].zh == "乙写的"

    third = seed.add(service.store, 3)
    assert save(there, third, {("f2", "zh"): "他页写的"}, merge=False)[0] == 200
    status, both = save(leaving, third, more, merge=True, under_way=typed)
    assert (status, [one["zh"] for one in both["working"]["report"]["findings"][:2]]) == (
        200,
        ["一二", "他页写的"],
    )
