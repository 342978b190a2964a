"""The running service: vLLM, the worker, and the workstation over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import radraft
from radraft.core.metrics import Metrics
from radraft.core.scratch import sweep
from radraft.llm.launch import shares_cpu
from radraft.llm.link import LlmLink
from radraft.pipeline.adapter_router import Router
from radraft.pipeline.alerts import Escalation
from radraft.pipeline.audit_delivery import Delivery, log_server
from radraft.pipeline.audit_trail import command_line
from radraft.pipeline.claims import Claims
from radraft.pipeline.draft_batch import load_vision_model
from radraft.pipeline.draft_worker import Worker
from radraft.pipeline.encoders import LoadedOnce, extractor_loader
from radraft.pipeline.reading import ReadingWatch
from radraft.pipeline.service import Llm, Service
from radraft.reports.audit import AuditEvent, AuditKind
from radraft.reports.critical import load_rules
from radraft.studies.deid.recognisers_site import of_site

if TYPE_CHECKING:
    from fastapi import FastAPI

    from radraft.core.settings import Settings
    from radraft.llm.profiles import Profile
    from radraft.store.database import Store
    from radraft.studies.features import FeatureExtractor

GIVE_BACK_S = 3.0
"""How long the end waits for drafts to be given back to the queue."""


@contextmanager
def running(
    settings: Settings,
    profile: Profile,
    store: Store,
    *,
    with_llm: bool = True,
    on_progress: Callable[[str, float], None] | None = None,
) -> Iterator[Service]:
    """A service that drafts: vLLM and the worker start in the background and stop at the end.

    The workstation does not wait for vLLM: studies can be read and reports written meanwhile.
    DraftingError `starter_weights_changed` where it would draft with other weights than pinned;
    SettingsError where the hospital's own recognisers cannot be read, or the log server's TLS.
    """
    # A hospital's own rules that cannot be used are said now, not at the first study.
    of_site()
    sweep(settings.data_dir / "scratch")
    if not with_llm:
        load_extractor = extractor_loader(store)
        service = Service(store, settings, profile, load_extractor=load_extractor)
        with (
            _audited(service),
            closing(service.choosing),
            _watching(store),
            _receiving(settings, profile, store, load_extractor),
        ):
            yield service
        return
    profile.check_weights()
    vision = LoadedOnce(lambda: load_vision_model(profile, beside_llm=shares_cpu(settings)))
    load_extractor = extractor_loader(store, vision)
    link = LlmLink(settings, profile, on_progress)
    metrics = Metrics()
    worker = Worker(
        store,
        profile,
        endpoint=link.endpoint,
        vision=vision,
        router=Router(store, settings.adapters_dir),
        slots=profile.vllm.max_num_seqs,
        timeout_s=settings.draft_timeout_s,
        claims=Claims(store, critical_rules=load_rules(settings.critical_values)),
        metrics=metrics,
    )
    link.start()
    worker.start()
    service = Service(
        store,
        settings,
        profile,
        llm=Llm(state=link.state, endpoint=link.endpoint, problem=link.problem),
        partial=worker.partial,
        wake=worker.wake,
        load_extractor=load_extractor,
        metrics=metrics,
    )
    ending = threading.Thread(target=link.stop, name="radraft-llm-stop", daemon=True)
    with ExitStack() as stack:
        stack.callback(ending.join)
        try:
            receiving = _receiving(settings, profile, store, load_extractor, wake=worker.wake)
            stack.enter_context(_audited(service))
            stack.enter_context(closing(service.choosing))
            stack.enter_context(_watching(store))
            stack.enter_context(receiving)
            yield service
        finally:
            # vLLM ends and drafts are given back before a study that is being taken in, or a sum
            # that nobody can break off, is waited for.
            worker.stop()
            ending.start()
            worker.join(GIVE_BACK_S)


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
    settings: Settings,
    profile: Profile,
    store: Store,
    load_extractor: Callable[[], FeatureExtractor | None],
    *,
    wake: Callable[[], None] = lambda: None,
) -> AbstractContextManager[object]:
    """Listener, watched folder and completion where the settings name any."""
    from radraft.pipeline.intake import receiving, wanted

    if not wanted(settings):
        return nullcontext()
    return receiving(settings, profile, store, load_extractor=load_extractor, wake=wake)


def build(service: Service, *, demo: bool = False) -> FastAPI:
    """The HTTP application: JSON under `/api`, the workstation at `/`.

    `demo`: its visitor is signed in as one of the demo's people.
    """
    from radraft.ui.access import application
    from radraft.ui.mount import mount

    return mount(application(service, demo=demo), service)
