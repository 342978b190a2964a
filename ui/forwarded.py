"""What a reverse proxy says of a request: from where it came, how, and for which name.

uvicorn's own handling takes any text for an address, reads no name and refuses nothing, so it is
switched off. Here only a named proxy is believed, and what it says must be well-formed and HTTPS.
Whoever else sends such headers is told so in the log, and they are taken away: the pages' framework
would read them too.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from radraft.core.errors import message
from radraft.core.networks import Address, address, among
from radraft.ui.refusal import RequestRefused, note_code

if TYPE_CHECKING:
    from starlette.types import Scope

    from radraft.core.settings import Settings

log = logging.getLogger("radraft.ui.forwarded")

FOR, PROTO, HOST = "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"
TAKEN_AWAY = frozenset(
    {FOR, PROTO, HOST, "x-forwarded-port", "x-forwarded-prefix", "x-forwarded-server", "forwarded",
     "x-real-ip", "x-original-host", "x-gradio-server"}
)  # fmt: skip
"""Names of headers by which proxies tell, ours or others."""
WITHOUT_PROXY = ("/health/", "/metrics")
"""What is asked for on the machine itself, where no proxy stands before it."""
MOST_HOPS = 20
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_PORT = re.compile(r"(\d+\.\d+\.\d+\.\d+|\[[^\]]+\])(:\d{1,5})?")
_FORWARDED = "radraft.forwarded"


def apply(scope: Scope, settings: Settings) -> None:
    """Make of an HTTP connection's `scope` the request that the browser made.

    A named proxy's word gives client, scheme and `Host`. RequestRefused `forwarded_missing`,
    `forwarded_invalid`, `proxy_without_tls` where that word is missing, malformed or says that
    browsers come unencrypted; `proxy_only` for somebody else where only proxies may come.
    """
    headers = Headers(scope=scope)
    said = [name for name in headers if name in TAKEN_AWAY]
    # The address of a proxy's socket; tests and other servers may have none.
    peer = address(scope["client"][0]) if scope.get("client") else None
    if among(peer, settings.proxies) and FOR in said:
        _believe(scope, headers, settings)
    else:
        if said and not among(peer, settings.proxies):
            _tell(scope, peer)
        _require_direct(scope, peer, settings)
    if said:
        scope["headers"] = [item for item in scope["headers"] if _name(item) not in TAKEN_AWAY]


def was_forwarded(scope: Scope) -> bool:
    """Return whether a request came through a named proxy."""
    return bool(scope.get(_FORWARDED, False))


def host_name(host: str) -> str:
    """Return the name or address of a `Host` header in small letters, without its port; empty where
    it is none (RFC 9110, 7.2: neither a user nor a path stands in it)."""
    if _HOST.fullmatch(host) is None:
        return ""
    name = host.lower()
    if name.startswith("["):
        return name[1 : name.index("]")]
    return name.partition(":")[0]


def _believe(scope: Scope, headers: Headers, settings: Settings) -> None:
    client = _client(headers, settings)
    schemes = headers.getlist(PROTO)
    if not schemes:
        raise RequestRefused(400, "forwarded_missing", header="X-Forwarded-Proto")
    if schemes == ["http"]:
        raise RequestRefused(403, "proxy_without_tls")
    if schemes != ["https"]:
        raise RequestRefused(400, "forwarded_invalid", header="X-Forwarded-Proto")
    hosts = headers.getlist(HOST)
    if len(hosts) > 1 or any(_HOST.fullmatch(host) is None for host in hosts):
        raise RequestRefused(400, "forwarded_invalid", header="X-Forwarded-Host")
    scope["client"] = (str(client), 0)
    scope["scheme"] = "https"
    scope[_FORWARDED] = True
    if hosts:
        rest = [item for item in scope["headers"] if _name(item) != "host"]
        scope["headers"] = [*rest, (b"host", hosts[0].encode("ascii"))]


def _client(headers: Headers, settings: Settings) -> Address:
    """The nearest address of the chain that is no proxy of ours; what stands left of it is the
    browser's own claim. The first where all are ours."""
    chain = [part.strip() for part in ",".join(headers.getlist(FOR)).split(",")]
    found: Address | None = None
    for part in reversed(chain[-MOST_HOPS:]):
        found = address(_without_port(part))
        if found is None:
            raise RequestRefused(400, "forwarded_invalid", header="X-Forwarded-For")
        if not among(found, settings.proxies):
            break
    if found is None or (len(chain) > MOST_HOPS and among(found, settings.proxies)):
        raise RequestRefused(400, "forwarded_invalid", header="X-Forwarded-For")
    return found


def _require_direct(scope: Scope, peer: Address | None, settings: Settings) -> None:
    """RequestRefused where a request may not come without a proxy's word."""
    if not settings.proxies:
        return
    on_machine = peer is not None and peer.is_loopback
    if on_machine and scope["path"].startswith(WITHOUT_PROXY):
        return
    if among(peer, settings.proxies):
        raise RequestRefused(400, "forwarded_missing", header="X-Forwarded-For")
    if settings.tls_cert is None:
        raise RequestRefused(403, "proxy_only")


def _without_port(part: str) -> str:
    matched = _PORT.fullmatch(part)
    return part if matched is None else matched[1].removeprefix("[").removesuffix("]")


def _name(item: tuple[bytes, bytes]) -> str:
    return item[0].decode("latin-1").lower()


def _tell(scope: Scope, peer: Address | None) -> None:
    """Say in the log, and count, that somebody sends what he is not believed."""
    code = "forwarded_ignored"
    note_code(scope, code)
    told = message(code, {"peer": str(peer or "?")})[1]
    fields = {"code": code, "client": str(peer or "?")}
    log.warning("forwarded_ignored: %s", told, extra={"fields": fields})
