"""A vLLM with adapters, at the wire: it loads, forgets, and signs each report with its model."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from radraft.llm.endpoint import Endpoint

BASE = "base"


class AdapterServer(ThreadingHTTPServer):
    """`refuse_loads` answers loads with that status; `forget_after_models` is a vLLM that restarts
    right after it was asked what it serves, that often; `hold` keeps reports of one model;
    `together` lets loads in only all at once."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.names: dict[str, str] = {}
        self.calls: Counter[str] = Counter()
        self.asked: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.refuse_loads = 0
        self.forget_after_models = 0
        self.status = 200
        self.hold: dict[str, threading.Event] = {}
        self.begun = threading.Semaphore(0)
        self.together: threading.Barrier | None = None

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(f"http://127.0.0.1:{self.server_address[1]}", "key", BASE)


class Handler(BaseHTTPRequestHandler):
    server: AdapterServer

    def do_GET(self) -> None:
        self.server.calls[self.path] += 1
        if self.headers["authorization"] != "Bearer key":
            self._answer(401)
        elif self.path == "/v1/models":
            with self.server.lock:
                names = [BASE, *self.server.names]
                if self.server.forget_after_models and self.server.names:
                    self.server.forget_after_models -= 1
                    self.server.names.clear()
            self._answer(self.server.status, {"data": [{"id": name} for name in names]})
        else:
            self._answer(self.server.status)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.calls[self.path] += 1
        if self.headers["authorization"] != "Bearer key":
            self._answer(401)
        elif self.server.status != 200:
            self._answer(self.server.status)
        elif self.path == "/v1/load_lora_adapter":
            self._answer(self._load(body["lora_name"], body["lora_path"]))
        elif self.path == "/v1/unload_lora_adapter":
            with self.server.lock:
                known = self.server.names.pop(body["lora_name"], None)
            self._answer(200 if known else 404)
        elif body["model"] not in {BASE, *self.server.names}:
            self._answer(404)
        elif self.path == "/v1/completions":
            self._answer(200, {"choices": [{"text": "."}]})
        else:
            self._report(body)

    def _load(self, name: str, path: str) -> int:
        if self.server.together is not None:
            self.server.together.wait(60)
        with self.server.lock:
            if self.server.refuse_loads:
                return self.server.refuse_loads
            if name in self.server.names:
                return 400
            if not (Path(path) / "adapter_model.safetensors").is_file():
                return 404
            self.server.names[name] = path
        return 200

    def _report(self, body: dict[str, Any]) -> None:
        model = body["model"]
        self.server.bodies.append(body)
        self.server.begun.release()
        if model in self.server.hold:
            self.server.hold[model].wait(60)
        self.server.asked.append(model)
        pair = {"zh": f"{model}起草。", "en": f"Drafted by {model}."}
        text = json.dumps({"findings": [pair], "impression": [pair]}, ensure_ascii=False)
        events: list[Any] = [
            {"choices": [{"delta": {"content": text}, "finish_reason": "stop"}]},
            {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 9}},
        ]
        lines = [json.dumps(event, ensure_ascii=False) for event in events] + ["[DONE]"]
        data = "".join(f"data: {line}\n\n" for line in lines).encode()
        self._answer(200, data)

    def _answer(self, status: int, body: Any = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        try:
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except ConnectionError:
            # A draft that was broken off.
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def adapter_server() -> Iterator[AdapterServer]:
    with AdapterServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            for event in server.hold.values():
                event.set()
            server.shutdown()
            thread.join()
