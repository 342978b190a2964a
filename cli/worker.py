"""`radraft worker`."""

from __future__ import annotations

from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.cli.context import opened
from radraft.cli.http_server import HttpServer, bound_socket
from radraft.cli.output import Output
from radraft.cli.shutdown import Shutdown

if TYPE_CHECKING:
    from radraft.cli.context import Context
    from radraft.core.metrics import Metrics
    from radraft.pipeline.drafting import Drafting
    from radraft.reports.audit import AuditEvent, AuditKind

LOOPBACK = "127.0.0.1"


def work(out: Output) -> None:
    """Draft what waits in the database until interrupted (SIGINT, SIGTERM)."""
    from radraft.core.metrics import Metrics
    from radraft.exchange.targets import load_targets
    from radraft.pipeline import outbox_delivery
    from radraft.pipeline.audit_trail import AuditTrail
    from radraft.pipeline.drafting import Drafting
    from radraft.pipeline.outbox import Outbox
    from radraft.reports.audit import AuditKind

    with Shutdown() as shutdown, opened() as context, ExitStack() as stack:
        settings = context.settings
        metrics = Metrics()
        outbox = Outbox(context.store, load_targets(settings.targets))
        drafting = Drafting(settings, context.profile, context.store, metrics)
        # What cannot listen must not start a vLLM.
        server = _server(context, drafting, metrics, out, stack)
        trail = stack.enter_context(closing(AuditTrail(context.store)))
        stack.callback(drafting.join)
        stack.callback(drafting.stop)
        drafting.start()
        trail.note(_event(AuditKind.START, context))
        stack.callback(trail.note, _event(AuditKind.STOP, context))
        stack.enter_context(outbox_delivery.delivering(context.store, settings, outbox, metrics))
        if server is not None:
            stack.enter_context(server)
        out.result(
            {"profile": context.profile.name, "logs": str(settings.data_dir / "logs")},
            f"Drafting with {context.profile.name}.\nLogs: {settings.data_dir / 'logs'}\n"
            "Ctrl-C stops it.",
        )
        while True:
            shutdown.wait(1.0)


def _server(
    context: Context, drafting: Drafting, metrics: Metrics, out: Output, stack: ExitStack
) -> HttpServer | None:
    """Return what tells health and figures; None where the settings name no port for it. Without a
    certificate this machine alone can ask it."""
    settings = context.settings
    if not settings.worker_port:
        return None
    from radraft.pipeline.health import Health
    from radraft.ui.worker_health import WorkerProcess, application

    host = LOOPBACK if settings.tls_cert is None else settings.host
    bound = stack.enter_context(bound_socket(settings, out, host=host, port=settings.worker_port))
    health = Health(context.store, settings, drafting.link.state, drafting.link.replicas)
    return HttpServer(application(WorkerProcess(settings, health, metrics)), settings, bound)


def _event(kind: AuditKind, context: Context) -> AuditEvent:
    import radraft
    from radraft.pipeline.audit_trail import command_line
    from radraft.reports.audit import AuditEvent

    details = {
        "version": radraft.__version__,
        "profile": context.profile.name,
        "process": "worker",
    }
    return AuditEvent(kind, datetime.now(UTC), command_line(), details=details)
