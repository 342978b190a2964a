"""The HTTP server of `radraft serve` and `radraft worker`: on a thread of its own, so that the main
thread can take signals, and ended without losing a request that somebody has sent."""

from __future__ import annotations

import ctypes
import errno
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from radraft.cli.output import Output
from radraft.core import logs, tls
from radraft.core.errors import SettingsError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from radraft.cli.shutdown import Shutdown
    from radraft.core.settings import Settings
    from radraft.pipeline.health import Health

log = logging.getLogger("radraft.cli.http_server")

GRACE_S = 2
"""How long requests may go on once the end was asked for and the drain is over."""
KEEP_ALIVE_S = 75
"""How long an idle connection is kept: far longer than by a proxy, for a busy machine may look
at its clock before it looks at a request that came meanwhile, and close it in its face."""
LOOK_S = 0.05
HANDSHAKES_S = 0.3
"""How long connections that were begun are still accepted once no new one is."""
_SO_ATTACH_FILTER = 26
_NO_NEW_CONNECTION = struct.pack(
    "HBBI" * 4,
    *(0x30, 0, 0, 13),  # the byte of the segment's flags (RFC 9293, 3.1)
    *(0x45, 0, 1, 0x02),  # SYN?
    *(0x06, 0, 0, 0),  # then drop it,
    *(0x06, 0, 0, 0xFFFFFFFF),  # else take all of it.
)
"""A program of the kernel's socket filter (classic BPF)."""


class HttpServer:
    """Serves an application at a socket while within `with`.

    The end, where it is given the `health` that is to say so: for `settings.drain_s` it says that
    it drains, and every answer closes its connection; then no connection is taken any more, and
    those that are open are answered. A proxy with a second server behind it sends what is refused
    there, so no request is lost.
    """

    def __init__(
        self,
        application: FastAPI,
        settings: Settings,
        bound: socket.socket,
        health: Health | None = None,
    ) -> None:
        """`bound` is the socket at which it listens (`bound_socket`)."""
        import uvicorn

        self._socket = bound
        self._drain_s = settings.drain_s
        self._health = health
        logs.catch_strays()
        self._server = uvicorn.Server(
            uvicorn.Config(
                application,
                # What a proxy says is checked by `ui.forwarded`.
                proxy_headers=False,
                server_header=False,
                ssl_certfile=settings.tls_cert,
                ssl_keyfile=settings.tls_key,
                # Its warnings go to our log; access logs would hold case ids.
                log_config=None,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=GRACE_S,
                timeout_keep_alive=KEEP_ALIVE_S,
            )
        )
        self._thread = threading.Thread(target=self._run, name="radraft-http", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise SettingsError("http_not_started")
            time.sleep(LOOK_S)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._health is not None and self._drain_s > 0:
            self._drain(self._health)
        self._server.should_exit = True
        self._thread.join(timeout=2 * GRACE_S)

    def wait(self, shutdown: Shutdown) -> None:
        """Block until SIGINT or SIGTERM, or until the server has ended by itself."""
        while self._thread.is_alive():
            shutdown.wait(1.0)

    def _drain(self, health: Health) -> None:
        log.info("draining")
        health.drain()
        self._wait_for_end(self._drain_s)
        refuse_connections(self._socket)
        # What had connected before is accepted.
        self._wait_for_end(HANDSHAKES_S)
        for server in self._server.servers:
            # Closed now, so that a proxy hears at once that it is to go elsewhere.
            with suppress(RuntimeError):
                server.get_loop().call_soon_threadsafe(server.close)
        self._wait_for_end(self._drain_s, done=lambda: not self._server.server_state.connections)

    def _wait_for_end(self, seconds: float, done: Callable[[], bool] = lambda: False) -> None:
        end = time.monotonic() + seconds
        while self._thread.is_alive() and time.monotonic() < end:
            # First, or a connection that the server has not accepted yet would be none.
            time.sleep(LOOK_S)
            if done():
                return

    def _run(self) -> None:
        self._server.run([self._socket])


def bound_socket(
    settings: Settings, out: Output, *, host: str = "", port: int = -1
) -> socket.socket:
    """Return a socket bound to the workstation's address, or to `host` and `port`, once its
    certificate was tried. Nobody can connect before a server listens at it.

    SettingsError `tls_unusable`; `port_in_use`; `host_unusable` where this machine does not have
    the address, or the port is not allowed.
    """
    if settings.tls_cert is not None:
        tls.require_usable(settings.tls_cert, settings.tls_key)
        if tls.is_expired(settings.tls_cert):
            error = SettingsError("tls_expired")
            log.warning("%s", error)
            out.say(f"{error.message_zh}\n{error.message_en}")
    wanted = settings.port if port < 0 else port
    try:
        (family, *_, where), *_ = socket.getaddrinfo(
            host or settings.host, wanted, type=socket.SOCK_STREAM
        )
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family is socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.bind((where[0], where[1]))
        except BaseException:
            made.close()
            raise
    except OSError as error:
        code = "port_in_use" if error.errno == errno.EADDRINUSE else "host_unusable"
        raise SettingsError(code, port=wanted) from None
    return made


def refuse_connections(listening: socket.socket) -> None:
    """Have the kernel take no new connection at a socket, while those that it took are still
    accepted: closing it would throw away what waits there. Who connects meanwhile tries again
    within a second, and is refused once it is closed. Where the system has no such filter nothing
    happens."""
    program = ctypes.create_string_buffer(_NO_NEW_CONNECTION)
    # struct sock_fprog: the number of instructions, and where they are.
    described = struct.pack("HL", len(_NO_NEW_CONNECTION) // 8, ctypes.addressof(program))
    with suppress(OSError):
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
