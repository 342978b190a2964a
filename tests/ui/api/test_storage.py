"""What a reader is told when the storage fails: a code and two sentences, never a bare error."""

from __future__ import annotations

import json
import resource
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from radraft.core.errors import StorageUnavailable
from radraft.core.settings import Settings
from radraft.reports.audit import AuditKind, AuditQuery
from radraft.store import audit
from radraft.store.audit_check import examine
from radraft.store.database import Store, open_store
from radraft.ui.access import application
from radraft.ui.api.report_signing import add_report_signing
from radraft.ui.api.reports import add_api, status_of
from radraft.ui.api.sign_in import add_sign_in
from tests import builders, children
from tests.ui import seed
from tests.ui.conftest import ORIGIN, asking, make_service


def client_of(store: Store, folder: Path) -> TestClient:
    service = make_service(store, folder)
    app = application(service)
    add_api(app, service)
    add_sign_in(app, service)
    add_report_signing(app, service)
    return asking(app)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(Settings(data_dir=tmp_path / "data", database_wait_s=0.2))
    yield opened
    opened.close()


@pytest.fixture
def client(store: Store, tmp_path: Path) -> Iterator[TestClient]:
    with client_of(store, tmp_path / "data") as made:
        yield made


def saving(client: TestClient, case_id: str, text: str = "改") -> Any:
    report = client.get(f"/api/cases/{case_id}").json()["working"]["report"]
    report["findings"][0]["zh"] = text
    body = {"base_revision": 1, "report": report}
    return client.put(f"/api/cases/{case_id}/report", json=body)


def told(answer: Any, status: int, code: str) -> None:
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["message_zh"]
    assert error["message_en"]


@pytest.mark.slow
def test_a_save_while_another_process_writes_is_refused_as_busy_and_works_later(
    client: TestClient, store: Store
) -> None:
    case_id = seed.add(store)
    with store.begin() as holder:
        holder.connection()
        told(saving(client, case_id), 503, "database_busy")
        assert client.get("/api/worklist").status_code == 200
    assert saving(client, case_id).status_code == 200


def test_a_damaged_row_is_a_coded_answer_without_its_content(
    client: TestClient, store: Store
) -> None:
    case_id = seed.add(store)
    with store.engine.begin() as connection:
        connection.execute(sa.text("UPDATE drafts SET content = '秘密'"))
    answer = client.get(f"/api/cases/{case_id}")
    told(answer, 503, "row_damaged")
    assert "秘密" not in answer.text


def test_a_database_that_is_gone_is_a_coded_answer(client: TestClient, store: Store) -> None:
    seed.add(store)
    store.close()
    with store.engine.connect() as connection:
        path = Path(connection.engine.url.database or "")
    store.close()
    path.rename(path.with_suffix(".away"))
    path.mkdir()
    told(client.get("/api/worklist"), 503, "database_unreachable")


def save_until_full(settings: Settings, pipe: Connection) -> None:
    """Save ever more until the disk takes no more; tell the last answers."""
    store = open_store(settings)
    case_id = seed.add(store)
    with client_of(store, settings.data_dir) as client:
        size = (settings.data_dir / "radraft.db-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100_000, resource.RLIM_INFINITY))
        answer = None
        for number in range(1, 200):
            view = client.get(f"/api/cases/{case_id}").json()["working"]
            view["report"]["findings"][0]["zh"] = f"{number}" + "长" * 1500
            body = {"base_revision": view["revision"], "report": view["report"]}
            answer = client.put(f"/api/cases/{case_id}/report", json=body)
            if answer.status_code != 200:
                break
        assert answer is not None
        reading = client.get(f"/api/cases/{case_id}")
        pipe.send((answer.status_code, answer.text, reading.status_code))


@pytest.mark.slow
def test_a_full_disk_is_507_with_what_to_do_and_reading_goes_on(tmp_path: Path) -> None:
    ours, theirs = children.context.Pipe(duplex=False)
    settings = Settings(data_dir=tmp_path / "data")
    child = children.context.Process(target=save_until_full, args=(settings, theirs))
    child.start()
    theirs.close()
    status, text, reading = ours.recv()
    child.join()
    assert (status, reading) == (507, 200)
    error = json.loads(text)["error"]
    assert error["code"] == "disk_full"
    assert "磁盘" in error["message_zh"]


def sign_until_full(settings: Settings, pipe: Connection) -> None:
    """Sign and sign in on a disk that takes no more, and once it has room again; tell the
    answers."""
    store = open_store(settings)
    case_id = seed.add(store)
    with client_of(store, settings.data_dir) as client:
        size = (settings.data_dir / "radraft.db-wal").stat().st_size
        limit = (size + 100_000, resource.RLIM_INFINITY)
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        revision, saving = 1, 200
        while saving == 200:
            view = client.get(f"/api/cases/{case_id}").json()["working"]
            revision = view["revision"]
            view["report"]["findings"][0]["zh"] = f"{revision}" + "长" * 1500
            body = {"base_revision": revision, "report": view["report"]}
            saving = client.put(f"/api/cases/{case_id}/report", json=body).status_code
        # Once as small an event as there is finds no room: the disk is full to the last page.
        signing = {"base_revision": revision, "base_step": 0, "images_seen": "drawn"}
        nobody = TestClient(client.app, base_url=ORIGIN, headers={"Origin": ORIGIN})
        for _ in range(200):
            answer = nobody.post("/api/session", json={"login": "nobody", "password": "x"})
            if answer.status_code == 507:
                break
        refused = client.post(f"/api/cases/{case_id}/sign", json=signing)
        pipe.send((answer.status_code, answer.text))
        pipe.send((refused.status_code, refused.text))
        pipe.send(client.get(f"/api/cases/{case_id}").json()["versions"])
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        again = client.post(f"/api/cases/{case_id}/sign", json=signing)
        pipe.send((again.status_code, again.text))
    with store.read() as session:
        faults = [finding for part in examine(session) for finding in part.findings]
        signed = audit.search(session, AuditQuery(kinds=frozenset({AuditKind.SIGN})))
        pipe.send((faults, [entry.event.outcome.value for entry in signed.entries]))


@pytest.mark.slow
def test_where_the_audit_takes_no_more_nobody_signs_and_nobody_is_let_in(tmp_path: Path) -> None:
    ours, theirs = children.context.Pipe(duplex=False)
    settings = Settings(data_dir=tmp_path / "data")
    child = children.context.Process(target=sign_until_full, args=(settings, theirs))
    child.start()
    theirs.close()
    for status, text in (ours.recv(), ours.recv()):
        error = json.loads(text)["error"]
        assert (status, error["code"]) == (507, "disk_full")
        assert "磁盘" in error["message_zh"]
        assert error["message_en"].isascii()
    assert ours.recv() == []
    assert ours.recv()[0] == 200
    faults, signed = ours.recv()
    child.join()
    assert faults == []
    assert signed.count("done") == 1


@pytest.mark.parametrize(
    ("code", "status"), [("disk_full", 507), ("database_busy", 503), ("objects_unreachable", 503)]
)
def test_the_status_says_whether_to_try_again(code: str, status: int) -> None:
    assert status_of(StorageUnavailable(code)) == status


@pytest.mark.slow
def test_readers_are_answered_while_many_wait_to_write(tmp_path: Path) -> None:
    """More savers than the server has threads, all waiting for one lock."""
    store = open_store(Settings(data_dir=tmp_path / "data", database_wait_s=120))
    ids = [seed.add(store, number) for number in range(1, 61)]
    with (
        client_of(store, tmp_path / "data") as client,
        ThreadPoolExecutor(len(ids)) as pool,
    ):
        began = threading.Barrier(len(ids) + 1)

        def save(case_id: str) -> int:
            body = {"base_step": 0, "reason": "更正"}
            began.wait()
            return client.post(f"/api/cases/{case_id}/amend", json=body).status_code

        with store.begin() as holder:
            holder.connection()
            answers = [pool.submit(save, case_id) for case_id in ids]
            began.wait()
            for _ in range(20):
                assert client.get("/api/worklist").status_code == 200
            assert not any(answer.done() for answer in answers)
        # Not signed: refused by its rules, once the lock was free.
        assert {answer.result() for answer in answers} == {422}
    store.close()


@pytest.mark.slow
def test_a_worklist_of_many_pages_says_how_long_it_is_and_leads_through_all_of_it(
    client: TestClient, store: Store
) -> None:
    with store.begin() as session:
        ids = {builders.add_case(session, number) for number in range(501)}
    listed = client.get("/api/worklist").json()
    assert (len(listed["rows"]), listed["total"]) == (50, 501)
    found: list[str] = []
    after = ""
    while after is not None:
        page = client.get("/api/worklist", params={"limit": 200, "after": after}).json()
        assert page["total"] == 501
        found += [row["case_id"] for row in page["rows"]]
        after = page["next"]
    assert (len(found), set(found)) == (501, ids)
