"""Reports on their way out: a thread that takes what is due and gives it to lanes, a few for each
receiver, so that none that hangs holds another up.

The thread alone writes: it settles what the lanes have tried and takes the next in one transaction.
Several processes share the work by leases. After a kill a report may be sent twice, under the same
number and in the same bytes, which its receiver knows.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import RadraftError, StorageError, StorageUnavailable
from radraft.exchange.targets import TargetKind
from radraft.exchange.values import DeliveryError
from radraft.pipeline.claims import BEATS, LOOKS, LeaseWatch
from radraft.pipeline.commitments import asking
from radraft.pipeline.outbox import delivered_event
from radraft.pipeline.outbox_sending import ReportSender
from radraft.reports.outgoing_entry import (
    LONGEST_ABSENCE,
    EntryState,
    Failed,
    FailureKind,
    NotTried,
    Outcome,
    Stored,
    after_try,
    pause_after,
)
from radraft.store import audit, cases, outbox as stored
from radraft.store.leases import Owner
from radraft.store.outbox import EntryLease, Tried

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.core.metrics import Metrics
    from radraft.core.settings import Settings
    from radraft.exchange.targets import Target
    from radraft.pipeline.outbox import Outbox
    from radraft.reports.outgoing_entry import Entry, ListedEntry
    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.outbox_delivery")

LANES = 4
"""How many reports go to one receiver at a time, where it is no FHIR server: one of those may take
two transactions that create the same patient at once for two patients."""
AHEAD = 4 * LANES
"""Entries of one receiver that are taken at a time."""
POLL_S = 0.5
"""Seconds between two looks for what other processes queued."""
GATHER_S = 0.05
"""Seconds that what was tried may wait for more of its kind while a receiver has work ahead: each
transaction costs as much for one entry as for some."""
LOOK_S = 2.0
"""Seconds between two looks for entries whose senders are gone."""
RETRY_S = 5.0
"""Pause after the database could not be read or written."""
CLOSE_S = 5.0
"""Longest that the end waits for what is being sent."""
TERM_S = 30.0
"""Seconds without a sign of life after which what a process was sending is another's."""

Send = Callable[["Entry", "Target"], Outcome]
"""Makes one try; raises DeliveryError where the receiver did not take it, and RadraftError where
the report could not be made."""


@dataclass
class _Absence:
    """A receiver that took nothing lately."""

    failures: int = 0
    until: float = 0.0
    """By the monotonic clock: no try before."""


class OutboxDelivery(threading.Thread):
    """Sends what is queued until it is closed."""

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        send: Send,
        metrics: Metrics,
        *,
        owner: Owner | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(name="radraft-outbox", daemon=True)
        self._store = store
        self._outbox = outbox
        self._send = send
        self._metrics = metrics
        self._owner = owner or Owner(term_s=TERM_S)
        self._jitter = jitter
        self._targets: Mapping[str, Target] = {target.name: target for target in outbox.targets}
        self._single = frozenset(
            target.name for target in outbox.targets if target.kind is TargetKind.FHIR
        )
        """Receivers that get one report at a time, from all processes together."""
        self._lanes: Mapping[str, queue.SimpleQueue[Entry | None]] = {
            name: queue.SimpleQueue() for name in self._targets
        }
        self._absences = {name: _Absence() for name in self._targets}
        self._done: queue.SimpleQueue[tuple[Entry, Outcome]] = queue.SimpleQueue()
        self._held: Counter[str] = Counter()
        """By receiver, how many entries are in its lanes."""
        self._tried: list[Tried] = []
        """What ended and is not written down yet."""
        self._back: set[str] = set()
        """Receivers that took something again, of which that is not written down yet."""
        self._watch: LeaseWatch[EntryLease] = LeaseWatch()
        self._looked = self._beaten = 0.0
        self._ending = threading.Event()

    def close(self) -> None:
        """Take nothing more, wait for what is being sent, and let the rest wait."""
        self._ending.set()
        self._outbox.woken.set()
        if self.is_alive():
            self.join(2 * CLOSE_S)

    def run(self) -> None:
        """Thread body."""
        for name in self._targets:
            for number in range(self._lane_count(name)):
                lane = threading.Thread(
                    target=self._lane, args=(name,), name=f"radraft-outbox-{number}", daemon=True
                )
                lane.start()
        pause = 0.0
        while not self._ending.is_set():
            self._outbox.woken.wait(pause)
            if any(self._held[name] > self._lane_count(name) for name in self._targets):
                self._ending.wait(GATHER_S)
            self._outbox.woken.clear()
            pause = POLL_S if self._turned() else RETRY_S
        self._end()

    def _turned(self) -> bool:
        try:
            self._turn()
        except (StorageError, SQLAlchemyError) as error:
            # The type only: a driver's message may quote values.
            log.error("the outbox waits on: %s", type(error).__name__)
            return False
        return True

    def _turn(self) -> None:
        """Write down what was tried, and take what can be sent now."""
        self._collect()
        now = time.monotonic()
        looking = now - self._looked >= min(LOOK_S, self._owner.term_s / LOOKS)
        with self._store.read() as session:
            open_targets = [name for name in self._targets if self._room(name, now)]
            due = stored.due(session, self._owner, open_targets, single=self._single)
            others = stored.leases(session, but=self._owner) if looking else ()
        expired = self._watch.look(others) if looking else ()
        self._looked = now if looking else self._looked
        beating = self._held.total() > 0 and now - self._beaten >= self._owner.term_s / BEATS
        if not (self._tried or due or expired or beating):
            return
        with self._store.begin() as session:
            settled = stored.settle(session, self._owner, self._tried)
            for name in sorted(self._back):
                stored.release(session, name)
            for lease in expired:
                stored.take_back(session, lease)
            stored.beat(session, self._owner)
            rooms = {name: self._room(name, now) for name in self._targets}
            claimed = stored.claim(session, self._owner, rooms, single=self._single)
            _note_delivered(session, settled)
        self._beaten = now
        self._count(settled)
        self._tried, self._back = [], set()
        for entry in claimed:
            self._held[entry.what.target] += 1
            self._lanes[entry.what.target].put(entry)

    def _room(self, name: str, now: float) -> int:
        """Return how many entries of a receiver can be taken: of one that is away, one by one, to
        see whether it is there again."""
        absence = self._absences[name]
        if now < absence.until:
            return 0
        most = 1 if absence.failures else AHEAD
        free = most - self._held[name]
        # To look for one costs as much as for many.
        return free if free > 0 and 2 * free >= most else 0

    def _collect(self) -> None:
        """Take what the lanes have ended."""
        while True:
            try:
                entry, outcome = self._done.get_nowait()
            except queue.Empty:
                return
            name = entry.what.target
            self._held[name] -= 1
            after = after_try(
                outcome, tries=entry.tries + 1, refusals=entry.refusals, jitter=self._jitter()
            )
            failed = outcome if isinstance(outcome, Failed) else None
            instance = outcome.instance if isinstance(outcome, Stored) else None
            self._tried.append(Tried(entry, after, failed, instance))
            absence = self._absences[name]
            if failed is not None and failed.kind is FailureKind.AWAY:
                # Those that were under way together say one thing.
                absence.failures += time.monotonic() >= absence.until
                pause = min(pause_after(absence.failures, self._jitter()), LONGEST_ABSENCE)
                absence.until = time.monotonic() + pause.total_seconds()
            elif not isinstance(outcome, NotTried) and absence.failures:
                absence.failures, absence.until = 0, 0.0
                self._back.add(name)

    def _lane_count(self, name: str) -> int:
        return 1 if name in self._single else LANES

    def _lane(self, name: str) -> None:
        """Thread body: try one entry of a receiver after the other."""
        target, absence = self._targets[name], self._absences[name]
        while (entry := self._lanes[name].get()) is not None:
            away = time.monotonic() < absence.until
            outcome = NotTried() if away or self._ending.is_set() else self._outcome(entry, target)
            self._done.put((entry, outcome))
            self._outbox.woken.set()

    def _outcome(self, entry: Entry, target: Target) -> Outcome:
        try:
            return self._send(entry, target)
        except DeliveryError as error:
            return Failed(error.kind, error.code, error.details)
        except StorageUnavailable as error:
            return Failed(FailureKind.UNCLEAR, error.code, error.details)
        except RadraftError as error:
            return Failed(FailureKind.UNMADE, error.code, error.details)
        except Exception as error:
            # A lane that ended would leave its receiver with one less, and the entry with nobody.
            # Not its text, which may quote the report: `core.logs` writes where it was.
            log.error("an entry broke its sending", exc_info=error)
            return Failed(FailureKind.UNMADE, "outbox_broken", {})

    def _count(self, settled: Sequence[ListedEntry]) -> None:
        for entry in settled:
            # What is stored is due at once, to be asked about.
            ended = entry.due_at if entry.state is EntryState.STORED else entry.ended_at
            waited = None if ended is None else (ended - entry.queued_at).total_seconds()
            self._metrics.report_tried(entry.target, entry.state.value, entry.code, waited)

    def _end(self) -> None:
        for name, lanes in self._lanes.items():
            for _ in range(self._lane_count(name)):
                lanes.put(None)
        until = time.monotonic() + CLOSE_S
        self._collect()
        while self._held.total() and (left := until - time.monotonic()) > 0:
            self._outbox.woken.wait(min(left, POLL_S))
            self._outbox.woken.clear()
            self._collect()
        try:
            with self._store.begin() as session:
                settled = stored.settle(session, self._owner, self._tried)
                stored.give_back(session, self._owner)
                _note_delivered(session, settled)
        except (StorageError, SQLAlchemyError) as error:
            # Their leases expire instead.
            log.warning("entries were not given back: %s", type(error).__name__)
        else:
            self._count(settled)


def _note_delivered(session: Session, settled: Sequence[ListedEntry]) -> None:
    """Write down in the audit what left."""
    there = (EntryState.DELIVERED, EntryState.STORED)
    delivered = [entry for entry in settled if entry.state in there]
    if delivered:
        sites = cases.sites(session, {entry.case_id for entry in delivered})
        audit.append_all(
            session, [delivered_event(entry, sites[entry.case_id]) for entry in delivered]
        )


@contextmanager
def delivering(
    store: Store, settings: Settings, outbox: Outbox, metrics: Metrics
) -> Iterator[None]:
    """Deliver what is queued until the end, where there are receivers."""
    if not outbox.targets:
        yield
        return
    with closing(ReportSender(store, settings)) as sender:
        delivery = OutboxDelivery(store, outbox, sender.send, metrics)
        delivery.start()
        with closing(delivery), asking(store, outbox, metrics):
            yield
