"""vLLM's HTTP surface as the gate uses it: adapters loaded by name, drafts by what the picture
shows."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

from radraft.finetune.export import target_text
from radraft.llm.endpoint import Endpoint
from radraft.reports.values import Report

BASE = "fake"
SECONDS = 0.1
"""For each draft, whoever writes it: what else the machine does meanwhile is little beside it, so
that the gate, which measures how long both take, finds neither of them slower."""
Write = Callable[[str, int], Report]
"""(model name, number of the film in the picture) -> its draft."""


class DraftingModel(ThreadingHTTPServer):
    """`asked` lists (model, film) in the order of arrival; `refuse` answers drafts with it."""

    request_queue_size = 64

    def __init__(self, write: Write) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.write = write
        self.asked: list[tuple[str, int]] = []
        self.loaded: dict[str, str] = {}
        self.refuse: int | None = None
        self.cut: set[tuple[str, int]] = set()
        self.pace = threading.Event()

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(f"http://127.0.0.1:{self.server_address[1]}", "key", BASE)


def number_in(body: dict[str, Any]) -> int:
    """The grey of the first picture's pixels is the number of the film."""
    parts = [part for message in body["messages"] for part in message["content"]]
    url = next(p["image_url"]["url"] for p in parts if isinstance(p, dict) and "image_url" in p)
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as picture:
        grey: int = picture.getpixel((0, 0))  # type: ignore[assignment]
    return grey


class Handler(BaseHTTPRequestHandler):
    server: DraftingModel

    def do_GET(self) -> None:
        if self.path == "/version":
            self._json({"version": "0.32.0"})
        else:
            self._json({"data": [{"id": name} for name in (BASE, *self.server.loaded)]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/v1/load_lora_adapter":
            self.server.loaded[body["lora_name"]] = body["lora_path"]
            self._json({})
            return
        model, number = body["model"], number_in(body)
        self.server.asked.append((model, number))
        if self.server.refuse is not None:
            self._json({}, self.server.refuse)
            return
        assert model == BASE or model in self.server.loaded
        self.server.pace.wait(SECONDS)
        text = target_text(self.server.write(model, number))
        finish = "length" if (model, number) in self.server.cut else "stop"
        events: list[Any] = [
            {"choices": [{"delta": {"content": text}, "finish_reason": None}]},
            {"choices": [{"delta": {"content": ""}, "finish_reason": finish}]},
            {
                "choices": [],
                "usage": {"prompt_tokens": 9, "completion_tokens": self._tokens(model)},
            },
        ]
        lines = [json.dumps(event, ensure_ascii=False) for event in events] + ["[DONE]"]
        self._answer("".join(f"data: {line}\n\n" for line in lines).encode(), "text/event-stream")

    def _tokens(self, model: str) -> int:
        # Adapters write so many in the same time that no load of this machine makes them slow.
        return 10 if model == BASE else 10_000

    def _json(self, value: dict[str, Any], status: int = 200) -> None:
        self._answer(json.dumps(value).encode(), "application/json", status)

    def _answer(self, data: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def drafting_model(write: Write) -> Iterator[DraftingModel]:
    with DraftingModel(write) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
