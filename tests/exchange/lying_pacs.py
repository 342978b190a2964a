"""A server that sends exactly the bytes that a test gives it, and says what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JSON = "application/dicom+json"
PARTS = 'multipart/related; type="application/dicom"; boundary=bnd'


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes = field(repr=False)


Script = Callable[[Request], Iterable[bytes]]
"""Gives the bytes of an answer, its status line and headers too; what it yields is sent at once."""


class LyingPacs(ThreadingHTTPServer):
    """Answers as its script says, one connection a request."""

    daemon_threads = True

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.asked: list[Request] = []
        self.gone = threading.Event()
        """Set once the server ends: what drips waits on it."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/dicom-web"


class _Handler(BaseHTTPRequestHandler):
    server: LyingPacs
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self._body())
        self.server.asked.append(request)
        self.close_connection = True
        try:
            for piece in self.server.script(request):
                self.wfile.write(piece)
        except ConnectionError:
            return

    do_POST = do_GET

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size + 2)[:size]
        self.rfile.readline()
        return body

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def lying(script: Script) -> Iterator[LyingPacs]:
    """A server on any free port of the loopback."""
    with LyingPacs(script) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.gone.set()
            server.shutdown()
            thread.join()


def head(status: int, kind: str, length: int | None, *more: str) -> bytes:
    """Status line and headers; without `length` the body ends with the connection."""
    lines = [f"HTTP/1.1 {status} X", "Connection: close", *more]
    if kind:
        lines.append(f"Content-Type: {kind}")
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(status: int, kind: str, body: bytes, *more: str) -> list[bytes]:
    """An answer as it should be."""
    return [head(status, kind, len(body), *more), body]


def parts(*contents: bytes, boundary: str = "bnd") -> bytes:
    """A multipart body."""
    delimiter = f"--{boundary}".encode()
    each = (
        delimiter + b"\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n"
        for content in contents
    )
    return b"".join(each) + delimiter + b"--\r\n"


def stow_answer(
    stored: Iterable[str] = (),
    failed: dict[str, int] | None = None,
    warned: dict[str, int] | None = None,
) -> bytes:
    """What a PACS says of the instances with these UIDs (PS3.18 10.5.3, I)."""
    said: dict[str, Any] = {}
    referenced = [_item(uid, "00081196", (warned or {}).get(uid)) for uid in stored]
    failures = [_item(uid, "00081197", reason) for uid, reason in (failed or {}).items()]
    if referenced:
        said["00081199"] = {"vr": "SQ", "Value": referenced}
    if failures:
        said["00081198"] = {"vr": "SQ", "Value": failures}
    return json.dumps(said).encode()


def _item(uid: str, tag: str, reason: int | None) -> dict[str, Any]:
    item: dict[str, Any] = {}
    if uid:
        item["00081155"] = {"vr": "UI", "Value": [uid]}
    if reason is not None:
        item[tag] = {"vr": "US", "Value": [reason]}
    return item
