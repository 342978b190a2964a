"""The JSON interface over a real service and store."""

from __future__ import annotations

import json
import tempfile
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from radraft.core.errors import SignInError
from radraft.pipeline.service import Service
from radraft.reports.audit import AuditActor
from radraft.reports.machine_tokens import TokenTerms
from radraft.reports.people import ActorRole, typed_actor
from radraft.reports.roles import PERMISSIONS, READING_FOR_OTHERS, Permission, Role, Scope
from radraft.store import pairs, reading
from tests.builders import signed_in
from tests.ui import seed
from tests.ui.people import become

pytestmark = pytest.mark.slow

DEMO = Path(__file__).parents[3] / "demo" / "studies"


def save(client: TestClient, case_id: str, report: Any, revision: int, editor: str) -> Any:
    become(client, editor)
    body = {"base_revision": revision, "report": report}
    return client.put(f"/api/cases/{case_id}/report", json=body)


def working(client: TestClient, case_id: str) -> Any:
    return client.get(f"/api/cases/{case_id}").json()["working"]


def test_worklist_and_case(client: TestClient, service: Service) -> None:
    case_id = seed.add(service.store)
    (row,) = client.get("/api/worklist").json()["rows"]
    assert row["case_id"] == case_id
    assert row["state"] == "drafted"
    view = client.get(f"/api/cases/{case_id}").json()
    assert view["working"]["report"]["findings"][0]["zh"] == seed.FINDINGS[0][0]
    assert view["identity"]["patient"]["patient_id"] == "PLANTED-ID-4711"
    assert view["images"][0]["window"] == [1300.0, 2600.0]
    assert view["notice"][0] == service.profile.notice.zh


def test_a_study_says_what_its_caller_may_do_with_it(client: TestClient, service: Service) -> None:
    case_id = seed.add(service.store)
    with service.store.begin() as session:
        now = datetime.now(UTC)
        reading.assign(session, case_id, "centre", rules_number=1, rule=1, now=now)
    service.signing.sign(
        case_id, base_revision=1, base_step=0, actor=signed_in(service.store, "林清")
    )
    terms = TokenTerms("wall", frozenset({"test"}), frozenset({Scope.READ}), days=1)
    _, secret = service.machine_tokens.make(terms, by=AuditActor("管理员"))

    def may(asking: TestClient) -> set[str]:
        return set(asking.get(f"/api/cases/{case_id}").json()["may"])

    become(client, "本院医师", (Role.ATTENDING,), "test")
    assert may(client) == PERMISSIONS[Role.ATTENDING]
    become(client, "中心医师", (Role.ATTENDING,), "centre")
    assert may(client) == READING_FOR_OTHERS
    become(client, "中心住院", (Role.RESIDENT,), "centre")
    assert may(client) == READING_FOR_OTHERS - {Permission.SIGN, Permission.AMEND}
    become(client, "临床", (Role.CLINICIAN,), "test")
    assert may(client) == {"read_signed", "ask"}
    client.cookies.clear()
    client.headers["Authorization"] = f"Bearer {secret}"
    assert may(client) == {"read_signed"}


def test_polling_costs_nothing_while_nothing_changes(client: TestClient, service: Service) -> None:
    case_id = seed.add(service.store)
    for path in ("/api/worklist", "/api/status", f"/api/cases/{case_id}"):
        tag = client.get(path).headers["ETag"]
        again = client.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
    tag = client.get("/api/worklist").headers["ETag"]
    seed.add(service.store, 2)
    assert client.get("/api/worklist", headers={"If-None-Match": tag}).status_code == 200


def test_image_values_are_the_stored_ones(client: TestClient, service: Service) -> None:
    picture = seed.key_image(seed.phantom(32), (1300.0, 2600.0))
    case_id = seed.add(service.store, pictures=(picture,))
    image = client.get(f"/api/cases/{case_id}").json()["images"][0]
    answer = client.get(f"/api/images/{image['image_id']}/values")
    assert answer.headers["Content-Encoding"] == "deflate"
    values = np.frombuffer(answer.content, "<i2").reshape(image["rows"], image["columns"])
    assert np.array_equal(values, picture.values)
    raw = service.image_values(image["image_id"])
    assert zlib.decompress(raw) == answer.content
    png = client.get(f"/api/images/{image['image_id']}/png")
    assert png.content.startswith(b"\x89PNG")
    assert png.headers["Cache-Control"] == "no-store"


def test_save_answers_with_the_check(client: TestClient, service: Service) -> None:
    case_id = seed.add(service.store)
    now = working(client, case_id)
    now["report"]["findings"][0]["zh"] = "左肺见结节影。"
    now["report"]["findings"][0]["en"] = "A nodule in the right lung."
    answer = save(client, case_id, now["report"], now["revision"], "A").json()
    assert answer["working"]["revision"] == now["revision"] + 1
    # The impression is of the right lung.
    assert {issue["code"] for issue in answer["issues"]} == {"side_mismatch", "impression_omits"}
    assert {issue["sentence_id"] for issue in answer["issues"]} == {"f1"}


def test_second_save_is_refused_with_what_changed(client: TestClient, service: Service) -> None:
    case_id = seed.add(service.store)
    first = working(client, case_id)
    mine, theirs = (json.loads(json.dumps(first["report"])) for _ in range(2))
    theirs["findings"][1]["zh"] = "改过。"
    mine["findings"][2]["zh"] = "也改过。"
    assert save(client, case_id, theirs, first["revision"], "B").status_code == 200
    refused = save(client, case_id, mine, first["revision"], "A")
    assert refused.status_code == 409
    body = refused.json()
    assert body["error"]["code"] == "revision_conflict"
    assert body["current"]["report"]["findings"][1]["zh"] == "改过。"
    (change,) = body["changes"]
    assert (change["sentence_id"], change["kind"], change["editor"]) == ("f2", "reworded", "B")
    assert change["before_zh"] == seed.FINDINGS[1][0]
    assert working(client, case_id)["report"]["findings"][2]["zh"] == seed.FINDINGS[2][0]


def test_sign_amend_and_the_training_pair(client: TestClient, service: Service) -> None:
    case_id = seed.add(service.store)
    now = working(client, case_id)
    body = {
        "base_revision": now["revision"],
        "base_step": now["steps"],
        "images_seen": "drawn",
    }
    signed = client.post(f"/api/cases/{case_id}/sign", json=body).json()
    assert (signed["version"], signed["author"]) == (1, "林清")
    with service.store.begin() as session:
        (pair,) = pairs.pairs(session)
    assert pair.signed.content_sha == signed["content_sha"]
    late = save(client, case_id, {**now["report"], "findings": []}, now["revision"], "A")
    assert late.status_code == 409
    assert late.json()["error"]["code"] == "report_is_signed"
    assert late.json()["current"]["state"] == "signed"
    body = {"base_step": 1, "reason": "更正"}
    amended = client.post(f"/api/cases/{case_id}/amend", json=body).json()
    assert amended["state"] == "amended"


def test_time_is_counted_from_the_signers_last_opening(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store)
    for reader, ago in (("林清", 600.0), ("林清", 120.0), ("王", 30.0)):
        become(client, reader)
        body = {"seconds_ago": ago}
        assert client.post(f"/api/cases/{case_id}/opened", json=body).status_code == 200
    become(client, "李")
    assert client.post(f"/api/cases/{case_id}/opened", json={}).status_code == 200
    become(client, "林清")
    revision = working(client, case_id)["revision"]
    body = {"base_revision": revision, "base_step": 0, "images_seen": "drawn"}
    assert client.post(f"/api/cases/{case_id}/sign", json=body).status_code == 200
    with service.store.begin() as session:
        (pair,) = pairs.pairs(session)
    assert pair.seconds is not None
    assert 120.0 <= pair.seconds < 600.0


def test_time_is_unknown_where_the_signer_opened_nothing(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store)
    become(client, "王")
    client.post(f"/api/cases/{case_id}/opened", json={})
    service.signing.sign(
        case_id,
        base_revision=working(client, case_id)["revision"],
        base_step=0,
        actor=signed_in(service.store, "林清"),
    )
    with service.store.begin() as session:
        (pair,) = pairs.pairs(session)
    assert pair.seconds is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/api/cases/c-0000000000000000", None, 404, "case_not_found"),
        ("GET", "/api/cases/nobody", None, 422, "request_invalid"),
        ("GET", f"/api/images/{'0' * 64}/values", None, 404, "image_not_found"),
        ("POST", "/api/cases/{case}/sign", {}, 422, "request_invalid"),
        ("POST", "/api/cases/{case}/opened", {"reader": "A"}, 422, "request_invalid"),
        (
            "POST",
            "/api/cases/{case}/opened",
            {"seconds_ago": -1},
            422,
            "request_invalid",
        ),
        ("POST", "/api/cases/c-0000000000000000/opened", {}, 404, "case_not_found"),
        ("POST", "/api/cases/{case}/amend", {}, 422, "request_invalid"),
        (
            "POST",
            "/api/cases/{case}/amend",
            {"base_step": 0, "reason": "更正"},
            422,
            "report_not_signed",
        ),
        (
            "POST",
            "/api/cases/{case}/questions",
            {"question": "有结节吗？"},
            409,
            "followup_not_signed",
        ),
        (
            "PUT",
            "/api/cases/{case}/report",
            {"base_revision": 1, "report": {"findings": 3}},
            422,
            "report_invalid",
        ),
        ("POST", "/api/upload", None, 422, "upload_empty"),
        ("GET", "/api/nothing", None, 404, "path_unknown"),
        ("DELETE", "/api/worklist", None, 405, "path_unknown"),
    ],
)
def test_refusals_have_a_code_and_both_sentences(
    client: TestClient, service: Service, method: str, path: str, body: Any, status: int, code: str
) -> None:
    case_id = seed.add(service.store)
    answer = client.request(method, path.format(case=case_id), json=body)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["message_zh"]
    assert error["message_en"]


@pytest.mark.slow
def test_questions_while_there_is_no_model(client: TestClient, service: Service) -> None:
    case_id = seed.add(service.store)
    service.signing.sign(
        case_id,
        base_revision=working(client, case_id)["revision"],
        base_step=0,
        actor=signed_in(service.store, "A"),
    )
    path = f"/api/cases/{case_id}/questions"
    unsaid = client.post(path, json={"question": "有结节吗？"})
    assert (unsaid.status_code, unsaid.json()["refused"]) == (200, True)
    assert unsaid.json()["citations"] == []
    ids = {sentence.id for sentence in seed.report(case_id).sentences}
    assert len(unsaid.json()["nearest"]) == 3 and set(unsaid.json()["nearest"]) <= ids
    shown = client.get(f"/api/cases/{case_id}").json()["turns"]
    assert [turn["nearest"] for turn in shown] == [unsaid.json()["nearest"]]
    answer = client.post(path, json={"question": "有没有胸腔积液？"})
    assert (answer.status_code, answer.json()["outcome"]) == (200, "answered")
    quotes = answer.json()["quotes"]
    assert [quote["part"] for quote in quotes] == answer.json()["citations"]
    assert all(quote["text"] in answer.json()["answer"] for quote in quotes)


@pytest.mark.slow
def test_upload_takes_in_good_files_and_names_the_bad(client: TestClient, service: Service) -> None:
    good = min(DEMO.rglob("*.dcm"))
    files = [
        ("files", ("good.dcm", good.read_bytes())),
        ("files", ("../../notes.txt", b"not DICOM at all")),
    ]
    answer = client.post("/api/upload", files=files)
    assert answer.status_code == 200
    result = answer.json()
    assert len(result["cases"]) == 1
    (rejection,) = result["rejections"]
    assert rejection["file"].endswith("notes.txt")
    assert rejection["message_zh"]
    assert client.get(f"/api/cases/{result['cases'][0]}").json()["images"]
    assert list((service.settings.data_dir / "scratch").iterdir()) == []
    again = client.post("/api/upload", files=files[:1]).json()
    assert (again["cases"], again["known"]) == ([], result["cases"])


def test_an_upload_touches_no_folder_but_the_data_folder(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Larger than what a form parser holds in memory.
    large = b"not DICOM at all" * (1 << 18)
    monkeypatch.setattr(tempfile, "tempdir", str(service.settings.data_dir / "nowhere"))
    answer = client.post("/api/upload", files=[("files", ("notes.txt", large))])
    assert answer.status_code == 200
    (rejection,) = answer.json()["rejections"]
    assert (rejection["file"], rejection["code"]) == ("notes.txt", "not_dicom")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=x", b"--x\r\nno headers"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="y"\r\n\r\n',
        ),
    ],
)
def test_a_body_that_is_no_upload_is_refused(client: TestClient, kind: str, body: bytes) -> None:
    answer = client.post("/api/upload", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "upload_invalid")


def test_redraft_queues_a_failed_case_again(client: TestClient, service: Service) -> None:
    case_id = seed.add(service.store, drafted=False)
    seed.draft(service.store, seed.failed(case_id))
    assert client.get(f"/api/cases/{case_id}").json()["case"]["state"] == "failed"
    assert client.post(f"/api/cases/{case_id}/redraft", json={}).status_code == 200
    assert client.get(f"/api/cases/{case_id}").json()["case"]["state"] == "received"


HIDDEN = "\u202e"


def test_what_turns_the_direction_of_writing_comes_in_nowhere(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store)
    report = working(client, case_id)["report"]
    report["impression"][0]["en"] += HIDDEN
    answer = save(client, case_id, report, 1, "林清")
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "character_refused"
    assert "impression.0.en" in error["message_zh"] and "U+202E" in error["message_en"]
    service.signing.sign(
        case_id, base_revision=1, base_step=0, actor=signed_in(service.store, "林清")
    )
    path = f"/api/cases/{case_id}/questions"
    asked = client.post(path, json={"question": f"有结节{HIDDEN}吗？"})
    assert (asked.status_code, asked.json()["error"]["code"]) == (422, "character_refused")
    view = client.get(f"/api/cases/{case_id}").json()
    assert view["working"]["revision"] == 1
    assert view["turns"] == []


def test_a_signed_version_says_who_confirmed_what_and_that_he_was_signed_in(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store)
    service.signing.sign(
        case_id, base_revision=1, base_step=0, actor=signed_in(service.store, "林清")
    )
    (version,) = client.get(f"/api/cases/{case_id}").json()["versions"]
    assert (version["author"], version["author_kind"]) == ("林清", "account")
    assert version["confirmed"] == ["zh", "en"]
    assert version["report"]["findings"][0]["zh"] == seed.FINDINGS[0][0]


def test_a_typed_name_signs_nothing(service: Service) -> None:
    case_id = seed.add(service.store)
    typed = typed_actor("林清", ActorRole.READER, "local")
    with pytest.raises(SignInError, match="sign_in_needed"):
        service.signing.sign(case_id, base_revision=1, base_step=0, actor=typed)
