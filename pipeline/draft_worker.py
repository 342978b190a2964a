"""Drafts what waits, in the background, while the workstation serves readers.

vLLM decodes a batch in nearly the time of one request, so as many cases are drafted at once as the
profile allows. The queue is the database: a killed worker's cases are released at the next start.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import RadraftError
from radraft.llm import draft
from radraft.llm.support import SCORED_AT_ONCE
from radraft.pipeline import adapter_router, draft as line
from radraft.pipeline.shadow import ShadowDrafter
from radraft.reports import edits
from radraft.reports.draft import Draft, DraftedSentence
from radraft.reports.values import Coverage
from radraft.store import cases

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
ATTEMPTS = 2
"""How often one case is drafted before a failure stands until a person asks again."""


class Worker(threading.Thread):
    """A thread that drafts waiting cases until `stop` is called.

    `endpoint()` gives a vLLM that answers now, or None while there is none.
    """

    def __init__(
        self,
        store: Store,
        profile: Profile,
        *,
        endpoint: Callable[[], Endpoint | None],
        vision: Callable[[], line.VisionModel | None],
        router: Router,
        slots: int,
        timeout_s: float,
    ) -> None:
        super().__init__(name="radraft-worker", daemon=True)
        self._store = store
        self._profile = profile
        self._endpoint = endpoint
        self._eyes = vision
        self._router = router
        self._slots = slots
        self._timeout_s = timeout_s
        self._stop_event = threading.Event()
        self._wake = threading.Event()
        self._partial: dict[str, tuple[DraftedSentence, ...]] = {}
        self._attempts: dict[str, int] = {}

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
        while not self._stop_event.is_set():
            try:
                with self._store.begin() as session:
                    released = cases.release_stale(session)
                log.info("drafting starts, %d interrupted drafts queued again", released)
                asyncio.run(self._loop())
            except SQLAlchemyError as error:
                # A full disk or a database that restarts: drafting goes on once it is back.
                log.error("drafting paused: %s", type(error).__name__)
                self._stop_event.wait(PAUSE_S)

    async def _loop(self) -> None:
        limits = httpx.Limits(max_connections=self._slots + 4)
        running: dict[asyncio.Task[None], str] = {}
        scoring = asyncio.Semaphore(SCORED_AT_ONCE)
        beside = ShadowDrafter(self._store, self._router)
        async with httpx.AsyncClient(limits=limits, trust_env=False) as client:
            while not self._stop_event.is_set():
                endpoint = self._endpoint()
                if endpoint is not None:
                    base = partial(self._base, endpoint, client, scoring)
                    claimed = self._claim(self._slots - len(running))
                    if claimed:
                        await beside.give_way()
                    for case_id in claimed:
                        running[asyncio.create_task(self._draft(case_id, base))] = case_id
                    if not running:
                        beside.go_on(base)
                await self._pause({*running, *beside.tasks})
                for task in [task for task in running if task.done()]:
                    self._settle(running.pop(task), task.exception())
            await beside.give_way()
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        self._give_back(case_id for task, case_id in running.items() if task.cancelled())

    async def _base(
        self, endpoint: Endpoint, client: httpx.AsyncClient, scoring: asyncio.Semaphore
    ) -> line.Drafter:
        vision = await asyncio.to_thread(self._eyes)
        return line.Drafter(self._profile, endpoint, client, vision, self._timeout_s, scoring)

    async def _pause(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        wake = asyncio.create_task(asyncio.to_thread(self._wake.wait, TICK_S))
        await asyncio.wait({wake, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        self._wake.set()
        await wake
        self._wake.clear()

    def _claim(self, free: int) -> tuple[str, ...]:
        if free <= 0:
            return ()
        with self._store.begin() as session:
            return cases.claim(session, limit=free)

    async def _draft(self, case_id: str, base: Callable[[], Awaitable[line.Drafter]]) -> None:
        try:
            result = await adapter_router.draft(
                case_id,
                store=self._store,
                router=self._router,
                base=await base(),
                on_sentence=self._keep,
            )
        except RadraftError as error:
            log.warning("case %s could not be drafted: %s", case_id, error.code)
            result = draft.failed(case_id, self._profile, error.code)
            with self._store.begin() as session:
                line.save(session, result)
        finally:
            self._partial.pop(case_id, None)
        self._retry(result)

    def _settle(self, case_id: str, error: BaseException | None) -> None:
        """One case that breaks the line must not keep the others from being drafted."""
        if isinstance(error, SQLAlchemyError):
            raise error
        if error is not None:
            # The type only: a message may quote what it choked on.
            log.error("case %s broke the line: %s", case_id, type(error).__name__)
            with self._store.begin() as session:
                line.save(session, draft.failed(case_id, self._profile, "draft_broken"))

    def _keep(self, sentence: DraftedSentence) -> None:
        self._partial[sentence.case_id] = (*self.partial(sentence.case_id), sentence)

    def _retry(self, result: Draft) -> None:
        """Queue a case again that failed because vLLM went away, but not for ever."""
        if result.coverage is not Coverage.FAILED:
            self._attempts.pop(result.case_id, None)
            return
        tries = self._attempts.get(result.case_id, 0) + 1
        self._attempts[result.case_id] = tries
        if tries < ATTEMPTS:
            with self._store.begin() as session:
                cases.requeue(session, result.case_id)

    def _give_back(self, case_ids: Iterable[str]) -> None:
        for case_id in case_ids:
            with self._store.begin() as session:
                cases.give_back(session, case_id)
