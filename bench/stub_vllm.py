"""A server with vLLM's HTTP surface and no model: it takes its time and then streams one short
report. For what is measured or tested of the processes around a model."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "stub"
PAIR = {"zh": "双肺清晰。", "en": "The lungs are clear."}
REPORT = json.dumps(
    {"findings": [PAIR], "impression": [{"zh": "未见异常。", "en": "No abnormality."}]},
    ensure_ascii=False,
    separators=(",", ":"),
)


class StubVllm(ThreadingHTTPServer):
    """Answers health, models and chat completions; each completion takes `seconds`."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seconds = seconds
        self.asked = 0
        """Completions begun."""
        self.most_at_once = 0
        """Of completions."""
        self._running = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Return its address, as `RADRAFT_LLM_URL` takes it."""
        return f"http://127.0.0.1:{self.server_port}"

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a completion while it is written."""
        with self._lock:
            self.asked += 1
            self._running += 1
            self.most_at_once = max(self.most_at_once, self._running)
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever asked was killed."""


class _Handler(BaseHTTPRequestHandler):
    server: StubVllm
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        models = {"object": "list", "data": [{"id": MODEL, "object": "model"}]}
        self._answer(json.dumps(models).encode(), "application/json")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        with self.server.counted():
            time.sleep(self.server.seconds)
            chunks = (
                {"choices": [{"delta": {"content": REPORT}, "finish_reason": "stop"}]},
                {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 7}},
            )
            lines = [f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n" for chunk in chunks]
            self._answer("".join([*lines, "data: [DONE]\n\n"]).encode(), "text/event-stream")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@contextmanager
def serving(seconds: float = 0.0) -> Iterator[StubVllm]:
    """Yield a stub that answers, on threads of this process."""
    with StubVllm(seconds) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
