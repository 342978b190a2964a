"""Writing events down: beside what they tell of, or soon, where a reader must not wait for it.

What changes anything is written in its own transaction (`store.audit.append`), so that neither is
there without the other. That something was looked at, refused or tried has no transaction: a
thread writes it within moments. Where that fails, what was looked at was looked at all the same;
the events wait here, and what had to be dropped is counted in the next one that is kept.
"""

from __future__ import annotations

import logging
import os
import pwd
import threading
import time
from collections import OrderedDict, deque
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import RadraftError, StorageError
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind, Outcome
from radraft.store import audit

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from radraft.reports.people import Actor
    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.audit_trail")

AGAIN_S = 600.0
"""The same person's looking at the same thing is one event for so long."""
MOST_WAITING = 10_000
"""Events that wait for a database that takes none."""
AT_ONCE = 200
"""Events of one transaction."""
RETRY_S = 5.0
CLOSE_S = 5.0
_REMEMBERED = 20_000


def by_actor(actor: Actor) -> AuditActor:
    """Return who acts, as the audit names him."""
    return AuditActor(actor.who.name, actor.who.id, actor.address)


def case_event(kind: AuditKind, case_id: str, actor: Actor, **details: str | int) -> AuditEvent:
    """Return the event of what `actor` does now with a case."""
    return AuditEvent(
        kind,
        datetime.now(UTC),
        by_actor(actor),
        site=actor.site,
        case_id=case_id,
        details={name: str(value) for name, value in details.items()},
    )


def command_line() -> AuditActor:
    """Return who runs a command on the server, by his name there."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return AuditActor(f"command line ({user})")


class AuditTrail:
    """Writes down what has no transaction of its own. Threads may share one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[AuditEvent] = deque()
        self._dropped = 0
        self._seen: OrderedDict[Hashable, float] = OrderedDict()
        self._changed = threading.Condition()
        self._closing = False
        self._writing = False
        self._thread: threading.Thread | None = None

    def note(self, event: AuditEvent, *, once: Hashable = None) -> None:
        """Write `event` down soon. `once`: not where the same was noted in the last `AGAIN_S`."""
        with self._changed:
            if once is not None and self._noted(once):
                return
            if self._closing or len(self._waiting) >= MOST_WAITING:
                # The newest is dropped: nobody can push out what he did by doing more.
                self._dropped += 1
                log.error("audit_not_written: %s", event.kind.value)
                return
            self._waiting.append(event)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="radraft-audit", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    @contextmanager
    def refusals(self, event: AuditEvent) -> Iterator[None]:
        """Note `event`, as refused or failed, where what is done inside is."""
        try:
            yield
        except RadraftError as error:
            outcome = Outcome.FAILED if isinstance(error, StorageError) else Outcome.REFUSED
            self.note(replace(event, outcome=outcome, code=error.code))
            raise

    def drain(self, seconds: float = CLOSE_S) -> bool:
        """Wait until all that was noted is written; False where it took longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, timeout=seconds)

    def close(self) -> None:
        """Write what waits, for up to `CLOSE_S`, and end."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(CLOSE_S)

    def _noted(self, what: Hashable) -> bool:
        now = time.monotonic()
        before = self._seen.get(what)
        if before is not None and now - before < AGAIN_S:
            return True
        self._seen[what] = now
        self._seen.move_to_end(what)
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return False

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    return
                events = list(islice(self._waiting, AT_ONCE))
                dropped = self._dropped
                self._writing = True
            written = False
            try:
                written = self._write(events, dropped)
            finally:
                with self._changed:
                    self._writing = False
                    if written:
                        self._dropped -= dropped
                        for _ in events:
                            self._waiting.popleft()
                    self._changed.notify_all()
            if written:
                continue
            with self._changed:
                if self._closing:
                    log.error("audit_not_written: %d events", len(self._waiting) + self._dropped)
                    return
                self._changed.wait_for(lambda: self._closing, timeout=RETRY_S)

    def _write(self, events: list[AuditEvent], dropped: int) -> bool:
        """Write all or none, the first with how many were dropped."""
        if dropped:
            details = {**events[0].details, "not_written": str(dropped)}
            events = [replace(events[0], details=details), *events[1:]]
        try:
            with self._store.begin() as session:
                for event in events:
                    audit.append(session, event)
        except (StorageError, SQLAlchemyError) as error:
            # The type only: a driver's message may quote values.
            log.error("audit_waits: %s", type(error).__name__)
            return False
        return True
