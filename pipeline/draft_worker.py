"""Drafts what waits, in the background, while the workstation serves readers.

vLLM decodes a batch in nearly the time of one request, so as many cases are drafted at once as the
profile allows. The queue is the database: what a killed worker was drafting waits again when its
leases have expired.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import StorageError
from radraft.core.metrics import Metrics
from radraft.llm.endpoint import Probe
from radraft.llm.support import SCORED_AT_ONCE
from radraft.pipeline import draft as draft_steps
from radraft.pipeline.claims import Claims
from radraft.pipeline.draft_case import DraftOutcome, draft_case
from radraft.pipeline.shadow import ShadowDrafter
from radraft.reports import edits
from radraft.reports.draft import DraftedSentence, DraftProgress, DraftRestarted
from radraft.reports.values import Coverage
from radraft.store import cases, drafts

if TYPE_CHECKING:
    from radraft.llm.profiles import Profile
    from radraft.llm.server import Endpoint
    from radraft.pipeline.adapter_router import Router
    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.draft_worker")

TICK_S = 1.0
"""How often the queue is looked at when nothing woke the worker: another process may ingest too."""
PAUSE_S = 5.0
"""Seconds that drafting rests when the database fails."""
GONE = frozenset({"llm_unreachable", "llm_cut_off", "llm_no_replica"})
"""Codes of a draft that broke off perhaps because vLLM went away: before the next it is asked."""
ATTEMPTS = 2
"""How often one case is drafted before a failure stands until a person asks again."""


class Worker(threading.Thread):
    """A thread that drafts waiting cases until `stop` is called.

    `endpoint()` gives a vLLM that answers now, or None while there is none. `slots` are drafts at
    once for each vLLM; `vllms` is how many there may be.
    """

    def __init__(
        self,
        store: Store,
        profile: Profile,
        *,
        endpoint: Callable[[], Endpoint | None],
        vision: Callable[[], draft_steps.VisionModel | None],
        router: Router,
        slots: int,
        timeout_s: float,
        vllms: int = 1,
        claims: Claims | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        super().__init__(name="radraft-worker", daemon=True)
        self._store = store
        self._profile = profile
        self._endpoint = endpoint
        self._vision = vision
        self._router = router
        self._slots = slots
        self._vllms = vllms
        self._timeout_s = timeout_s
        self._claims = claims or Claims(store)
        self._metrics = metrics or Metrics()
        self._stop_event = threading.Event()
        self._wake = threading.Event()
        self._partial: dict[str, tuple[DraftedSentence, ...]] = {}
        self._attempts: dict[str, int] = {}
        self._gone = False

    def wake(self) -> None:
        """Look at the queue now."""
        self._wake.set()

    def stop(self) -> None:
        """End after the drafts in progress were given back to the queue."""
        self._stop_event.set()
        self._wake.set()

    def partial(self, case_id: str) -> tuple[DraftedSentence, ...]:
        """The sentences a draft in progress has so far; for display only."""
        return self._partial.get(case_id, ())

    def run(self) -> None:
        """Thread body."""
        # Here, so that no reader waits a second for them at the first page.
        edits.load_rules()
        with self._claims:
            while not self._stop_event.is_set():
                try:
                    # What an error of the database left in hand.
                    self._claims.give_back(self._claims.held())
                    log.info("drafting starts")
                    asyncio.run(self._loop())
                except (StorageError, SQLAlchemyError) as error:
                    # A full disk or a database that restarts: drafting goes on once it is back.
                    log.error("drafting paused: %s", type(error).__name__)
                    self._stop_event.wait(PAUSE_S)

    async def _loop(self) -> None:
        running: dict[asyncio.Task[DraftOutcome], str] = {}
        scoring = asyncio.Semaphore(SCORED_AT_ONCE)
        loading = asyncio.Lock()
        shadows = ShadowDrafter(self._store, self._router)
        limits = httpx.Limits(max_connections=self._slots * self._vllms + 4)
        async with httpx.AsyncClient(limits=limits, trust_env=False) as client:
            try:
                while not self._stop_event.is_set():
                    endpoint = self._endpoint()
                    if endpoint is not None and await self._answers(endpoint):
                        base = partial(self._drafter, endpoint, client, scoring, loading)
                        several = endpoint.replicas
                        slots = self._slots * (1 if several is None else several.serving())
                        free = max(0, slots - len(running))
                        claimed = await asyncio.to_thread(self._claims.claim, free)
                        if claimed:
                            await shadows.give_way()
                        for case_id in claimed:
                            running[asyncio.create_task(self._draft(case_id, base))] = case_id
                        if not running:
                            shadows.go_on(base)
                    await self._pause({*running, *shadows.tasks})
                    for task in [task for task in running if task.done()]:
                        case_id = running.pop(task)
                        await asyncio.to_thread(self._retry, task.result())
            finally:
                await shadows.give_way()
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
        self._claims.give_back(running.values())

    async def _answers(self, endpoint: Endpoint) -> bool:
        """Whether vLLM can be given a case: the link's last look may be older than its crash, and
        one crash must not cost a case all its attempts."""
        if self._gone:
            self._gone = not await asyncio.to_thread(Probe(endpoint).healthy)
        return not self._gone

    async def _drafter(
        self,
        endpoint: Endpoint,
        client: httpx.AsyncClient,
        scoring: asyncio.Semaphore,
        loading: asyncio.Lock,
    ) -> draft_steps.Drafter:
        # One at a time: the first loads the encoder, and the others find it.
        async with loading:
            vision = await asyncio.to_thread(self._vision)
        return draft_steps.Drafter(
            self._profile, endpoint, client, vision, self._timeout_s, scoring
        )

    async def _pause(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        wake = asyncio.create_task(asyncio.to_thread(self._wake.wait, TICK_S))
        await asyncio.wait({wake, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        self._wake.set()
        await wake
        self._wake.clear()

    async def _draft(
        self, case_id: str, base: Callable[[], Awaitable[draft_steps.Drafter]]
    ) -> DraftOutcome:
        began = time.monotonic()
        try:
            outcome = await draft_case(
                case_id,
                claims=self._claims,
                profile=self._profile,
                router=self._router,
                base=base,
                on_sentence=self._keep,
            )
        finally:
            self._partial.pop(case_id, None)
        await asyncio.to_thread(self._count, outcome, time.monotonic() - began)
        return outcome

    def _count(self, outcome: DraftOutcome, seconds: float) -> None:
        if outcome.draft is None:
            return
        coverage = outcome.draft.coverage
        failed = outcome.draft.error_code if coverage is Coverage.FAILED else None
        self._metrics.draft(coverage.value, seconds, failed)
        try:
            with self._store.read() as session:
                waited = drafts.first_draft_wait(session, outcome.case_id)
        except StorageError as error:
            # The draft is stored: a figure less is no reason to pause.
            log.warning("a draft's waiting time was not counted: %s", error.code)
            return
        if coverage is not Coverage.FAILED and waited is not None:
            self._metrics.waited(waited)

    def _keep(self, progress: DraftProgress) -> None:
        if isinstance(progress, DraftRestarted):
            self._partial.pop(progress.case_id, None)
            return
        self._partial[progress.case_id] = (*self.partial(progress.case_id), progress)

    def _retry(self, outcome: DraftOutcome) -> None:
        """Queue a case again that failed because vLLM went away, but not for ever."""
        if outcome.draft is None or outcome.draft.coverage is not Coverage.FAILED:
            self._attempts.pop(outcome.case_id, None)
            return
        if outcome.draft.error_code in GONE:
            self._gone = True
        tries = self._attempts.get(outcome.case_id, 0) + 1
        self._attempts[outcome.case_id] = tries
        if tries < ATTEMPTS:
            with self._store.begin() as session:
                cases.requeue(session, outcome.case_id)
