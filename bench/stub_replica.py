"""A vLLM with adapters and no model, one of several: it writes its own number and the adapter's
name into each report. It can be killed, and told to hang, lie, break off or refuse.

As a process: `python -m radraft.bench.stub_replica PORT NUMBER SECONDS`.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

BASE = "qwen3-vl-8b-instruct"
ROOT = "Qwen/Qwen3-VL-8B-Instruct"
KEY = "key"
OTHER = "another-model"


class Fault(StrEnum):
    """What it does wrong."""

    NONE = "none"
    HANGS = "hangs"
    """It takes every request and answers none."""
    STUCK = "stuck"
    """It answers, and writes no report."""
    HALF = "half"
    """Each report breaks off after its first sentence."""
    LIES = "lies"
    """Each report is another model's, and says so."""
    NAMELESS = "nameless"
    """No report says whose it is."""
    REFUSES_KEY = "refuses_key"
    SICK = "sick"
    """Its engine died: 500 to everything."""
    REFUSES_LOADS = "refuses_loads"
    LISTS_ONLY = "lists_only"
    """It lists an adapter that it is given and does not know it when it is asked for it."""
    FAILS_REPORTS = "fails_reports"
    """500 to each report; all else is well."""


class StubReplica(ThreadingHTTPServer):
    """Listens from the beginning; `serving` runs it."""

    daemon_threads = True
    request_queue_size = 512
    allow_reuse_address = True

    def __init__(self, number: int, port: int = 0, seconds: float = 0.0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.number = number
        self.seconds = seconds
        self.fault = Fault.NONE
        self.base = BASE
        self.root = ROOT
        self.adapters: dict[str, str] = {}
        self.calls: list[tuple[str, str]] = []
        self.ending = threading.Event()
        self._connections: set[socket.socket] = set()

    @property
    def url(self) -> str:
        """Return its address, as `RADRAFT_LLM_URL` takes it."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def reports(self) -> list[str]:
        """Return the models that were asked for a report, in order."""
        return [model for path, model in self.calls if path == "/v1/chat/completions"]

    def get_request(self) -> tuple[socket.socket, Any]:
        """Return the next connection, remembered so that `kill` can break it off."""
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that ended."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def kill(self) -> None:
        """End as a process that is killed: every connection breaks, adapters are forgotten."""
        self.ending.set()
        self.shutdown()
        self.server_close()
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever asked has gone."""


class _Handler(BaseHTTPRequestHandler):
    server: StubReplica
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self._refused():
            return
        if self.path != "/v1/models":
            self._answer(200)
            return
        stub = self.server
        cards: list[dict[str, Any]] = [{"id": stub.base, "root": stub.root, "parent": None}]
        cards += [
            {"id": name, "root": path, "parent": stub.base}
            for name, path in list(stub.adapters.items())
        ]
        self._answer(200, {"object": "list", "data": cards})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        asked = body.get("model") or body.get("lora_name")
        self.server.calls.append((self.path, asked))
        if self._refused():
            return
        if self.path == "/v1/load_lora_adapter":
            self._load(body["lora_name"], body["lora_path"])
        elif asked not in self._known():
            self._answer(404)
        elif self.path == "/v1/completions":
            self._answer(200, {"model": asked, "choices": [{"text": "."}]})
        else:
            self._report(asked)

    def _known(self) -> set[str]:
        """Return the names that can be asked for."""
        stub = self.server
        return {stub.base} if stub.fault is Fault.LISTS_ONLY else {stub.base, *stub.adapters}

    def _refused(self) -> bool:
        fault = self.server.fault
        if fault is Fault.HANGS:
            self.server.ending.wait()
            self.close_connection = True
        elif fault is Fault.SICK:
            self._answer(500)
        elif fault is Fault.REFUSES_KEY or self.headers["authorization"] != f"Bearer {KEY}":
            self._answer(401)
        else:
            return False
        return True

    def _load(self, name: str, path: str) -> None:
        if name in self.server.adapters:
            self._answer(400)
        elif self.server.fault is Fault.REFUSES_LOADS:
            self._answer(500)
        elif not (Path(path) / "adapter_model.safetensors").is_file():
            self._answer(404)
        else:
            self.server.adapters[name] = path
            self._answer(200)

    def _report(self, model: str) -> None:
        stub = self.server
        if stub.fault is Fault.FAILS_REPORTS:
            self._answer(500)
            return
        writer = OTHER if stub.fault is Fault.LIES else model
        pair = {"zh": f"{writer}于{stub.number}起草。", "en": f"By {writer} on {stub.number}."}
        text = json.dumps({"findings": [pair], "impression": [pair]}, ensure_ascii=False)
        half = text.index('"impression"')
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        name = {} if stub.fault is Fault.NAMELESS else {"model": writer}
        if stub.fault is Fault.STUCK:
            stub.ending.wait()
            return
        self._event({**name, "choices": [{"delta": {"content": text[:half]}}]})
        if stub.fault is Fault.HALF:
            return
        stub.ending.wait(stub.seconds)
        if stub.ending.is_set():
            return
        rest = {"delta": {"content": text[half:]}, "finish_reason": "stop"}
        self._event({**name, "choices": [rest]})
        usage = {"prompt_tokens": 9, "completion_tokens": 7}
        self._event({**name, "choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, value: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode())
        self.wfile.flush()

    def _answer(self, status: int, body: Any = None) -> None:
        data = json.dumps(body or {}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@contextmanager
def serving(number: int, port: int = 0, seconds: float = 0.0) -> Iterator[StubReplica]:
    """Yield a stub that answers, on threads of this process, until it is killed or the end."""
    stub = StubReplica(number, port, seconds)
    thread = threading.Thread(target=stub.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        stub.kill()
        thread.join()


if __name__ == "__main__":
    StubReplica(int(sys.argv[2]), int(sys.argv[1]), float(sys.argv[3])).serve_forever(0.02)
