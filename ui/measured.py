"""Gives each request a number, counts it, and answers what broke with that number."""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.routing import compile_path

from radraft.core import logs
from radraft.core.errors import RadraftError
from radraft.core.metrics import METHODS
from radraft.ui.refusal import note_code, noted_code
from radraft.ui.security import with_headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from radraft.core.metrics import Metrics

log = logging.getLogger("radraft.ui.requests")

REQUEST_ID = "X-Request-ID"
"""Of the answer: never taken from a request, so that nobody can have another's lines under his."""
PAGE = "page"
"""What is not ours to name: files of the pages' framework, and addresses that there are none of."""
QUIET_METHODS = frozenset({"GET", "HEAD"})


class Measured:
    """ASGI middleware, the outermost: what the others refuse is counted too.

    Logged is what changed something or was refused, by template, never by address or query: pages
    ask for their worklist every few seconds, and a search holds a patient's name.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: Collection[tuple[str, str]]) -> None:
        """`routes`: method and template of each that is counted under its own name."""
        self.app = app
        self._metrics = metrics
        templates = sorted(routes, key=lambda route: ("{" in route[1], route[1]))
        self._routes = [
            (method, template, compile_path(template)[0]) for method, template in templates
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        began = time.perf_counter()
        answer = _Answer(send, request_id)
        with logs.of_request(request_id):
            try:
                await self.app(scope, receive, answer.send)
            except Exception as error:
                # Not its text, which may quote a patient's name: `core.logs` writes where it was.
                log.error("a request broke", exc_info=error)
                await _answer_broken(scope, answer, request_id)
            finally:
                self._count(scope, answer.status, time.perf_counter() - began)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        method: str = scope["method"]
        route = self._template(method, scope["path"])
        self._metrics.request(method, route, status, seconds)
        code = noted_code(scope)
        if code is not None:
            self._metrics.request_error(code)
        if code is None and status < 400 and method in QUIET_METHODS:
            return
        known = method if method in METHODS else "other"
        fields = {"method": known, "route": route, "status": status, "ms": round(seconds * 1000)}
        client = scope.get("client")
        if client is not None:
            fields["client"] = client[0]
        if code is not None:
            fields["code"] = code
        log.info("request", extra={"fields": fields})

    def _template(self, method: str, path: str) -> str:
        for known, template, pattern in self._routes:
            if (known == method or (known, method) == ("GET", "HEAD")) and pattern.fullmatch(path):
                return template
        return PAGE


class _Answer:
    """Passes an answer on, with the request's number."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status = 0
        """0 as long as nothing was answered; then the status."""

    async def send(self, message: Message) -> None:
        """Send one message."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)[REQUEST_ID] = self._request_id
        await self._send(message)


async def _answer_broken(scope: Scope, answer: _Answer, request_id: str) -> None:
    """Say that something broke, where nothing was said yet."""
    if answer.status:
        # Half an answer cannot be taken back: the server cuts it off.
        raise ConnectionAbortedError
    error = RadraftError("request_broken", request_id=request_id)
    note_code(scope, error.code)
    body = json.dumps({"error": error.as_json()}, ensure_ascii=False).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    # What broke may have passed the guard's own sending by.
    send = with_headers(answer.send, scope)
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body})
