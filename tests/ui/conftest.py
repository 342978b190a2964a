"""A real service over a temporary store; for browser tests a real server and a real Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.service import Service
from radraft.store.database import Store, open_store
from radraft.ui.access import application
from radraft.ui.api.report_signing import add_report_signing
from radraft.ui.api.reports import add_api
from radraft.ui.static import add_assets
from tests import children
from tests.ui import serve
from tests.ui.people import NAME, become, session_of

ORIGIN = "http://127.0.0.1"
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def make_service(store: Store, folder: Path, **options: Any) -> Service:
    """A service without a language model."""
    return Service(store, Settings(data_dir=folder), load_profile("starter"), **options)


@pytest.fixture
def service(sqlite_store: Store, tmp_path: Path) -> Service:
    return make_service(sqlite_store, tmp_path / "data")


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    """The JSON interface behind its guard, asked from the workstation's own page."""
    app = application(service)
    add_api(app, service)
    add_report_signing(app, service)
    add_assets(app)
    with asking(app) as made:
        yield made


def asking(app: FastAPI) -> TestClient:
    """A client of `app` in which an attending who is administrator too is signed in."""
    return become(TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}))


@pytest.fixture(scope="package", autouse=True)
def preloaded() -> None:
    """Fork the processes of these tests from one that has Gradio too. It is started with the first
    child."""
    children.context.set_forkserver_preload(["tests.children", "tests.ui.preloaded"])


class Workstation:
    """A served workstation, and a second service over the same data folder to look behind it."""

    def __init__(self, folder: Path, migrated: Path) -> None:
        shutil.copytree(migrated, folder)
        self.folder = folder
        self.store = open_store(Settings(data_dir=folder))
        self.service = make_service(self.store, folder)
        self.port = "0"
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve, at the same port as before where there was one; returns once it listens.
        EOFError where the server did not start."""
        ours, theirs = children.context.Pipe(duplex=False)
        self.process = children.context.Process(
            target=serve.main, args=(str(self.folder), self.port, theirs), daemon=True
        )
        self.process.start()
        theirs.close()
        with ours:
            self.port = ours.recv()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.join()
        self.process.close()

    def close(self) -> None:
        self.kill()
        self.store.close()


@pytest.fixture(scope="module")
def workstation(
    tmp_path_factory: pytest.TempPathFactory, migrated_folder: Path
) -> Iterator[Workstation]:
    """One server for all tests of a module that need the whole page; each brings studies of its
    own, and they stand on the first page of the list whatever ran before."""
    made = Workstation(tmp_path_factory.mktemp("workstation") / "data", migrated_folder)
    yield made
    made.close()


@pytest.fixture
def own_workstation(tmp_path: Path, migrated_folder: Path) -> Iterator[Workstation]:
    """A server that the test may kill."""
    made = Workstation(tmp_path / "data", migrated_folder)
    yield made
    made.close()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of the pages. Not for the session: as long as Playwright runs,
    no other test of this process can have an event loop of its own."""
    if not CHROMIUM.exists():
        pytest.skip("needs Debian's chromium")
    with sync_playwright() as playwright:
        expect.set_options(timeout=20_000)
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield launched
        launched.close()


@dataclass
class Seen:
    """What a page did that nobody asked for."""

    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    """Everything written to the console, of any kind."""
    errors: list[str] = field(default_factory=list)
    refusals_expected: bool = False
    """Whether Chromium may note a refused request in the console: a test of refusals."""

    def note(self, message: ConsoleMessage) -> None:
        self.console.append(message.text)
        refused = message.text.startswith("Failed to load resource")
        if message.type == "error" and not (refused and self.refusals_expected):
            # Chromium's own words do not say which request it was.
            self.errors.append(f"{message.text} {message.location.get('url', '')}".strip())


Opener = Callable[..., Page]


def let_in(context: BrowserContext, workstation: Workstation, url: str, name: str = NAME) -> None:
    """Sign somebody in, in the browser, at a workstation that serves `url`."""
    secret = session_of(workstation.store, name)
    context.add_cookies([{"name": "radraft-session", "value": secret, "url": url}])


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def open_page(browser: Browser, workstation: Workstation, seen: Seen) -> Iterator[Opener]:
    """Opens a study in a new profile. Afterwards: no error and no request to anywhere else."""
    contexts: list[BrowserContext] = []

    def opener(
        case_id: str, *, lang: str = "en", reader: str = "", at: Workstation | None = None
    ) -> Page:
        here = at or workstation
        context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-US")
        contexts.append(context)
        let_in(context, here, here.url, reader or NAME)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("console", seen.note)
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("request", lambda request: seen.requests.append(request.url))
        page.goto(f"{here.url}/?lang={lang}#{case_id}")
        page.locator(".rd-banner strong").wait_for()
        return page

    yield opener
    for context in contexts:
        context.close()
    assert seen.errors == []
    local = ("http://127.0.0.1:", "data:", "blob:")
    assert [url for url in seen.requests if not url.startswith(local)] == []
