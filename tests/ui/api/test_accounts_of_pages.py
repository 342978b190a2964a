"""A request says whose page made it: what one person typed is never taken as another's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from radraft.pipeline.service import Service
from radraft.store import sign_ins
from radraft.ui.access import ACCOUNT_HEADER, ROUTES, Anybody, application
from radraft.ui.mount import add_routes
from tests.ui import seed
from tests.ui.conftest import asking
from tests.ui.people import account_of, become
from tests.ui.test_access import IDS, filled

pytestmark = pytest.mark.slow

OF_ANOTHER = (401, "session_of_another")


def page_of(service: Service, name: str) -> dict[str, str]:
    """The header of a page at which this person signed in."""
    return {ACCOUNT_HEADER: account_of(service.store, name).login}


def test_every_request_of_another_persons_page_is_refused(service: Service) -> None:
    app = application(service)
    add_routes(app, service)
    case_id = seed.add(service.store)
    image_id = service.case_view(case_id).images[0].image_id
    ids = IDS | {"case_id": case_id, "image_id": image_id}
    let_in = []
    with asking(app) as client:
        become(client, "乙")
        for (method, template), access in ROUTES.items():
            if access.needed is Anybody.ANYBODY or not template.startswith("/api/"):
                continue
            path = filled(template, ids)
            answer = client.request(method, path, headers=page_of(service, "甲"))
            if (answer.status_code, answer.json()["error"]["code"]) != OF_ANOTHER:
                let_in.append((method, template))
    assert let_in == []


def test_what_another_typed_is_not_saved_under_the_name_of_whoever_signed_in_since(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store)
    working = service.case_view(case_id).working
    assert working is not None
    report = client.get(f"/api/cases/{case_id}").json()["working"]["report"]
    report["findings"][0]["zh"] = "甲所写。"
    body = {"base_revision": working.revision, "report": report, "merge": True}
    path = f"/api/cases/{case_id}/report"
    become(client, "乙")
    answer = client.put(path, json=body, headers=page_of(service, "甲"))
    assert (answer.status_code, answer.json()["error"]["code"]) == OF_ANOTHER
    assert service.case_view(case_id).working == working
    # Once its own person is in again, it is saved as his.
    become(client, "甲")
    assert client.put(path, json=body, headers=page_of(service, "甲")).status_code == 200
    saved = service.case_view(case_id).working
    assert saved is not None
    assert saved.report.findings[0].zh == "甲所写。"
    assert [writer.name for writer in saved.writers] == ["甲"]


def test_a_request_that_says_no_account_is_its_sessions(
    client: TestClient, service: Service
) -> None:
    case_id = seed.add(service.store)
    become(client, "乙")
    assert client.post(f"/api/cases/{case_id}/opened", json={}).status_code == 200


def test_another_persons_page_keeps_no_session_open_and_hears_nothing_of_it(
    client: TestClient, service: Service
) -> None:
    earlier = datetime.now(UTC) - timedelta(minutes=5)
    account_id = account_of(service.store, "乙").account_id
    with service.store.begin() as session:
        secret = sign_ins.begin(session, account_id, "127.0.0.1", earlier)
    client.cookies.set("radraft-session", secret)
    case_id = seed.add(service.store)
    path = f"/api/cases/{case_id}/report"
    answer = client.put(path, json={}, headers=page_of(service, "甲"))
    assert (answer.status_code, answer.json()["error"]["code"]) == OF_ANOTHER
    assert "乙" not in answer.text
    assert service.sign_in.session(secret, acting=False).active_at == earlier
