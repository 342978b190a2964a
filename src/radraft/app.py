"""The running service: vLLM, the worker, and the workstation over HTTP."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from radraft.batch import open_eyes
from radraft.errors import DraftingError
from radraft.llm.server import Endpoint, ManagedServer
from radraft.service import Llm, LlmState, Service
from radraft.worker import Worker

if TYPE_CHECKING:
    from fastapi import FastAPI

    from radraft.llm.profiles import Profile
    from radraft.settings import Settings
    from radraft.store.database import Store

log = logging.getLogger("radraft.app")


@dataclass(frozen=True)
class Running:
    """A service whose worker is drafting."""

    service: Service
    llm: Llm


@contextmanager
def running(
    settings: Settings,
    profile: Profile,
    store: Store,
    *,
    with_llm: bool = True,
    on_progress: Callable[[str, float], None] | None = None,
) -> Iterator[Running]:
    """Start vLLM and the worker in the background; stop both at the end.

    The workstation does not wait for vLLM: studies can be read and reports written meanwhile.
    """
    if not with_llm:
        service = Service(store, settings, profile)
        yield Running(service, Llm(state=lambda: "off", endpoint=lambda: None))
        return
    server = ManagedServer(settings, profile)
    starter = _Starter(server, on_progress)
    llm = Llm(state=starter.state, endpoint=server.ready_endpoint)
    worker = Worker(
        store,
        profile,
        endpoint=server.ready_endpoint,
        eyes=cache(lambda: open_eyes(settings, profile)),
        slots=profile.vllm.max_num_seqs,
        timeout_s=settings.draft_timeout_s,
    )
    starter.start()
    worker.start()
    try:
        yield Running(
            Service(store, settings, profile, llm=llm, partial=worker.partial, wake=worker.wake),
            llm,
        )
    finally:
        worker.stop()
        worker.join()
        server.stop()


def build(service: Service) -> FastAPI:
    """The HTTP application: JSON under `/api`, the workstation at `/`."""
    from fastapi import FastAPI

    from radraft.ui.mount import mount

    return mount(FastAPI(title="radraft", docs_url=None, redoc_url=None), service)


class _Starter(threading.Thread):
    """Starts vLLM off the main thread, then watches it."""

    def __init__(
        self, server: ManagedServer, on_progress: Callable[[str, float], None] | None
    ) -> None:
        super().__init__(name="radraft-vllm-start", daemon=True)
        self._server = server
        self._on_progress = on_progress
        self._failed = False

    def run(self) -> None:
        """Thread body."""
        try:
            self._server.start()
            self._server.wait_ready(self._on_progress)
        except DraftingError as error:
            self._failed = True
            log.error("vLLM did not start: %s", error.code)
        self._server.watch()

    def state(self) -> LlmState:
        """What the page shows."""
        if self._server.ready_endpoint() is not None:
            return "ready"
        return "down" if self._failed or not self.is_alive() else "starting"


__all__ = ["Endpoint", "Running", "build", "running"]
