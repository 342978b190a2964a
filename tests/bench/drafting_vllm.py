"""A process with vLLM's command line that streams one short report and takes adapters: for what is
measured of vLLM, where the real one would take minutes."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAIR = {"zh": "心影不大。", "en": "The heart is not enlarged."}
REPORT = json.dumps({"findings": [PAIR], "impression": [PAIR]}, ensure_ascii=False)
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


class Handler(BaseHTTPRequestHandler):
    served: tuple[str, ...] = ("starter",)

    def do_GET(self) -> None:
        models = [{"id": name, "object": "model"} for name in self.served]
        self.answer(json.dumps({"object": "list", "data": models}).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/v1/load_lora_adapter":
            Handler.served = (*self.served, body["lora_name"])
            self.answer(b"loaded")
            return
        if body["model"] not in self.served:
            self.send_error(404)
            return
        choices = (
            [{"index": 0, "delta": {"role": "assistant", "content": REPORT}}],
            [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}],
        )
        chunks = [{"id": "1", "choices": each} for each in choices]
        chunks.append({"id": "1", "choices": [], "usage": USAGE})
        lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
        self.answer("".join([*lines, "data: [DONE]\n\n"]).encode(), "text/event-stream")

    def answer(self, body: bytes, kind: str = "application/json") -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    request_queue_size = 512


def main() -> None:
    print("serving", flush=True)
    port = int(sys.argv[sys.argv.index("--port") + 1])
    Server(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
