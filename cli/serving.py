"""`radraft serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radraft.cli.context import opened
from radraft.cli.http_server import HttpServer, bound_socket
from radraft.cli.output import Output
from radraft.cli.shutdown import Shutdown
from radraft.core.errors import SettingsError

if TYPE_CHECKING:
    import socket

    from radraft.core.settings import Settings
    from radraft.pipeline.service import Service


def serve(out: Output, *, no_llm: bool, no_worker: bool) -> None:
    """Serve until interrupted (SIGINT, SIGTERM). SettingsError `serve_options`."""
    from radraft.ui import app
    from radraft.ui.app import DraftedBy

    if no_llm and no_worker:
        raise SettingsError("serve_options")
    drafted_by = DraftedBy.ITSELF
    if no_llm or no_worker:
        drafted_by = DraftedBy.NOBODY if no_llm else DraftedBy.WORKERS

    with (
        Shutdown() as shutdown,
        opened() as context,
        # First: what cannot listen must not start a vLLM.
        bound_socket(context.settings, out) as bound,
        app.running(
            context.settings, context.profile, context.store, drafted_by=drafted_by
        ) as service,
        workstation(service, bound) as server,
    ):
        shutdown.allow(context.settings.drain_s)
        announce(context.settings, out)
        first_administrator(service, out)
        server.wait(shutdown)


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


def workstation(service: Service, bound: socket.socket, *, demo: bool = False) -> HttpServer:
    """Return the HTTP server of the workstation, at a socket of `bound_socket`."""
    from radraft.ui import app

    application = app.build(service, demo=demo)
    return HttpServer(application, service.settings, bound, service.health)
