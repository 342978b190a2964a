"""Two servers behind the shipped nginx are restarted one after the other, while people read and
save: nobody's request fails and no save is lost."""

from __future__ import annotations

import shutil
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from radraft.core import passwords
from radraft.core.settings import Settings
from radraft.reports.roles import EVERY_SITE, Membership, Role
from radraft.store import accounts
from radraft.store.database import open_store
from tests.certificates import certificate
from tests.orthanc import needs, private_network
from tests.postgres import Cluster
from tests.processes import Program, answers, until
from tests.reached import PASSWORD
from tests.scale import scaled
from tests.ui import seed
from tests.ui.test_behind_nginx import NAME, WHOLE
from tests.waiting import machine

pytestmark = [
    pytest.mark.postgres, pytest.mark.slow, pytest.mark.scaled, pytest.mark.timeout(1800),
]  # fmt: skip

SHIPPED = Path(__file__).parents[2] / "deploy" / "nginx" / "radraft.conf"
PORTS = (7860, 7861)
ROUNDS = scaled(1, full=5)
"""How often both servers are restarted, one after the other."""
BETWEEN = scaled(10, full=20)
"""Requests of each person that are answered before the next restart."""


@dataclass
class Person:
    """Somebody at a desk who asks one thing after the other, and what came of it."""

    client: httpx.Client
    case_id: str
    answered: int = 0
    saves: int = 0
    text: str = ""
    """Of the first finding, as it was saved last."""
    failed: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def ask(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self.client.request(method, path, **options)
        except httpx.HTTPError as error:
            self.failed.append(f"{method} {path}: {type(error).__name__}")
            return None
        self.answered += 1
        if answer.status_code != 200:
            self.failed.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
            return None
        return answer.json()

    def write(self) -> None:
        """Read the report, change it, save it, for as long as nothing failed."""
        while not self.ended.is_set() and not self.failed:
            view = self.ask("GET", f"/api/cases/{self.case_id}")
            if view is None:
                return
            report = view["working"]["report"]
            if self.text and report["findings"][0]["zh"] != self.text:
                self.failed.append("a save was lost")
            text = f"右肺中叶见斑片影，第{self.saves + 1}次所写。"
            report["findings"][0]["zh"] = text
            body = {"base_revision": view["working"]["revision"], "report": report}
            if self.ask("PUT", f"/api/cases/{self.case_id}/report", json=body) is not None:
                self.text = text
                self.saves += 1

    def open(self) -> None:
        """Open the study again and again: a POST, which no proxy may send twice."""
        while not self.ended.is_set() and not self.failed:
            self.ask("POST", f"/api/cases/{self.case_id}/opened", json={"seconds_ago": 0})
            self.ask("GET", "/api/worklist")


@pytest.fixture
def settings(cluster: Cluster, migrated: tuple[str, Path], tmp_path: Path) -> Iterator[Settings]:
    template, made_with = migrated
    cluster.create("rolling", template)
    folder = tmp_path / "first"
    folder.mkdir()
    shutil.copy(made_with / "site.secret", folder)
    objects = f"file://{tmp_path / 'objects'}"
    yield Settings(data_dir=folder, database_url=cluster.url("rolling"), objects_url=objects)
    cluster.drop("rolling")


def prepared(settings: Settings) -> str:
    """A drafted study, and somebody who can sign in."""
    store = open_store(settings)
    case_id = seed.add(store, 1)
    with store.begin() as session:
        accounts.add(
            session,
            login="resident",
            name="林清",
            memberships=[Membership(EVERY_SITE, Role.RESIDENT)],
            now=datetime.now(UTC),
            password_hash=passwords.hashed(PASSWORD),
        )
    store.close()
    return case_id


def configuration(folder: Path, own: Path) -> Path:
    """The shipped file with its second server in use, as nginx's main configuration."""
    site = SHIPPED.read_text(encoding="utf-8")
    for written, here in (
        ("    #server 127.0.0.1:7861", "    server 127.0.0.1:7861"),
        ("/etc/radraft/tls/radraft.crt", str(own)),
        ("/etc/radraft/tls/radraft.key", str(own)),
        ("/var/log/nginx/radraft.log", str(folder / "access.log")),
    ):
        assert site.count(written) == 1
        site = site.replace(written, here)
    (folder / "radraft.conf").write_text(site, encoding="utf-8")
    whole = folder / "nginx.conf"
    whole.write_text(WHOLE.format(folder=folder, site=folder / "radraft.conf"), encoding="utf-8")
    return whole


def desk(authority: Path, secret: str = "") -> httpx.Client:
    """A client at a desk, which asks for `NAME`."""
    headers = {"Host": NAME, "Origin": f"https://{NAME}"}
    context = ssl.create_default_context(cafile=authority)
    return httpx.Client(
        base_url="https://127.0.0.1",
        headers=headers | ({"Cookie": secret} if secret else {}),
        verify=context,
        trust_env=False,
        timeout=120,
        event_hooks={"request": [_named]},
    )


def _named(request: httpx.Request) -> None:
    """Shake hands for the name, as a browser does that looked its address up."""
    request.extensions["sni_hostname"] = NAME


def test_nobody_notices_that_both_servers_are_restarted(settings: Settings, tmp_path: Path) -> None:
    needs("nginx")
    case_id = prepared(settings)
    authority = certificate(tmp_path, "authority")
    own = certificate(tmp_path, "server", (authority, authority), names=(NAME,))
    shared: dict[str, str | Path] = {
        "database_url": settings.database_url,
        "objects_url": settings.objects_url,
        "proxies": "127.0.0.1",
        "hosts": NAME,
        "drain_s": "5",
    }
    with private_network(), ExitStack() as stack:
        servers = [
            Program(
                machine(settings, tmp_path, f"server-{port}"),
                ("serve", "--no-worker"),
                {**shared, "port": str(port)},
            )
            for port in PORTS
        ]
        for server in servers:
            stack.callback(server.kill)
            server.start()
        proxy = Program(tmp_path / "nginx", (), {})
        proxy.command = ("nginx", "-c", str(configuration(tmp_path, own)))
        proxy.start()
        # Killed, it would leave its worker behind.
        stack.callback(proxy.end)
        for server in servers:
            wait_ready(server)
        with desk(authority) as client:
            until(lambda: reached(client), alive=lambda: proxy.is_alive)
            body = {"login": "resident", "password": PASSWORD}
            answer = client.post("/api/session", json=body)
            assert answer.status_code == 200, answer.text
            secret = answer.headers["Set-Cookie"].split(";")[0]
        people = [Person(stack.enter_context(desk(authority, secret)), case_id) for _ in range(2)]
        threads = [threading.Thread(target=target) for target in (people[0].write, people[1].open)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(ROUNDS):
                for server in servers:
                    go_on(people)
                    assert server.end() == 0, server.said()
                    server.start()
                    wait_ready(server)
            go_on(people)
        finally:
            for person in people:
                person.ended.set()
            for thread in threads:
                thread.join()
        assert [person.failed for person in people] == [[], []]
        view = people[0].ask("GET", f"/api/cases/{case_id}")
        assert view["working"]["report"]["findings"][0]["zh"] == people[0].text
        assert view["working"]["revision"] == 1 + people[0].saves
        statuses = Counter(
            line.split()[4]
            for line in (tmp_path / "access.log").read_text(encoding="utf-8").splitlines()
        )
        print(f"{ROUNDS * len(PORTS)} restarts, {people[0].saves} saves, answers {dict(statuses)}")


def reached(client: httpx.Client) -> bool:
    try:
        return client.get("/health/live").status_code == 200
    except httpx.HTTPError:
        return False


def wait_ready(server: Program) -> None:
    until(lambda: answers(f"{server.url}/health/ready"), alive=lambda: server.is_alive)


def go_on(people: list[Person]) -> None:
    """Wait until each had some more answers, or something failed."""
    goals = [person.answered + BETWEEN for person in people]
    until(
        lambda: (
            any(person.failed for person in people)
            or all(person.answered >= goal for person, goal in zip(people, goals, strict=True))
        )
    )
    assert [person.failed for person in people] == [[] for _ in people]
