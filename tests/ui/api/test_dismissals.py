"""Warnings and their dismissals over the JSON interface."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from radraft.pipeline.service import Service
from radraft.store import dismissals
from radraft.ui.access import application
from radraft.ui.api.dismissals import add_dismissals
from radraft.ui.api.report_signing import add_report_signing
from radraft.ui.api.reports import add_api
from tests import children
from tests.ui import seed
from tests.ui.conftest import asking
from tests.ui.people import become

pytestmark = pytest.mark.slow

ALONE = "左肺见结节影。"
"""Without its English, which a reader may say is enough."""


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    app = application(service)
    add_api(app, service)
    add_report_signing(app, service)
    add_dismissals(app, service)
    with asking(app) as made:
        yield made


@pytest.fixture
def case_id(service: Service) -> str:
    return seed.add(service.store)


def view(client: TestClient, case_id: str) -> Any:
    return client.get(f"/api/cases/{case_id}").json()


def save(
    client: TestClient, case_id: str, zh: str = ALONE, en: str = "", editor: str = "林清"
) -> Any:
    """Put other words into the second finding."""
    now = view(client, case_id)["working"]
    now["report"]["findings"][1] |= {"zh": zh, "en": en}
    become(client, editor)
    body = {"base_revision": now["revision"], "report": now["report"]}
    return client.put(f"/api/cases/{case_id}/report", json=body).json()


def missing(issues: list[Any]) -> Any:
    return next(issue for issue in issues if issue["code"] == "language_missing")


def dismiss(client: TestClient, case_id: str, saved: Any, **changes: Any) -> Any:
    body = {
        "base_revision": saved["working"]["revision"],
        "key": missing(saved["issues"])["key"],
        "reason": "as_it_stands",
    }
    become(client)
    return client.post(f"/api/cases/{case_id}/dismissals", json=body | changes)


def restore(client: TestClient, case_id: str, saved: Any) -> Any:
    body = {
        "base_revision": saved["working"]["revision"],
        "key": missing(saved["issues"])["key"],
    }
    become(client, "周末")
    return client.post(f"/api/cases/{case_id}/dismissals/restore", json=body)


def test_every_view_and_save_says_what_the_checks_find(client: TestClient, case_id: str) -> None:
    saved = save(client, case_id)
    warning = missing(saved["issues"])
    assert (warning["sentence_id"], warning["severity"]) == ("f2", "warn")
    assert (warning["dismissible"], warning["dismissed"]) == (True, None)
    assert missing(view(client, case_id)["issues"]) == warning


def test_a_dismissed_warning_says_who_and_why_and_stays_so(
    client: TestClient, case_id: str
) -> None:
    saved = save(client, case_id)
    answer = dismiss(client, case_id, saved, reason="other", text=" 已核对原片 ")
    assert answer.status_code == 200
    said = missing(answer.json()["issues"])["dismissed"]
    assert (said["reason"], said["text"], said["by"]) == ("other", "已核对原片", "林清")
    assert missing(view(client, case_id)["issues"])["dismissed"] == said


def test_a_dismissed_warning_comes_back_when_its_words_change_and_goes_when_they_are_back(
    client: TestClient, case_id: str
) -> None:
    dismiss(client, case_id, save(client, case_id))
    changed = save(client, case_id, zh="左肺见小结节影。")
    assert missing(changed["issues"])["dismissed"] is None
    back = save(client, case_id)
    assert missing(back["issues"])["dismissed"]["by"] == "林清"


def test_a_dismissal_outlives_edits_of_other_sentences_and_a_restart(
    client: TestClient, case_id: str, service: Service
) -> None:
    dismiss(client, case_id, save(client, case_id))
    now = view(client, case_id)["working"]
    now["report"]["impression"].pop()
    become(client, "周末")
    body = {"base_revision": now["revision"], "report": now["report"]}
    saved = client.put(f"/api/cases/{case_id}/report", json=body).json()
    assert missing(saved["issues"])["dismissed"]["by"] == "林清"
    other = Service(service.store, service.settings, service.profile)
    (warning,) = [
        w for w in other.proofreader.of_case(case_id) if w.issue.code == "language_missing"
    ]
    assert not warning.open


def test_a_dismissal_can_be_taken_back(client: TestClient, case_id: str) -> None:
    saved = save(client, case_id)
    dismiss(client, case_id, saved)
    answer = restore(client, case_id, saved)
    assert missing(answer.json()["issues"])["dismissed"] is None
    assert missing(view(client, case_id)["issues"])["dismissed"] is None


def test_a_warning_that_no_longer_stands_cannot_be_dismissed(
    client: TestClient, case_id: str
) -> None:
    saved = save(client, case_id)
    mended = save(client, case_id, en="A nodule in the left lung.")
    late = dismiss(client, case_id, saved)
    assert (late.status_code, late.json()["error"]["code"]) == (409, "revision_conflict")
    assert late.json()["current"]["revision"] == mended["working"]["revision"]
    gone = dismiss(client, case_id, saved, base_revision=mended["working"]["revision"])
    assert (gone.status_code, gone.json()["error"]["code"]) == (409, "warning_gone")
    unknown = dismiss(client, case_id, saved, base_revision=99)
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (422, "revision_unknown")


def test_a_warning_that_stands_in_the_newest_revision_can_be_dismissed_from_an_older_one(
    client: TestClient, case_id: str
) -> None:
    saved = save(client, case_id)
    now = view(client, case_id)["working"]
    now["report"]["impression"].pop()
    become(client, "周末")
    body = {"base_revision": now["revision"], "report": now["report"]}
    client.put(f"/api/cases/{case_id}/report", json=body)
    assert dismiss(client, case_id, saved).status_code == 200


def test_what_blocks_cannot_be_dismissed_and_keeps_the_report_from_being_signed(
    client: TestClient, case_id: str
) -> None:
    saved = save(client, case_id, zh="左肺见____结节影。")
    (block,) = [issue for issue in saved["issues"] if issue["severity"] == "block"]
    assert (block["code"], block["dismissible"]) == ("sentence_unfilled", False)
    refused = dismiss(client, case_id, saved, key=block["key"])
    assert (refused.status_code, refused.json()["error"]["code"]) == (
        422,
        "warning_not_dismissible",
    )
    revision = saved["working"]["revision"]
    sign = {"base_revision": revision, "base_step": 0, "images_seen": "drawn"}
    answer = client.post(f"/api/cases/{case_id}/sign", json=sign)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "sentence_unfilled"
    assert answer.json()["codes"] == ["sentence_unfilled"]
    assert view(client, case_id)["working"]["state"] == "writing"
    mended = save(client, case_id, zh="左肺见两处结节影。")
    sign["base_revision"] = mended["working"]["revision"]
    assert client.post(f"/api/cases/{case_id}/sign", json=sign).status_code == 200


def test_an_open_warning_does_not_keep_a_report_from_being_signed(
    client: TestClient, case_id: str
) -> None:
    saved = save(client, case_id)
    revision = saved["working"]["revision"]
    sign = {"base_revision": revision, "base_step": 0, "images_seen": "drawn"}
    assert client.post(f"/api/cases/{case_id}/sign", json=sign).status_code == 200
    late = dismiss(client, case_id, saved)
    assert (late.status_code, late.json()["error"]["code"]) == (409, "report_is_signed")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"reason": "other"}, "dismissal_text_missing"),
        ({"reason": "other", "text": "字" * 501}, "dismissal_text_too_long"),
        ({"reason": "other", "text": "a\u202eb"}, "character_refused"),
        ({"reason": "because"}, "request_invalid"),
        ({"reader": "林清"}, "request_invalid"),
        ({"key": "x"}, "request_invalid"),
        ({"more": 1}, "request_invalid"),
    ],
)
def test_a_dismissal_that_says_nothing_is_refused(
    client: TestClient, case_id: str, changes: dict[str, Any], code: str
) -> None:
    refused = dismiss(client, case_id, save(client, case_id), **changes)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, code)
    assert missing(view(client, case_id)["issues"])["dismissed"] is None


def test_a_study_that_is_not_there(client: TestClient, case_id: str) -> None:
    refused = dismiss(client, "c-0000000000000000", save(client, case_id))
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "case_not_found")


def test_of_two_readers_who_dismiss_at_once_both_are_kept(
    client: TestClient, case_id: str, service: Service
) -> None:
    key = missing(save(client, case_id)["issues"])["key"]
    codes = children.together(children.race_to_dismiss, service.settings, case_id, key, processes=2)
    assert codes == ["dismissed", "dismissed"]
    with service.store.read() as session:
        (held,) = dismissals.of_case(session, case_id).values()
        (count,) = [c for c in dismissals.counts(session) if c.code == "language_missing"]
    assert held.by.name.startswith("reader-")
    assert (count.found, count.dismissed) == (1, 1)


def test_what_the_draft_came_with_and_what_was_typed_is_counted(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store, 2, drafted=False)
    made = seed.made_draft(case_id)
    seed.draft(service.store, made)
    save(client, case_id)
    dismiss(client, case_id, view(client, case_id))
    with service.store.read() as session:
        counted = {count.code: count for count in dismissals.counts(session, "test")}
    assert (counted["language_missing"].found, counted["language_missing"].dismissed) == (1, 1)
