"""`/health/live`, `/health/ready` and `/metrics`: what a supervisor, a proxy and Prometheus ask.

None of the three holds an identity. Health is for anybody, since proxies cannot sign in; metrics
are for this machine, for the networks and for the token that the settings name.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

import radraft
from radraft.core import tls
from radraft.core.networks import address, among
from radraft.llm.link import LlmState
from radraft.llm.replicas.router import ReplicaState
from radraft.ui.forwarded import was_forwarded
from radraft.ui.refusal import RequestRefused, note_code

if TYPE_CHECKING:
    from datetime import datetime

    from prometheus_client.core import Metric

    from radraft.core.metrics import Metrics
    from radraft.core.settings import Settings
    from radraft.llm.replicas.router import ReplicaStatus
    from radraft.pipeline.health import Figures, Health, StoredFigures

READY_S = 5.0
"""How long a storage may take to answer before it counts as one that does not."""


class Monitored(Protocol):
    """What is told of: the workstation's service, or a draft worker's process."""

    @property
    def settings(self) -> Settings:
        """Return what it was started with."""

    @property
    def health(self) -> Health:
        """Return whether it can be used now."""

    @property
    def metrics(self) -> Metrics:
        """Return what it counts about itself."""


def add_monitoring(app: FastAPI, service: Monitored, *, needs_llm: bool = False) -> None:
    """Serve the three. With `needs_llm` it is not ready as long as vLLM does not answer.

    SettingsError `tls_unusable`.
    """
    # Of the certificate that is loaded now: one that is put in its place counts after a restart.
    certificate = service.settings.tls_cert
    certificate_ends = None if certificate is None else tls.ends_at(certificate)

    @app.get("/health/live")
    async def live() -> Response:
        return JSONResponse({"live": True})

    @app.get("/health/ready")
    async def ready(request: Request) -> Response:
        # In a thread that answers no reader: those may all be waiting for a storage. Whoever gives
        # up leaves it to those who ask next.
        asked = asyncio.shield(asyncio.wrap_future(service.health.readiness()))
        try:
            found = await asyncio.wait_for(asked, READY_S)
        except TimeoutError:
            raise RequestRefused(503, "readiness_unknown", seconds=round(READY_S)) from None
        draining = service.health.draining
        lacks_llm = needs_llm and not found.llm.drafts
        code = found.database or found.objects or ("draining" if draining else "")
        if code:
            note_code(request.scope, code)
        is_ready = found.ready and not draining and not lacks_llm
        told = {
            "ready": is_ready,
            "database": found.database or "ok",
            "objects": found.objects or "ok",
            "llm": found.llm.value,
        }
        if found.outbox_late:
            told["outbox"] = "late"
        if draining:
            told["draining"] = True
        return JSONResponse(told, 200 if is_ready else 503)

    @app.get("/metrics")
    def metrics(request: Request) -> Response:
        _require_reader(request, service.settings)
        now = CollectorRegistry()
        now.register(_Now(service.health.figures(), certificate_ends))
        written = generate_latest(service.metrics.registry) + generate_latest(now)
        return Response(written, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _require_reader(request: Request, settings: Settings) -> None:
    """RequestRefused `metrics_refused`."""
    token = settings.metrics_token.get_secret_value()
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if token and hmac.compare_digest(given.encode(), token.encode()):
        return
    client = address(request.client.host) if request.client is not None else None
    on_machine = client is not None and client.is_loopback and not was_forwarded(request.scope)
    if not on_machine and not among(client, settings.metrics_from):
        raise RequestRefused(403, "metrics_refused")


class _Now(Collector):
    """Gauges of what was counted just now."""

    def __init__(self, figures: Figures, certificate_ends: datetime | None) -> None:
        self._figures = figures
        self._certificate_ends = certificate_ends

    def collect(self) -> Iterator[Metric]:
        """Yield each gauge."""
        figures = self._figures
        yield _by("radraft_info", "Which radraft this is.", "version", {radraft.__version__: 1})
        yield _one("radraft_database_up", "1 where the database can be read.", figures.stored)
        up = figures.llm.drafts
        yield _one("radraft_llm_up", "1 where vLLM answers.", up)
        states = {state.value: state is figures.llm for state in LlmState}
        yield _by("radraft_llm_state", "1 for the state that vLLM is in.", "state", states)
        yield GaugeMetricFamily(
            "radraft_free_bytes", "Bytes left on the disk of the data folder.", figures.free_bytes
        )
        if figures.replicas:
            yield from _of_replicas(figures.replicas)
        if self._certificate_ends is not None:
            yield GaugeMetricFamily(
                "radraft_tls_certificate_ends_seconds",
                "Unix time until which the workstation's own certificate is valid.",
                self._certificate_ends.timestamp(),
            )
        if figures.stored is not None:
            yield from _stored(figures.stored)


def _of_replicas(replicas: tuple[ReplicaStatus, ...]) -> Iterator[Metric]:
    """Several vLLMs, by their place in `RADRAFT_LLM_URL`: an address may hold a password."""
    able = {ReplicaState.READY, ReplicaState.WITHOUT_ADAPTER}
    up = {str(each.number): each.state in able for each in replicas}
    yield _by("radraft_llm_replica_up", "1 where this vLLM can be asked.", "replica", up)
    states = GaugeMetricFamily(
        "radraft_llm_replica_state",
        "1 for the state that this vLLM is in.",
        labels=("replica", "state"),
    )
    for each in replicas:
        for state in ReplicaState:
            states.add_metric((str(each.number), state.value), float(state is each.state))
    yield states
    yield _by(
        "radraft_llm_replica_outstanding_tokens",
        "Prompts and most tokens to write of what this process asked this vLLM for.",
        "replica",
        {str(each.number): each.outstanding_tokens for each in replicas},
    )
    yield _by(
        "radraft_llm_replica_adapters",
        "1 where this vLLM has every adapter that serves.",
        "replica",
        {str(each.number): each.state is ReplicaState.READY for each in replicas},
    )


def _stored(stored: StoredFigures) -> Iterator[Metric]:
    cases = {state.value: count for state, count in stored.cases.items()}
    yield _by("radraft_cases", "Studies by where they stand.", "state", cases)
    arrivals = {state.value: count for state, count in stored.arrivals.items()}
    yield _by("radraft_arrivals", "Images that came by themselves.", "state", arrivals)
    yield _by(
        "radraft_orders_waiting",
        "What of orders and patients waits for a person: messages kept, and what to confirm.",
        "what",
        stored.orders,
    )
    alerts = {
        "open": stored.alerts.open,
        "untold": stored.alerts.untold,
        "escalated": stored.alerts.escalated,
    }
    yield _by("radraft_critical_alerts", "Open alerts of critical values.", "state", alerts)
    yield _by(
        "radraft_draft_workers",
        "Processes that draft on this database, by what their vLLM is doing.",
        "llm",
        stored.workers,
    )
    waiting = {"signature_log": stored.heads_unsent, "audit": stored.audit_unsent}
    yield _by("radraft_outbox_waiting", "What waits to be sent, by where to.", "to", waiting)
    entries = GaugeMetricFamily(
        "radraft_outbox_entries",
        "Signed reports that wait, are being sent or are dead, by receiver.",
        labels=("target", "state"),
    )
    for (target, state), count in stored.outbox.items():
        entries.add_metric((target, state.value), float(count))
    yield entries
    yield _by(
        "radraft_outbox_oldest_seconds",
        "For how long the oldest report waits that is not delivered, by receiver.",
        "target",
        stored.outbox_oldest_s,
    )


def _one(name: str, text: str, value: object) -> Metric:
    return GaugeMetricFamily(name, text, float(bool(value)))


def _by(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for value, count in values.items():
        family.add_metric((value,), float(count))
    return family
