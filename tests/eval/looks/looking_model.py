"""A served model that does look, at the wire: it writes on which side the picture is brighter.

It answers as vLLM does: a streamed report, or the log-probabilities of one that was given. A word
is likelier where the picture agrees with it, so support has a right value too.
"""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

from radraft.llm.endpoint import Endpoint

# The picture's left is the patient's right.
WORDS = {
    "left": ("左侧胸腔积液。", "Left pleural effusion."),
    "right": ("右侧胸腔积液。", "Right pleural effusion."),
    "none": ("双肺清晰。", "Lungs are clear."),
}
SEEN, NOT_SEEN, NOTHING_TO_SEE = -1.0, -3.0, -2.0
"""Nats of every character of a report whose side the picture shows, denies or leaves open."""


class LookingModel(ThreadingHTTPServer):
    """`status` other than 200 refuses; `asked` counts drafts, `scored` reports read."""

    status = 200
    # Sixteen at once are more than the five that may wait by default; the rest would be refused.
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.scored = 0

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(f"http://127.0.0.1:{self.server_address[1]}", "key", "looking")


def seen(body: dict[str, Any]) -> str:
    """`left`, `right` or `none`, off the first picture of a request."""
    parts = [part for message in body["messages"] for part in message["content"]]
    url = next(p["image_url"]["url"] for p in parts if isinstance(p, dict) and "image_url" in p)
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as picture:
        pixels = np.asarray(picture, dtype=np.float64)
    half = pixels.shape[1] // 2
    difference = pixels[:, half:].mean() - pixels[:, :half].mean()
    return "none" if abs(difference) < 60 else "left" if difference > 0 else "right"


def report(side: str) -> str:
    zh, en = WORDS[side]
    pair = {"zh": zh, "en": en}
    value = {"findings": [pair], "impression": [pair]}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Handler(BaseHTTPRequestHandler):
    server: LookingModel

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.server.status != 200:
            self._answer(b"{}", "application/json")
        elif "prompt_logprobs" in body:
            self.server.scored += 1
            self._answer(json.dumps(self._scores(body)).encode(), "application/json")
        else:
            side = seen(body)
            self.server.asked.append(side)
            self._answer(_stream(report(side)), "text/event-stream")

    def _scores(self, body: dict[str, Any]) -> dict[str, Any]:
        text, side = body["messages"][-1]["content"], seen(body)
        right = WORDS[side][0] in text
        nats = NOTHING_TO_SEE if side == "none" else SEEN if right else NOT_SEEN
        positions: list[Any] = [None, {"6": {"logprob": -9.0, "decoded_token": "<image>"}}]
        positions += [{"7": {"logprob": nats, "decoded_token": char}} for char in text]
        return {"prompt_logprobs": positions, "choices": []}

    def _answer(self, data: bytes, kind: str) -> None:
        self.send_response(self.server.status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def _stream(text: str) -> bytes:
    events: list[Any] = [
        {"choices": [{"delta": {"content": text}, "finish_reason": None}]},
        {"choices": [{"delta": {"content": ""}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 9}},
    ]
    lines = [json.dumps(event, ensure_ascii=False) for event in events] + ["[DONE]"]
    return "".join(f"data: {line}\n\n" for line in lines).encode()


@contextmanager
def looking_model() -> Iterator[LookingModel]:
    with LookingModel() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
