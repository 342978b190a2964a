"""A vLLM that somebody else started, with a key and without."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from radraft.llm.endpoint import Endpoint, Probe, served_model


class External(HTTPServer):
    """Lists one model, to whom has the key; notes how each request was authorised."""

    def __init__(self, key: str | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.key = key
        self.seen: list[str | None] = []


class _Handler(BaseHTTPRequestHandler):
    server: External

    def do_GET(self) -> None:
        given = self.headers["authorization"]
        self.server.seen.append(given)
        known = self.server.key is None or given == f"Bearer {self.server.key}"
        body = json.dumps({"data": [{"id": "served"}]}).encode() if known else b"{}"
        self.send_response(200 if known else 401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def external(key: str | None) -> Iterator[tuple[External, str]]:
    server = External(key)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
def test_without_a_key_nothing_is_said_about_one() -> None:
    with external(None) as (server, url):
        assert served_model(url, "", "starter") == "served"
        assert Probe(Endpoint(url, "", "served")).healthy()
        assert server.seen == [None, None]


@pytest.mark.slow
def test_a_key_goes_with_every_request() -> None:
    with external("secret") as (server, url):
        assert served_model(url, "secret", "starter") == "served"
        assert Probe(Endpoint(url, "secret", "served")).healthy()
        assert not Probe(Endpoint(url, "", "served")).healthy()
        assert server.seen == ["Bearer secret", "Bearer secret", None]
