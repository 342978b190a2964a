"""Storage commitment: PACSs are asked to keep what they were sent, a thread for each, and what they
report is written down in whichever process it comes to. Nothing is held up by waiting for it: a
later version of a report goes once the PACS has the earlier one.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import StorageError
from radraft.exchange import storage_commitment
from radraft.exchange.values import CommitmentSink, DeliveryError
from radraft.pipeline.outbox import commitment_event
from radraft.reports.commitment import MOST_INSTANCES, CommitmentReport
from radraft.reports.outgoing_entry import LONGEST_ABSENCE, FailureKind, SopInstance, pause_after
from radraft.store import audit, commitments as stored, outbox

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.core.metrics import Metrics
    from radraft.exchange.targets import Commitment, Target
    from radraft.pipeline.outbox import Outbox
    from radraft.store.commitments import Asked, Changed
    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.commitments")

POLL_S = 1.0
"""Seconds between two looks for what is to be asked."""
RETRY_S = 5.0
"""Pause after the database could not be read or written."""
CLOSE_S = 5.0
"""Longest that the end waits for what is being asked."""
COMMITTED, NOT_OFFERED = "committed", "commitment_not_offered"

Ask = Callable[["Target", str, Sequence[SopInstance], CommitmentSink], bool]
"""As `exchange.storage_commitment.ask`."""


class CommitmentReports:
    """Writes down what PACSs report. Threads and processes may share a store's."""

    def __init__(
        self, store: Store, metrics: Metrics | None = None, wake: Callable[[], None] = lambda: None
    ) -> None:
        """`wake()` is called when something is to be sent again."""
        self._store = store
        self._metrics = metrics
        self._wake = wake

    def take(self, report: CommitmentReport, *, source: str) -> bool:
        """As `CommitmentSink.take`."""
        with self._store.begin() as session:
            changed = stored.take(session, report, source)
            _note(session, changed or ())
        if changed is None:
            return False
        count(self._metrics, changed)
        if any(entry.code for entry in changed):
            self._wake()
        return True


def count(metrics: Metrics | None, changed: Sequence[Changed]) -> None:
    """Count what was reported, where anybody does."""
    if metrics is not None:
        for entry in changed:
            metrics.commitment(entry.target, entry.code or COMMITTED)


class CommitmentRequests(threading.Thread):
    """Asks one PACS until it is closed."""

    def __init__(
        self,
        store: Store,
        target: Target,
        sink: CommitmentSink,
        metrics: Metrics,
        *,
        ask: Ask = storage_commitment.ask,
    ) -> None:
        super().__init__(name=f"radraft-commitment-{target.name}", daemon=True)
        assert target.commitment is not None
        self._store = store
        self._target = target
        self._terms: Commitment = target.commitment
        self._sink = sink
        self._metrics = metrics
        self._ask = ask
        self._failures = 0
        self._most = MOST_INSTANCES
        """Of one request: after one that was refused, each object is asked about for itself."""
        self._ending = threading.Event()

    def end(self) -> None:
        """Ask nothing more."""
        self._ending.set()

    def close(self) -> None:
        """Ask nothing more, and wait for what is being asked; it is asked again otherwise."""
        self.end()
        if self.is_alive():
            self.join(CLOSE_S)

    def run(self) -> None:
        """Thread body."""
        pause = 0.0
        while not self._ending.wait(pause):
            try:
                pause = self._turn()
            except (StorageError, SQLAlchemyError) as error:
                # The type only: a driver's message may quote values.
                log.error("storage commitment waits on: %s", type(error).__name__)
                pause = RETRY_S

    def _turn(self) -> float:
        """Make one request where there is one to make; return the seconds until the next look."""
        name = self._target.name
        with self._store.read() as session:
            if not stored.is_any_due(session, name):
                return POLL_S
        transaction_uid = f"2.25.{uuid.uuid4().int}"
        with self._store.begin() as session:
            asked = stored.ask(
                session,
                name,
                self._terms.called_aet,
                transaction_uid,
                within=self._terms.within,
                most=self._most,
            )
        if not asked.instances:
            return POLL_S
        self._count_unanswered(asked)
        try:
            offered = self._ask(self._target, transaction_uid, asked.instances, self._sink)
        except DeliveryError as error:
            self._failed(transaction_uid, error, len(asked.instances))
        except Exception as error:
            # A thread that ended would leave what is stored with nobody who asks about it.
            log.error("storage commitment broke", exc_info=error)
            broken = DeliveryError("outbox_broken", FailureKind.UNCLEAR)
            self._failed(transaction_uid, broken, len(asked.instances))
        else:
            self._answered(transaction_uid, offered=offered)
        return self._pause()

    def _pause(self) -> float:
        if not self._failures:
            return 0.0
        return min(pause_after(self._failures, 0.0), LONGEST_ABSENCE).total_seconds()

    def _failed(self, transaction_uid: str, error: DeliveryError, instances: int) -> None:
        self._failures += 1
        self._metrics.commitment(self._target.name, error.code)
        with self._store.begin() as session:
            if error.kind is FailureKind.AWAY:
                stored.not_asked(session, transaction_uid, error)
            elif error.kind is FailureKind.REFUSED:
                stored.not_understood(session, transaction_uid, error)
            else:
                stored.not_answered(session, transaction_uid, error)
        if error.kind is FailureKind.REFUSED and instances > 1:
            # One of them may be what it does not take.
            self._most, self._failures = 1, 0

    def _answered(self, transaction_uid: str, *, offered: bool) -> None:
        self._failures = 0
        self._most = min(MOST_INSTANCES, 2 * self._most)
        with self._store.begin() as session:
            is_new = stored.note_offer(session, self._target.name, offered=offered)
            changed = () if offered else stored.do_without(session, transaction_uid)
            _note(session, changed, NOT_OFFERED)
        for entry in changed:
            self._metrics.commitment(entry.target, NOT_OFFERED)
        if is_new:
            does = "offers" if offered else "does not offer"
            log.warning("%s %s storage commitment", self._target.name, does)

    def _count_unanswered(self, asked: Asked) -> None:
        for _ in range(asked.unanswered):
            self._metrics.commitment(self._target.name, "commitment_no_report")


@contextmanager
def asking(store: Store, outbox: Outbox, metrics: Metrics) -> Iterator[None]:
    """Ask the receivers whose commitment is wanted until the end. What is stored at others, which
    were asked once, is delivered."""
    reports = CommitmentReports(store, metrics, outbox.wake)
    wanted = [target for target in outbox.targets if target.commitment is not None]
    _end_unasked(store, [t.name for t in outbox.targets if t.commitment is None])
    with ExitStack() as stack:
        threads = [CommitmentRequests(store, target, reports, metrics) for target in wanted]
        for thread in threads:
            thread.start()
            stack.enter_context(closing(thread))
        # All before any is waited for: each may be waiting for its PACS.
        for thread in threads:
            stack.callback(thread.end)
        yield


def _end_unasked(store: Store, names: Sequence[str]) -> None:
    try:
        with store.read() as session:
            left = any(stored.is_any_stored(session, name) for name in names)
        if not left:
            return
        with store.begin() as session:
            for name in names:
                _note(session, stored.end_stored(session, name), "commitment_not_wanted")
    except StorageError as error:
        log.error("what is stored waits on: %s", error.code)


def _note(session: Session, changed: Sequence[Changed], what: str = COMMITTED) -> None:
    """Write down in the audit what is kept for good, and what is not."""
    for entry in changed:
        listed = outbox.get(session, entry.entry_id)
        site = outbox.site_of(session, entry.entry_id)
        said = "not_committed" if entry.code else what
        audit.append(session, commitment_event(listed, site, said, entry.code))
