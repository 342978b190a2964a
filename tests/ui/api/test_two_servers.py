"""Two app servers with data folders of their own on one PostgreSQL: what was done at one holds at
the other."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from radraft.core import passwords
from radraft.core.errors import SettingsError
from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.service import Service
from radraft.reports.roles import EVERY_SITE, Membership, Role
from radraft.store import accounts, site_secret
from radraft.store.database import Store, open_store
from radraft.store.tables import AuditRow
from radraft.ui.access import application
from radraft.ui.mount import add_routes
from tests.ui import alerted, seed
from tests.ui.conftest import ORIGIN
from tests.ui.people import become
from tests.waiting import machine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.parametrize("store_settings", ["postgresql"], indirect=True),
]

PAGE = "0" * 16
LOGIN, PASSWORD = "resident", "a made-up password of the tests"


@pytest.fixture
def servers(store_settings: Settings, tmp_path: Path) -> Iterator[tuple[TestClient, TestClient]]:
    """A browser at each of two servers; nobody is signed in."""
    with ExitStack() as stack:
        made = []
        for name in ("first", "second"):
            folder = machine(store_settings, tmp_path, name)
            settings = store_settings.model_copy(
                update={"data_dir": folder, "objects_url": f"file://{tmp_path / 'objects'}"}
            )
            store = open_store(settings)
            stack.callback(store.close)
            service = Service(store, settings, load_profile("starter"))
            app = application(service)
            add_routes(app, service)
            client = TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN})
            made.append(stack.enter_context(client))
        yield made[0], made[1]


def service_of(client: TestClient) -> Service:
    found: Service = client.app.state.service  # type: ignore[attr-defined]
    return found


def add_person(store: Store) -> None:
    with store.begin() as session:
        accounts.add(
            session,
            login=LOGIN,
            name="林清",
            memberships=[Membership(EVERY_SITE, Role.RESIDENT)],
            now=datetime.now(UTC),
            password_hash=passwords.hashed(PASSWORD),
        )


def signs_in(client: TestClient, password: str = PASSWORD) -> Any:
    return client.post("/api/session", json={"login": LOGIN, "password": password})


def code(answer: Any) -> str:
    found: str = answer.json()["error"]["code"]
    return found


def test_who_signed_in_at_one_works_at_the_other_and_who_signed_out_does_not(
    servers: tuple[TestClient, TestClient],
) -> None:
    first, second = servers
    add_person(service_of(first).store)
    case_id = seed.add(service_of(first).store)
    assert signs_in(first).status_code == 200
    second.cookies.update(first.cookies)
    assert second.get(f"/api/cases/{case_id}").status_code == 200
    assert second.post("/api/session/end").status_code == 200
    assert code(first.get(f"/api/cases/{case_id}")) == "sign_in_needed"


def test_wrong_passwords_are_counted_together(servers: tuple[TestClient, TestClient]) -> None:
    add_person(service_of(servers[0]).store)
    waits = 0
    for number in range(12):
        answer = signs_in(servers[number % 2], "wrong")
        waits += answer.status_code == 429
        if waits == 2:
            break
    assert waits == 2
    # The one that refused last did so for what the other had counted.
    assert {signs_in(server, "wrong").status_code for server in servers} == {429}


def test_a_save_at_one_is_read_at_the_other_and_none_is_written_over(
    servers: tuple[TestClient, TestClient],
) -> None:
    first, second = servers
    case_id = seed.add(service_of(first).store)
    become(first)
    become(second)
    working = first.get(f"/api/cases/{case_id}").json()["working"]
    working["report"]["findings"][0]["zh"] = "右肺中叶见斑片影。"
    body = {"base_revision": working["revision"], "report": working["report"]}
    path = f"/api/cases/{case_id}/report"
    assert first.put(path, json=body).status_code == 200
    read = second.get(f"/api/cases/{case_id}").json()["working"]
    assert read["report"]["findings"][0]["zh"] == "右肺中叶见斑片影。"
    # What a proxy sends a second time, to the other server, is taken for what it is.
    assert second.put(path, json=body).status_code == 200
    # And who did not hear of it is refused, whichever server he is at.
    body["report"]["findings"][0]["zh"] = "双肺清晰。"
    assert second.put(path, json=body).status_code == 409


def test_who_is_on_a_study_is_seen_at_the_other(servers: tuple[TestClient, TestClient]) -> None:
    first, second = servers
    case_id = seed.add(service_of(first).store)
    become(first, "甲")
    become(second, "乙")
    first.post(f"/api/cases/{case_id}/presence", json={"page": PAGE})
    answer = second.post(f"/api/cases/{case_id}/presence", json={"page": "1" * 16})
    (other,) = answer.json()["here"]["people"]
    assert other["name"] == "甲"


def test_a_draft_and_an_alert_that_one_stored_are_listed_by_the_other(
    servers: tuple[TestClient, TestClient],
) -> None:
    first, second = servers
    become(second)
    assert second.get("/api/worklist").json()["rows"] == []
    assert second.get("/api/alerts").json()["alerts"] == []
    case_id = alerted.add(service_of(first), 1)
    (row,) = second.get("/api/worklist").json()["rows"]
    assert (row["case_id"], row["state"]) == (case_id, "drafted")
    (alert,) = second.get("/api/alerts").json()["alerts"]
    assert alert["case_id"] == case_id


@pytest.mark.parametrize("kind", ["another", "none", "damaged"])
def test_a_machine_without_the_sites_secret_refuses_to_start_and_writes_nothing(
    store_settings: Settings, tmp_path: Path, kind: str
) -> None:
    store = open_store(store_settings)
    folder = machine(store_settings, tmp_path, "third")
    secret = folder / site_secret.NAME
    {
        "another": lambda: secret.write_bytes(b"x" * site_secret.SECRET_BYTES),
        "none": secret.unlink,
        "damaged": lambda: secret.write_bytes(b"short"),
    }[kind]()

    def written() -> int:
        with store.read() as session:
            return session.scalar(select(func.count()).select_from(AuditRow)) or 0

    before = written()
    told = {
        "another": "site_secret_mismatch",
        "none": "site_secret_missing",
        "damaged": "site_secret_damaged",
    }
    with pytest.raises(SettingsError) as error:
        open_store(store_settings.model_copy(update={"data_dir": folder}))
    assert error.value.code == told[kind]
    assert error.value.message_zh
    assert written() == before
    assert secret.exists() == (kind != "none")
    shutil.rmtree(folder)
    store.close()
