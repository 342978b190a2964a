"""The running service: vLLM, the worker, and the workstation over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import radraft
from radraft.core.metrics import Metrics
from radraft.core.scratch import sweep
from radraft.exchange.targets import load_targets
from radraft.llm.link import LlmLink
from radraft.pipeline import outbox_delivery
from radraft.pipeline.alerts import Escalation
from radraft.pipeline.audit_delivery import Delivery, log_server
from radraft.pipeline.audit_trail import command_line
from radraft.pipeline.commitments import CommitmentReports
from radraft.pipeline.draft_workers import WorkerSight
from radraft.pipeline.drafting import Drafting
from radraft.pipeline.encoders import extractor_loader
from radraft.pipeline.institutions import load_institutions
from radraft.pipeline.reading import ReadingWatch
from radraft.pipeline.service import NO_LLM, Llm, Service
from radraft.reports.audit import AuditEvent, AuditKind
from radraft.studies.deid.recognisers_site import of_site

if TYPE_CHECKING:
    from fastapi import FastAPI

    from radraft.core.settings import Settings
    from radraft.llm.profiles import Profile
    from radraft.store.database import Store
    from radraft.studies.features import FeatureExtractor


class DraftedBy(StrEnum):
    """Who drafts what this server's people read."""

    ITSELF = "itself"
    WORKERS = "workers"
    """Other processes on the same database: `radraft worker`, or another `radraft serve`."""
    NOBODY = "nobody"


@contextmanager
def running(
    settings: Settings,
    profile: Profile,
    store: Store,
    *,
    drafted_by: DraftedBy = DraftedBy.ITSELF,
    on_progress: Callable[[str, float], None] | None = None,
) -> Iterator[Service]:
    """Yield a service that drafts, or has others draft; what it starts stops at the end.

    The workstation does not wait for vLLM: studies can be read and reports written meanwhile.
    DraftingError `starter_weights_changed` where it would draft with other weights than pinned;
    SettingsError where the hospital's own recognisers or institutions cannot be read, or the log
    server's TLS.
    """
    # A hospital's own rules that cannot be used are said now, not at the first study.
    of_site()
    load_targets(settings.targets)
    load_institutions(settings.institutions)
    sweep(settings.data_dir / "scratch")
    with ExitStack() as stack:
        if drafted_by is DraftedBy.ITSELF:
            yield from _with_drafting(settings, profile, store, on_progress, stack)
            return
        llm = NO_LLM
        if drafted_by is DraftedBy.WORKERS:
            link = LlmLink(settings, profile, starts=False)
            link.start()
            stack.callback(link.stop)
            llm = _of_workers(WorkerSight(store), link)
        load_extractor = extractor_loader(store)
        service = Service(store, settings, profile, llm=llm, load_extractor=load_extractor)
        stack.enter_context(_audited(service))
        stack.enter_context(_delivering(service))
        stack.enter_context(closing(service.choosing))
        stack.enter_context(closing(service.full_frames))
        stack.enter_context(_watching(store))
        stack.enter_context(_receiving(service, load_extractor))
        stack.enter_context(_taking_orders(settings, store))
        yield service


def _with_drafting(
    settings: Settings,
    profile: Profile,
    store: Store,
    on_progress: Callable[[str, float], None] | None,
    stack: ExitStack,
) -> Iterator[Service]:
    metrics = Metrics()
    drafting = Drafting(settings, profile, store, metrics, on_progress)
    link, worker = drafting.link, drafting.worker
    load_extractor = extractor_loader(store, drafting.vision)
    service = Service(
        store,
        settings,
        profile,
        llm=Llm(link.state, link.endpoint, link.problem, link.replicas),
        partial=worker.partial,
        wake=worker.wake,
        load_extractor=load_extractor,
        metrics=metrics,
    )
    try:
        # Whoever asks for the end from here on ends vLLM too.
        stack.callback(drafting.join)
        drafting.start()
        receiving = _receiving(service, load_extractor, wake=worker.wake)
        stack.enter_context(_audited(service))
        stack.enter_context(_delivering(service))
        stack.enter_context(closing(service.choosing))
        stack.enter_context(closing(service.full_frames))
        stack.enter_context(_watching(store))
        stack.enter_context(receiving)
        stack.enter_context(_taking_orders(settings, store))
        yield service
    finally:
        # vLLM ends and drafts are given back before a study that is being taken in, or a sum
        # that nobody can break off, is waited for.
        drafting.stop()


def _of_workers(sight: WorkerSight, link: LlmLink) -> Llm:
    """Drafts are the workers' business; questions are asked of a vLLM that this server reaches."""

    def elsewhere() -> bool:
        problem = link.problem()
        return problem is not None and problem.code == "llm_elsewhere"

    return Llm(sight.state, link.endpoint, sight.problem, link.replicas, elsewhere)


@contextmanager
def _audited(service: Service) -> Iterator[None]:
    """The audit knows when the service began and ended; what waits is written at the end."""
    server = log_server(service.settings)
    with ExitStack() as stack:
        if server is not None:
            delivery = Delivery(service.store, server, service.settings.site)
            delivery.start()
            stack.enter_context(closing(delivery))
        stack.enter_context(closing(service.trail))
        service.trail.note(_of_service(AuditKind.START, service))
        try:
            yield
        finally:
            service.trail.note(_of_service(AuditKind.STOP, service))


def _of_service(kind: AuditKind, service: Service) -> AuditEvent:
    details = {"version": radraft.__version__, "profile": service.profile.name}
    return AuditEvent(kind, datetime.now(UTC), command_line(), details=details)


def _delivering(service: Service) -> AbstractContextManager[None]:
    """Signed reports go to their receivers until the end."""
    return outbox_delivery.delivering(
        service.store, service.settings, service.outbox, service.metrics
    )


@contextmanager
def _watching(store: Store) -> Iterator[None]:
    """Critical values that wait too long are told to the next level, and what nobody has begun to
    read goes to whom the rules say, until the end."""
    escalation, reading = Escalation(store), ReadingWatch(store)
    escalation.start()
    reading.start()
    with closing(escalation), closing(reading):
        yield


def _receiving(
    service: Service,
    load_extractor: Callable[[], FeatureExtractor | None],
    *,
    wake: Callable[[], None] = lambda: None,
) -> AbstractContextManager[object]:
    """Listener, watched folder and completion where the settings name any."""
    from radraft.pipeline.intake import receiving, wanted

    settings, store = service.settings, service.store
    if not wanted(settings):
        return nullcontext()
    return receiving(
        settings,
        service.profile,
        store,
        load_extractor=load_extractor,
        wake=wake,
        commitments=CommitmentReports(store, service.metrics, service.outbox.wake),
    )


@contextmanager
def _taking_orders(settings: Settings, store: Store) -> Iterator[None]:
    """The HL7 listener where the settings name a port, and the worklist that they name is asked."""
    from radraft.pipeline.order_intake import receiving_orders
    from radraft.pipeline.worklist_orders import asking_worklist

    with (
        receiving_orders(settings, store) if settings.hl7_port else nullcontext(),
        asking_worklist(settings, store) if settings.mwl else nullcontext(),
    ):
        yield


def build(service: Service, *, demo: bool = False) -> FastAPI:
    """The HTTP application: JSON under `/api`, the workstation at `/`.

    `demo`: its visitor is signed in as one of the demo's people.
    """
    from radraft.ui.access import application
    from radraft.ui.mount import mount

    return mount(application(service, demo=demo), service)
