"""What stands between a browser and the service: from where one may ask, and how much.

Who asks, and what he may, is `ui.access`. These checks keep other web pages that the reader has
open from using it (DNS rebinding, cross-site requests, framing); what a reverse proxy says of a
request is `ui.forwarded`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from radraft.core.networks import address, is_loopback
from radraft.ui import bearer, forwarded
from radraft.ui.refusal import RequestRefused, refuse

if TYPE_CHECKING:
    from radraft.core.settings import Settings

MAX_UPLOAD = 2 * 1024**3
"""Bytes of one upload request."""
MAX_BODY = 4 * 1024**2
"""Bytes of any other request: a report's JSON is far smaller."""

WRITES_AT_ONCE = 20
QUESTIONS_AT_ONCE = 8
"""Requests of a kind that are worked on at once. Each holds one of the server's 40 threads while a
database or a model has it wait; what is left answers those who only read."""
SEARCHES_AT_ONCE = 4
SIGN_INS_AT_ONCE, SIGN_INS_WAITING = 4, 40
"""Sign-ins hash passwords, two at a time (`core.passwords`), and anybody may ask for it: they have
places of their own, and where so many wait, the next is refused at once."""
BODY_S = 20.0
"""Longest that a body other than an upload may take to arrive: it holds no place among those that
are worked on meanwhile."""
UPLOAD = "/api/upload"
SEARCH = "/api/worklist/search"
SEARCHES = frozenset({SEARCH, "/api/signed-studies/search"})
SIGN_INS = frozenset({"/api/session", "/api/session/link", "/api/session/unlock"})
SAFE_METHODS = frozenset({"GET", "HEAD"})

# Gradio compiles its templates from strings: without 'unsafe-eval' its page stays empty. Without
# 'unsafe-inline' it draws, but its inline start-up scripts are refused. Only this host is named.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

OWN_SITES = frozenset({"same-origin", "none"})
OWN_PATHS = ("/api/", "/ui/", "/s/")
OWN_PAGES = frozenset(
    {
        "/flywheel",
        "/quality",
        "/questions",
        "/signature-rules",
        "/arrivals",
        "/reading",
        "/administration",
        "/templates",
        "/outbox",
        "/alerts",
        "/alerts/register",
        "/sign-in",
        "/sign-in/openid",
        "/audit",
        "/s",
    }
)
MONITORING = frozenset({"/health/live", "/health/ready", "/metrics"})
GRADIO_PATHS = ("/assets/", "/static/")
GRADIO_PAGES = frozenset({"/", "/config", "/theme.css", "/favicon.ico", "/manifest.json"})
PAGES = OWN_PAGES | MONITORING | GRADIO_PAGES


class Guard:
    """ASGI middleware: refuses what the workstation's own page never sends, and sets the headers.

    Of Gradio only what draws the page is reachable: no upload, proxy, file or queue routes.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._settings = settings
        self._writing = _Places(WRITES_AT_ONCE)
        self._asking = _Places(QUESTIONS_AT_ONCE)
        self._searching = _Places(SEARCHES_AT_ONCE)
        self._signing_in = _Places(SIGN_INS_AT_ONCE, SIGN_INS_WAITING)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        secured = with_headers(send, scope)
        try:
            forwarded.apply(scope, self._settings)
            limit = check(scope, self._settings)
        except RequestRefused as error:
            await refuse(error, scope, secured)
            return
        place = _Place(self._gate(scope), secured)
        try:
            body = await _arrived(scope, receive, limit)
            await place.enter()
        except RequestRefused as error:
            await refuse(error, scope, secured)
            return
        try:
            await _limited(self.app, scope, body, place.send, limit)
        finally:
            place.leave()

    def _gate(self, scope: Scope) -> _Places | None:
        if scope["method"] in SAFE_METHODS or scope["path"] == UPLOAD:
            return None
        if scope["path"] in SIGN_INS:
            return self._signing_in
        if scope["path"] in SEARCHES:
            return self._searching
        return self._asking if scope["path"].endswith("/questions") else self._writing


class _Places:
    """How many requests of a kind are worked on at once, and how many may wait for that."""

    def __init__(self, at_once: int, most_waiting: int | None = None) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._most_waiting = most_waiting
        self._waiting = 0

    async def take(self) -> None:
        """Wait for a place. RequestRefused `sign_in_busy` where too many wait."""
        if self._most_waiting is not None and self._waiting >= self._most_waiting:
            raise RequestRefused(503, "sign_in_busy")
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1

    def give_back(self) -> None:
        """Leave a place to the next."""
        self._free.release()


class _Place:
    """A request's place, where its kind has any: held while the answer is made, and not while a
    slow asker takes it."""

    def __init__(self, places: _Places | None, send: Send) -> None:
        self._places = places
        self._send = send
        self._held = False

    async def enter(self) -> None:
        """Take the place. RequestRefused `sign_in_busy`."""
        if self._places is not None:
            await self._places.take()
            self._held = True

    def leave(self) -> None:
        """Give it back, once."""
        if self._held and self._places is not None:
            self._held = False
            self._places.give_back()

    async def send(self, message: Message) -> None:
        """Send a part of the answer, which is made once it begins to be sent."""
        if message["type"] == "http.response.start":
            self.leave()
        await self._send(message)


def check(scope: Scope, settings: Settings) -> int:
    """How many body bytes this request may have. RequestRefused where it may not be made at all."""
    headers = Headers(scope=scope)
    path: str = scope["path"]
    if not _is_ours(forwarded.host_name(headers.get("host", "")), scope, settings):
        raise RequestRefused(421, "host_refused")
    # "none": by a person's own hand. Another port of the same host is "same-site" and gets our
    # cookies, but is somebody else's page.
    if headers.get("sec-fetch-site", "none") not in OWN_SITES and path.startswith("/api/"):
        raise RequestRefused(403, "origin_refused")
    if scope["method"] not in SAFE_METHODS:
        _require_same_origin(scope, headers)
        if not path.startswith("/api/"):
            raise RequestRefused(404, "path_unknown")
    elif not (path.startswith(OWN_PATHS + GRADIO_PATHS) or path in PAGES):
        raise RequestRefused(404, "path_unknown")
    limit = MAX_UPLOAD if path == UPLOAD else MAX_BODY
    declared = headers.get("content-length", "0")
    if not declared.isascii() or not declared.isdigit() or int(declared) > limit:
        raise _too_large(limit)
    return limit


def _is_ours(host: str, scope: Scope, settings: Settings) -> bool:
    """Whether the workstation goes under that name; those of loopback from this machine alone."""
    if host in settings.hosts:
        return True
    if not is_loopback(host):
        return False
    if is_loopback(settings.host) and not settings.proxies:
        # Nobody else can connect.
        return True
    client = address(scope["client"][0]) if scope.get("client") else None
    return client is not None and client.is_loopback


def _require_same_origin(scope: Scope, headers: Headers) -> None:
    origin = headers.get("origin")
    if origin is None and bearer.is_shown(headers):
        # Another program: no other page can have a browser send that header, nor knows a token.
        return
    if origin is None or origin != f"{scope['scheme']}://{headers['host']}":
        raise RequestRefused(403, "origin_refused")


def with_headers(send: Send, scope: Scope) -> Send:
    """Return `send` that gives every answer the headers which tell a browser what it may do."""
    no_store = scope["path"].startswith("/api/")

    async def secured(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            if scope["scheme"] == "https":
                headers["Strict-Transport-Security"] = "max-age=31536000"
            # Patients' data must not stay in the browser's disk cache.
            if no_store:
                headers["Cache-Control"] = "no-store"
        await send(message)

    return secured


async def _arrived(scope: Scope, receive: Receive, limit: int) -> Receive:
    """Return what gives a request's whole body, once it is there; of an upload, what was given.

    RequestRefused where it is too large, too slow or broken off.
    """
    if scope["method"] in SAFE_METHODS or scope["path"] == UPLOAD:
        return receive
    messages: list[Message] = []
    taken = 0
    try:
        async with asyncio.timeout(BODY_S):
            while not messages or messages[-1].get("more_body"):
                messages.append(await receive())
                if messages[-1]["type"] == "http.disconnect":
                    raise _gone()
                taken += len(messages[-1].get("body", b""))
                if taken > limit:
                    raise _too_large(limit)
    except TimeoutError:
        raise RequestRefused(408, "request_slow") from None
    rest = iter(messages)

    async def given() -> Message:
        message = next(rest, None)
        return await receive() if message is None else message

    return given


async def _limited(app: ASGIApp, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
    """Run `app`; a body that grows over `limit` bytes is cut off and answered with 413."""
    taken = 0
    answered = False

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise _too_large(limit)
        return message

    async def watched(message: Message) -> None:
        # Frameworks turn an error while reading a body into an answer of their own.
        nonlocal answered
        if taken <= limit:
            await send(message)
        elif not answered:
            answered = True
            await refuse(_too_large(limit), scope, send)

    try:
        await app(scope, counted, watched)
    except ClientDisconnect:
        await refuse(_gone(), scope, send)
    except RequestRefused as error:
        if not answered:
            await refuse(error, scope, send)


def _gone() -> RequestRefused:
    """Nobody gets this answer; it is counted under a code of its own, since nothing broke. 499 is
    what nginx writes for it."""
    return RequestRefused(499, "client_gone")


def _too_large(limit: int) -> RequestRefused:
    return RequestRefused(413, "upload_too_large", megabytes=limit // 1024**2)
