"""Other web pages that a reader has open, in his own Chromium: they change and read nothing.

One stands at another port of the same host, so that the browser sends it his cookie along; one
under another name of the machine.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from playwright.sync_api import Browser, Page
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import MetaData, select

from radraft.store.database import Store
from radraft.ui.access import ROUTES
from tests.scale import scaled
from tests.ui import seed
from tests.ui.conftest import Workstation, let_in

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.scaled]

ATTACK = """
async ({ origin, changing, reading, body }) => {
  const read = [];
  const tried = [];
  const settled = (promise) => tried.push(promise.catch(() => null));
  const frame = document.createElement("iframe");
  frame.name = "target";
  document.body.append(frame);
  for (const [method, path] of changing) {
    const url = origin + path;
    const plain = { method: "POST", mode: "no-cors", credentials: "include" };
    settled(fetch(url, { ...plain, body, headers: { "Content-Type": "text/plain" } }));
    settled(fetch(url, { ...plain, body: new URLSearchParams({ base_revision: 1 }) }));
    const json = { "Content-Type": "application/json" };
    settled(fetch(url, { method, credentials: "include", body, headers: json }));
    navigator.sendBeacon(url, new Blob([body], { type: "text/plain" }));
    const forms = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"];
    for (const enctype of forms) {
      const form = document.createElement("form");
      Object.assign(form, { method: "post", action: url, enctype, target: "target" });
      const field = document.createElement("input");
      // As text/plain this is the JSON that a page of ours would send.
      Object.assign(field, { name: body.slice(0, -1) + ', "x": "', value: '"}' });
      form.append(field);
      document.body.append(form);
      const loaded = new Promise((resolve) => (frame.onload = resolve));
      form.submit();
      await loaded;
    }
  }
  for (const path of reading) {
    const answered = fetch(origin + path, { credentials: "include" });
    settled(answered.then(async (answer) => read.push(await answer.text())));
    for (const element of ["img", "script"]) {
      tried.push(
        new Promise((resolve) => {
          const made = document.createElement(element);
          made.onload = made.onerror = resolve;
          made.src = origin + path;
          document.body.append(made);
        }),
      );
    }
  }
  await Promise.all(tried);
  return read;
}
"""


@contextmanager
def other_page() -> Iterator[int]:
    """An empty page of somebody else's server at 127.0.0.1 and localhost; its port."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title><body>")

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables."""
    known = MetaData()
    known.reflect(store.engine)
    with store.engine.connect() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in known.sorted_tables
        }


def refused(workstation: Workstation) -> float:
    """How many requests the workstation refused as another page's."""
    text = httpx.get(f"{workstation.url}/metrics", trust_env=False, timeout=60).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "radraft_errors_total" and sample.labels["code"] == "origin_refused"
    )


def paths(case_id: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Each route that changes something, with its method, and each that only reads; at full scale
    all of them."""
    changing, reading = [], []
    for method, template in sorted(ROUTES)[:: scaled(4, full=1)]:
        path = template.replace("{case_id}", case_id).replace("{name:path}", "base.css")
        path = re.sub(r"\{[^}]+\}", "1", path)
        if method == "GET":
            reading.append(path)
        else:
            changing.append((method, path))
    return changing, reading


def at(page: Page, origin: str, workstation: Workstation, case_id: str) -> list[str]:
    """Attack from a page at `origin`; what it could read."""
    page.goto(origin)
    changing, reading = paths(case_id)
    asked = {
        "origin": workstation.url,
        "changing": changing,
        "reading": reading,
        "body": '{"base_revision": 1, "base_step": 0}',
    }
    read: list[str] = page.evaluate(ATTACK, asked)
    return read


def test_no_page_elsewhere_changes_or_reads_anything_in_a_readers_browser(
    browser: Browser, own_workstation: Workstation
) -> None:
    case_id = seed.add(own_workstation.store, 1400)
    context = browser.new_context()
    let_in(context, own_workstation, own_workstation.url)
    page = context.new_page()
    page.set_default_timeout(120_000)
    before = everything(own_workstation.store)
    changing, _ = paths(case_id)
    told = []
    with other_page() as port:
        for host in ("127.0.0.1", "localhost"):
            earlier = refused(own_workstation)
            assert at(page, f"http://{host}:{port}/", own_workstation, case_id) == []
            told.append(refused(own_workstation) - earlier)
    assert everything(own_workstation.store) == before
    # They did arrive: per route two fetches, a beacon and three forms at the least.
    assert min(told) >= 6 * len(changing)
    print(f"{len(changing)} routes: refused {told[0]:.0f} (other port), {told[1]:.0f} (other name)")
    # The reader's own page changes what it asks for.
    page.goto(f"{own_workstation.url}/sign-in")
    status = page.evaluate(
        """(body) => {
          const headers = { "Content-Type": "application/json" };
          const asked = { method: "POST", headers, body };
          return fetch("/api/worklist/views", asked).then((answer) => answer.status);
        }""",
        '{"name": "mine", "wanted": {}}',
    )
    assert status == 200
    assert everything(own_workstation.store) != before
    context.close()
