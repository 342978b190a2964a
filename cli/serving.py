"""`radraft serve`."""

from __future__ import annotations

import errno
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING

from radraft.cli.context import opened
from radraft.cli.output import Output
from radraft.cli.shutdown import Shutdown
from radraft.core import logs, tls
from radraft.core.errors import SettingsError

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.pipeline.service import Service

log = logging.getLogger("radraft.cli.serving")

GRACE_S = 2
"""How long requests may go on once the end was asked for."""


def serve(out: Output, *, with_llm: bool) -> None:
    """Serve until interrupted (SIGINT, SIGTERM)."""
    from radraft.ui import app

    with (
        Shutdown() as shutdown,
        opened() as context,
        # First: what cannot listen must not start a vLLM.
        listening(context.settings, out) as bound,
        app.running(context.settings, context.profile, context.store, with_llm=with_llm) as service,
        Workstation(service, bound) as workstation,
    ):
        announce(context.settings, out)
        first_administrator(service, out)
        workstation.wait(shutdown)


def first_administrator(service: Service, out: Output) -> None:
    """Say how the first administrator is made, where there is none."""
    from radraft.cli import users

    secret = service.sign_in.first_link()
    if secret is not None:
        link = users.first_link(service.settings, secret)
        out.say(
            "还没有管理员账户。请打开此链接创建（24 小时内有效，只能使用一次）：\n"
            "There is no administrator yet. Open this link to make one (24 hours, once):\n"
            f"{link}"
        )


def announce(settings: Settings, out: Output) -> None:
    """Say where the workstation is."""
    url = settings.url
    out.result(
        {"url": url, "logs": str(settings.data_dir / "logs")},
        f"Workstation: {url}\nLogs: {settings.data_dir / 'logs'}\nCtrl-C stops it.",
    )


class Workstation:
    """The HTTP server, on a thread of its own so that the main thread can take signals."""

    def __init__(self, service: Service, bound: socket.socket, *, demo: bool = False) -> None:
        """`bound` is the socket at which it listens (`listening`)."""
        import uvicorn

        from radraft.ui import app

        settings = service.settings
        self._socket = bound
        logs.catch_strays()
        self._server = uvicorn.Server(
            uvicorn.Config(
                app.build(service, demo=demo),
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
            )
        )
        self._thread = threading.Thread(target=self._run, name="radraft-http", daemon=True)

    def __enter__(self) -> Workstation:
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise SettingsError("http_not_started")
            time.sleep(0.05)
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=2 * GRACE_S)

    def wait(self, shutdown: Shutdown) -> None:
        """Block until SIGINT or SIGTERM, or until the server has ended by itself."""
        while self._thread.is_alive():
            shutdown.wait(1.0)

    def _run(self) -> None:
        self._server.run([self._socket])


def listening(settings: Settings, out: Output) -> socket.socket:
    """Return a socket bound to the workstation's address, once its certificate was tried.

    SettingsError `tls_unusable`; `port_in_use`; `host_unusable` where this machine does not have
    the address, or the port is not allowed.
    """
    if settings.tls_cert is not None:
        tls.require_usable(settings.tls_cert, settings.tls_key)
        if tls.is_expired(settings.tls_cert):
            error = SettingsError("tls_expired")
            log.warning("%s", error)
            out.say(f"{error.message_zh}\n{error.message_en}")
    try:
        (family, *_, where), *_ = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM
        )
        return socket.create_server((where[0], where[1]), family=family)
    except OSError as error:
        code = "port_in_use" if error.errno == errno.EADDRINUSE else "host_unusable"
        raise SettingsError(code, port=settings.port) from None
