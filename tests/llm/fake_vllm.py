"""A process with vLLM's command line and HTTP surface, for faults the real one cannot be asked for.

What it does is told by the file `mode` in its working folder, read anew at each request: `ok`,
`sick` (health 503), `stuck` (healthy, writes nothing). At the start: `crash:TEXT`, and it ends so;
`deaf`, and it is sick and does not end when it is asked to.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MODE = Path("mode")


def mode() -> str:
    return MODE.read_text() if MODE.exists() else "ok"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/metrics":
            self.answer(200, b'vllm:generation_tokens_total{engine="0"} 5.0\n')
        else:
            self.answer(503 if mode() in {"sick", "deaf"} else 200)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if self.headers["authorization"] != f"Bearer {os.environ['VLLM_API_KEY']}":
            self.answer(401)
        elif mode() == "stuck":
            threading.Event().wait()
        else:
            self.answer(200, b"data: [DONE]\n\n")

    def answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def main() -> None:
    if mode().startswith("crash:"):
        sys.exit(mode().removeprefix("crash:"))
    if mode() == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # A second process, as vLLM's engine core is; it outlives a killed parent.
    subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()", "vllm-engine-core"])
    port = int(sys.argv[sys.argv.index("--port") + 1])
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
