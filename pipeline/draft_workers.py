"""Which processes draft: each gives signs of life, and servers that do not draft look at them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import DraftingError, RadraftError, StorageError
from radraft.llm.link import LlmState
from radraft.store import workers
from radraft.store.workers import DraftWorker, WorkerSign

if TYPE_CHECKING:
    from radraft.llm.link import LlmLink
    from radraft.store.database import Store
    from radraft.store.leases import Owner

log = logging.getLogger("radraft.pipeline.draft_workers")

BEAT_S = 5.0
"""Between two signs of life; one goes out at once when vLLM's state changed."""
TERM_S = 20.0
"""Seconds without a sign after which a process counts as gone."""
LOOK_S = 1.0
"""How often vLLM's state is looked at for a change; how long a look at the others holds."""
BEST_FIRST = (LlmState.READY, LlmState.SLOWER, LlmState.STARTING, LlmState.DOWN)
"""Of several processes' states the one that is told: what can be expected soonest."""


class WorkerSigns(threading.Thread):
    """Says until it is closed that this process drafts, and how its vLLM is."""

    def __init__(
        self, store: Store, owner: Owner, link: LlmLink, *, slots: int, model: str
    ) -> None:
        """`owner`: of its leases."""
        super().__init__(name="radraft-worker-signs", daemon=True)
        self._store = store
        self._owner = owner
        self._link = link
        self._slots = slots
        self._model = model
        self._ending = threading.Event()

    def run(self) -> None:
        """Thread body."""
        told: WorkerSign | None = None
        due = 0.0
        while not self._ending.is_set():
            sign = self._sign()
            if sign != told or time.monotonic() >= due:
                told = sign if self._tell(sign) else None
                due = time.monotonic() + BEAT_S
            self._ending.wait(LOOK_S)

    def close(self) -> None:
        """Say that this process drafts no more."""
        self._ending.set()
        if self.is_alive():
            self.join()
        try:
            with self._store.begin() as session:
                workers.end(session, self._owner.owner_id)
        except (StorageError, SQLAlchemyError) as error:
            # Without signs it counts as gone soon.
            log.warning("the end was not noted: %s", type(error).__name__)

    def _sign(self) -> WorkerSign:
        problem = self._link.problem()
        return WorkerSign(
            worker_id=self._owner.owner_id,
            host=self._owner.host,
            term_s=TERM_S,
            slots=self._slots,
            model=self._model,
            llm=self._link.state().value,
            llm_code=None if problem is None else problem.code,
        )

    def _tell(self, sign: WorkerSign) -> bool:
        try:
            with self._store.begin() as session:
                workers.beat(session, sign)
        except (StorageError, SQLAlchemyError) as error:
            log.warning("a sign of life was not written: %s", type(error).__name__)
            return False
        return True


class WorkerSight:
    """Sees the processes that draft, for a server that does not. Threads may share one."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._found: tuple[DraftWorker, ...] = ()
        self._until = 0.0

    def living(self) -> tuple[DraftWorker, ...]:
        """Return the processes that draft, as of at most `LOOK_S` ago. StorageError."""
        with self._lock:
            if self._clock() >= self._until:
                with self._store.read() as session:
                    self._found = workers.living(session)
                self._until = self._clock() + LOOK_S
            return self._found

    def state(self) -> LlmState:
        """Return what a study that waits for a draft can expect."""
        try:
            found = {worker.sign.llm for worker in self.living()}
        except StorageError:
            # Then no study's page is drawn either.
            return LlmState.DOWN
        return next((state for state in BEST_FIRST if state.value in found), LlmState.NO_WORKER)

    def problem(self) -> RadraftError | None:
        """Return why no draft comes; None where one comes, or soon."""
        state = self.state()
        if state.drafts or state is LlmState.STARTING:
            return None
        try:
            codes = [worker.sign.llm_code for worker in self.living()]
        except StorageError as error:
            return error
        if not codes:
            return DraftingError("no_draft_worker")
        return DraftingError(
            "workers_without_llm", codes=", ".join(sorted(set(filter(None, codes))))
        )


def counts(found: tuple[DraftWorker, ...]) -> Mapping[str, int]:
    """Return how many processes draft, by what their vLLMs are doing."""
    told = [worker.sign.llm for worker in found]
    return {state.value: told.count(state.value) for state in BEST_FIRST}
