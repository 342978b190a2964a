"""The simulated reader's desk: he signs in and does everything over HTTP, as a person must."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from radraft.core.errors import SignInError
from radraft.reports.codec import edit_form
from radraft.reports.roles import EVERY_SITE, Membership, Role

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from radraft.pipeline.service import Service
    from radraft.reports.values import Report

ORIGIN = "http://127.0.0.1"
WARD = {"recipient": "Simulated ward", "channel": "system"}


@dataclass(frozen=True)
class Desk:
    """What a reader who is signed in does. RuntimeError with the service's code where he is
    refused."""

    _client: TestClient

    def opened(self, case_id: str, seconds_ago: float) -> None:
        """Open a study, so long ago."""
        self._asked("POST", f"/api/cases/{case_id}/opened", {"seconds_ago": seconds_ago})

    def save(self, case_id: str, report: Report, base_revision: int) -> int:
        """Save a report, and return its revision."""
        body = {"base_revision": base_revision, "report": edit_form(report)}
        saved = self._asked("PUT", f"/api/cases/{case_id}/report", body)
        return int(saved["working"]["revision"])

    def notify(self, case_id: str) -> None:
        """Tell the ward of each critical value that holds the signature."""
        for alert in self._asked("GET", f"/api/cases/{case_id}/alerts")["alerts"]:
            if alert["holds_signature"]:
                body = WARD | {"base_revision": alert["revision"]}
                self._asked("POST", f"/api/alerts/{alert['alert_id']}/notify", body)

    def sign(self, case_id: str, base_revision: int) -> None:
        """Sign what stands at `base_revision`."""
        view = self._asked("GET", f"/api/cases/{case_id}")
        body = {
            "base_revision": base_revision,
            "base_step": view["working"]["steps"],
            # A program draws nothing.
            "images_seen": "elsewhere",
        }
        self._asked("POST", f"/api/cases/{case_id}/sign", body)

    def _asked(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._client.request(method, path, json=body)
        if answer.is_error:
            raise RuntimeError(answer.json()["error"]["code"])
        return answer.json()


@contextmanager
def desk(service: Service, login: str) -> Iterator[Desk]:
    """Sign the simulated reader in, with an account of his own that is made where it is not there
    and another password each time."""
    from fastapi.testclient import TestClient

    from radraft.ui.access import application
    from radraft.ui.mount import add_routes

    app = application(service)
    add_routes(app, service)
    password = secrets.token_urlsafe(24)
    try:
        _, link = service.sign_in.add_account(
            login, login, [Membership(EVERY_SITE, Role.ATTENDING)]
        )
    except SignInError:
        link = service.sign_in.password_link(login)
    service.sign_in.by_link(link, login="", name="", password=password)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
        answer = client.post("/api/session", json={"login": login, "password": password})
        answer.raise_for_status()
        yield Desk(client)
