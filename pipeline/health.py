"""Whether this radraft can be used now, and how much waits in it."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from radraft.core.errors import StorageError
from radraft.llm.link import LlmState
from radraft.pipeline.draft_workers import WorkerSight, counts
from radraft.reports.outgoing_entry import EntryState
from radraft.store import (
    alerts,
    arrivals,
    audit,
    cases,
    order_messages,
    orders,
    outbox,
    patient_records,
    signature_log,
)
from radraft.store.alerts import AlertCounts
from radraft.store.arrivals import ArrivalState
from radraft.store.cases import CaseState

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.llm.replicas.router import Replicas, ReplicaStatus
    from radraft.store.database import Store


@dataclass(frozen=True)
class Readiness:
    """Whether studies can be read and reports written. A code is empty where all is well."""

    database: str
    """Code of what keeps the database from being read."""
    objects: str
    """Code of what keeps pixels from being read."""
    llm: LlmState
    """Told, and no condition: without a vLLM reports are read, written and signed all the same."""
    outbox_late: bool = False
    """Told, and no condition: signed reports wait for a receiver that takes none, or are dead."""

    @property
    def ready(self) -> bool:
        """Whether browsers may be sent here."""
        return not self.database and not self.objects


@dataclass(frozen=True)
class StoredFigures:
    """How much waits, as the database has it."""

    cases: Mapping[CaseState, int]
    arrivals: Mapping[ArrivalState, int]
    orders: Mapping[str, int]
    """What waits for a person: messages that could not be read, and orders that may be a study's.
    """
    alerts: AlertCounts
    heads_unsent: int
    """Heads of the chain of signatures that were not sent to the signature log yet."""
    audit_unsent: int
    """Events of the audit that were not sent to the log server yet; 0 where none is set."""
    workers: Mapping[str, int]
    """How many processes draft, by what their vLLMs are doing."""
    outbox: Mapping[tuple[str, EntryState], int]
    """How many reports wait, are being sent or are dead, by receiver."""
    outbox_oldest_s: Mapping[str, float]
    """For how many seconds the oldest of those that wait does so, by receiver."""


@dataclass(frozen=True)
class Figures:
    """What is counted anew each time somebody asks."""

    stored: StoredFigures | None
    """None where the database cannot be read."""
    llm: LlmState
    free_bytes: int
    """Left on the disk of the data folder."""
    replicas: tuple[ReplicaStatus, ...] = ()
    """How each of several vLLMs is; nothing where there are not several."""


def readiness(store: Store, llm: LlmState) -> Readiness:
    """Return whether `store` can be read."""
    database = objects = ""
    late = False
    try:
        with store.read() as session:
            cases.any_case(session)
            late = outbox.is_late(session, LATE_AFTER)
    except StorageError as error:
        database = error.code
    try:
        store.objects.require_reachable()
    except StorageError as error:
        objects = error.code
    return Readiness(database, objects, llm, late)


LATE_AFTER = timedelta(minutes=5)
"""How long a report may wait for its receiver before that is told."""
READY_KEPT_S = 1.0
"""How long an answer about readiness holds: anybody may ask for it."""
PILES_KEPT_TIMES, PILES_KEPT_S = 100, 300.0
"""What piles up is counted again after so many times as long as counting took: a hundredth of a
core's time. And after so many seconds in any case."""
_WAITING = (CaseState.RECEIVED, CaseState.DRAFTING, CaseState.FAILED)
_PILES = tuple(state for state in CaseState if state not in _WAITING)
_PILED_ARRIVALS = (ArrivalState.TAKEN,)


class Health:
    """What a supervisor and Prometheus ask for, at little cost however often and however much there
    is. Threads may share one."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        llm: Callable[[], LlmState],
        replicas: Replicas | None = None,
    ) -> None:
        """`replicas`: of this process, where it asks several vLLMs."""
        self._store = store
        self._settings = settings
        self._llm = llm
        self._replicas = replicas
        self._lock = threading.Lock()
        self._readiness: Future[Readiness] | None = None
        self._asked_until = 0.0
        self._counting = threading.Lock()
        self._piles: _Piles | None = None
        self.sight = WorkerSight(store)
        """Which processes draft."""
        self.draining = False
        """Whether it ends soon: nobody is to be sent here any more."""

    def drain(self) -> None:
        """Say from now on that it is not ready: it ends soon."""
        self.draining = True

    def readiness(self) -> Future[Readiness]:
        """Return whether studies can be read and reports written, as of at most `READY_KEPT_S` ago.

        One thread finds it out for all who ask meanwhile: a storage that does not answer holds no
        more than that one.
        """
        with self._lock:
            known = self._readiness
            if known is not None and (not known.done() or time.monotonic() < self._asked_until):
                return known
            asked: Future[Readiness] = Future()
            self._readiness = asked
        threading.Thread(
            target=self._ask, args=(asked,), name="radraft-readiness", daemon=True
        ).start()
        return asked

    def figures(self) -> Figures:
        """Return how much waits; without the store's part where it cannot be read."""
        try:
            stored = self._stored()
        except StorageError:
            stored = None
        free = shutil.disk_usage(self._settings.data_dir).free
        replicas = () if self._replicas is None else self._replicas.status()
        return Figures(stored, self._llm(), free, replicas)

    def _ask(self, asked: Future[Readiness]) -> None:
        try:
            found = readiness(self._store, self._llm())
        except BaseException as error:
            # Whoever waits for it gets it.
            asked.set_exception(error)
            raise
        with self._lock:
            self._asked_until = time.monotonic() + READY_KEPT_S
        asked.set_result(found)

    def _stored(self) -> StoredFigures:
        with self._store.read() as session:
            waiting = cases.state_counts(session, *_WAITING)
            arriving = arrivals.counts(session, set(ArrivalState) - set(_PILED_ARRIVALS))
            kept = order_messages.kept(session)
            asked = orders.asked(session)
            patients = patient_records.asked(session)
            open_alerts = alerts.counts(session)
            sends_heads = self._store.head_sender is not None
            heads_unsent = signature_log.unsent(session) if sends_heads else 0
            audit_unsent = audit.unsent(session) if self._settings.audit_syslog else 0
            outgoing = outbox.open_counts(session)
            oldest_s = outbox.oldest_waits_s(session)
        piles = self._piled()
        return StoredFigures(
            cases={**waiting, **piles.cases},
            arrivals={**arriving, **piles.arrivals},
            orders={"message": kept, "match": asked, "patient": patients},
            alerts=open_alerts,
            heads_unsent=heads_unsent,
            audit_unsent=audit_unsent,
            workers=counts(self.sight.living()),
            outbox=outgoing,
            outbox_oldest_s=oldest_s,
        )

    def _piled(self) -> _Piles:
        """What only grows; of two who ask at once one counts, and the other gets what was known."""
        known = self._piles
        if known is not None and time.monotonic() < known.until:
            return known
        if not self._counting.acquire(blocking=known is None):
            assert known is not None
            return known
        try:
            known = self._piles
            began = time.monotonic()
            if known is None or began >= known.until:
                with self._store.read() as session:
                    piled = cases.state_counts(session, *_PILES)
                    taken = arrivals.counts(session, _PILED_ARRIVALS)
                ended = time.monotonic()
                holds = min(PILES_KEPT_S, PILES_KEPT_TIMES * (ended - began))
                known = self._piles = _Piles(piled, taken, ended + holds)
            return known
        finally:
            self._counting.release()


@dataclass(frozen=True)
class _Piles:
    """How many there are of what nobody waits for."""

    cases: Mapping[CaseState, int]
    arrivals: Mapping[ArrivalState, int]
    until: float
    """By the monotonic clock, in seconds: until then it holds."""
