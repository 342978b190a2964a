"""The page of reports that could not be delivered: each with its sentence, resent or dropped."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, expect

from radraft.exchange.targets import HostPort, Occasion, Target, TargetKind
from radraft.pipeline.service import Service
from radraft.reports.outgoing_entry import EntryState, OutgoingForm
from radraft.reports.roles import Role
from radraft.store import outbox as stored
from radraft.store.database import Store
from radraft.ui.access import application
from radraft.ui.mount import add_routes
from tests.pipeline.outbox_site import queued
from tests.processes import until
from tests.scale import rows
from tests.ui import seed
from tests.ui.api.test_outbox import dead_entry
from tests.ui.conftest import Seen
from tests.ui.people import session_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZES = {"1366": (1366, 768, 1), "1920": (1920, 1080, 1), "200%": (683, 384, 2)}
WORDS = {"zh-CN": "接收方拒收此报告", "en": "The receiver refused the report"}


@dataclass(frozen=True)
class Served:
    """The pages beside the workstation, served here: two receivers, to which nothing is sent."""

    store: Store
    url: str


@pytest.fixture
def served(service: Service) -> Iterator[Served]:
    signed, everywhere = frozenset({Occasion.FINAL}), frozenset({"*"})
    host = HostPort("127.0.0.1", 1)
    ris = Target("ris", TargetKind.HL7, everywhere, (OutgoingForm.ORU,), signed, host)
    forms = (OutgoingForm.SR, OutgoingForm.KOS)
    pacs = Target("pacs", TargetKind.DICOM, everywhere, forms, signed, host)
    service.outbox.targets = (ris, pacs)
    app = application(service)
    add_routes(app, service)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    until(lambda: server.started)
    yield Served(service.store, f"http://127.0.0.1:{listening.getsockname()[1]}")
    server.should_exit = True
    thread.join()


@rows("2710-zh-CN-1366", "2713-en-200%")
@pytest.mark.parametrize(
    ("number", "lang", "size"),
    [(2710, "zh-CN", "1366"), (2711, "en", "1920"), (2712, "zh-CN", "200%"), (2713, "en", "200%")],
)
def test_a_person_reads_why_sends_it_again_and_drops_another(
    browser: Browser,
    served: Served,
    seen: Seen,
    number: int,
    lang: str,
    size: str,
) -> None:
    store = served.store
    first = dead_entry(store, seed.add(store, number))
    second = dead_entry(store, seed.add(store, number + 100), "old-ris")
    queued(store, number + 200, "pacs")
    with store.read() as session:
        waiting = stored.entries(session, target="pacs")[0].entry_id
    width, height, scale = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, device_scale_factor=scale
    )
    secret = session_of(store, "孙管理", (Role.ADMINISTRATOR,))
    context.add_cookies([{"name": "radraft-session", "value": secret, "url": served.url}])
    page = context.new_page()
    page.on("console", seen.note)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.goto(f"{served.url}/outbox?lang={lang}")
    entry = page.locator(f"form[data-entry='{first}']")
    expect(entry).to_contain_text(WORDS[lang])
    expect(page.locator("tr[data-target=pacs]")).to_contain_text("1")
    if folder := os.environ.get("RADRAFT_PICTURES"):
        page.screenshot(path=Path(folder) / f"outbox-{lang}-{size}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    entry.locator("[data-part=resend]").click()
    expect(entry).to_have_count(0)
    other = page.locator(f"form[data-entry='{second}']")
    other.locator("[data-part=drop]").click()
    expect(other.locator("[role=alert]")).not_to_be_empty()
    other.locator("[name=reason]").fill("已手工录入")
    other.locator("[data-part=drop]").click()
    expect(other).to_have_count(0)
    # What waits can be dropped too: its receiver may never answer.
    body = page.locator(f"tbody[data-entry='{waiting}']")
    body.locator("summary").click()
    if folder := os.environ.get("RADRAFT_PICTURES"):
        page.screenshot(path=Path(folder) / f"outbox-drop-{lang}-{size}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    body.locator("[name=reason]").fill("PACS 已另行收到")
    body.locator("[data-part=drop]").click()
    expect(body).to_have_count(0)
    with store.read() as session:
        assert stored.get(session, first).state is EntryState.WAITING
        assert stored.get(session, second).state is EntryState.DROPPED
        assert stored.get(session, waiting).state is EntryState.DROPPED
    context.close()
    # The refusal of an empty reason is one that the page shows.
    assert [error for error in seen.errors if "422" not in error and "409" not in error] == []
