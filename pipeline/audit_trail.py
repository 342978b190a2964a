"""Writing events down: beside what they tell of, or soon, where a reader must not wait for it.

What changes anything is written in its own transaction (`store.audit.append`), so that neither is
there without the other. That something was looked at, refused or tried has no transaction: a
thread writes it within moments. Where that fails, what was looked at was looked at all the same;
the events wait here, and what had to be dropped is counted in the next one that is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import os
import pwd
import threading
import time
import unicodedata
from collections import OrderedDict, deque
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import RadraftError, StorageError
from radraft.reports.audit import MOST_DETAIL, AuditActor, AuditEvent, AuditKind, Outcome
from radraft.store import audit

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from radraft.reports.people import Actor
    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.audit_trail")

AGAIN_S = 600.0
"""The same person's looking at the same thing is one event for so long."""
MOST_WAITING = 10_000
"""Events that wait for a database that takes none."""
AT_ONCE = 200
"""Events of one transaction."""
SEARCH_GOES_ON_S, SEARCH_LASTS_S = 5.0, 30.0
"""What is typed on within so many seconds is one search, for so long at most."""
RETRY_S = 5.0
CLOSE_S = 5.0
_REMEMBERED = 20_000
_SOUGHT_LABEL = b"radraft searched texts, key 1"


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
        details={name: str(value) for name, value in details.items()} | read_elsewhere(actor),
    )


def read_elsewhere(actor: Actor) -> dict[str, str]:
    """Return what an event says of where somebody reads for the site that it names."""
    return {"reading_site": actor.reading_site[:MOST_DETAIL]} if actor.reading_site else {}


def command_line() -> AuditActor:
    """Return who runs a command on the server, by his name there."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return AuditActor(f"command line ({user})")


def sought_key(secret: bytes, text: str) -> str:
    """Return what stands in the audit for a text that was searched for: with the site's secret, so
    that the same one is known again and none can be guessed from it."""
    key = hmac.new(secret, _SOUGHT_LABEL, hashlib.sha256).digest()
    plain = _plain(text).encode("utf-8", "surrogatepass")
    return hmac.new(key, plain, hashlib.sha256).hexdigest()[:16]


def _plain(text: str) -> str:
    """`text` without what makes no difference: width and size of letters, spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _lines(case_ids: Sequence[str]) -> dict[str, str]:
    """Return case ids as details, as many in each as one line holds."""
    at_once = MOST_DETAIL // (max(map(len, case_ids)) + 1)
    parts = [case_ids[at : at + at_once] for at in range(0, len(case_ids), at_once)]
    return {f"cases_{number}": " ".join(part) for number, part in enumerate(parts, start=1)}


@dataclass
class _Search:
    """What somebody is typing: the longest text of it, and its event."""

    text: str = field(repr=False)
    event: AuditEvent
    began: float
    typed: float
    """When it was typed on last, by the monotonic clock in seconds, as `began`."""

    @property
    def ends(self) -> float:
        """Return when it is over, if nothing more is typed."""
        return min(self.typed + SEARCH_GOES_ON_S, self.began + SEARCH_LASTS_S)

    def goes_on_as(self, text: str, now: float) -> bool:
        """Return whether `text` is the same search, with more or fewer letters."""
        same = text.startswith(self.text) or self.text.startswith(text)
        return same and now < self.ends


class AuditTrail:
    """Writes down what has no transaction of its own. Threads may share one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[AuditEvent] = deque()
        self._dropped = 0
        self._seen: OrderedDict[Hashable, float] = OrderedDict()
        self._searches: dict[str, _Search] = {}
        """By session: what is being typed."""
        self._changed = threading.Condition()
        self._closing = False
        self._writing = False
        self._thread: threading.Thread | None = None

    def note(self, event: AuditEvent, *, once: Hashable = None) -> None:
        """Write `event` down soon. `once`: not where the same was noted in the last `AGAIN_S`."""
        with self._changed:
            if once is not None and self._noted(once):
                return
            self._put(event)
            self._awake()

    def note_search(self, event: AuditEvent, text: str, *, session_id: str) -> None:
        """Write `event` down once a search is over, with what stands for the longest `text` of it.

        A page asks after every few letters: what one session types on is one search. The same one
        again is not written for `AGAIN_S`, as when a page is looked at again.
        """
        sought, text = sought_key(self._store.secret, text), _plain(text)
        event = replace(event, details={**event.details, "sought": sought})
        with self._changed:
            now = time.monotonic()
            known = self._searches.get(session_id)
            if known is not None and known.goes_on_as(text, now):
                known.typed = now
                if len(text) >= len(known.text):
                    known.text, known.event = text, event
            else:
                self._end_search(session_id)
                self._searches[session_id] = _Search(text, event, now, now)
            self._awake()

    def note_lines(
        self, event: AuditEvent, case_ids: Mapping[str, Sequence[str]], *, token_id: str
    ) -> None:
        """Write `event` down soon for each site, with the cases of it that a program was shown in
        the worklist and not in the last `AGAIN_S` already."""
        with self._changed:
            for site, listed in case_ids.items():
                fresh = [
                    case_id for case_id in listed if not self._noted((token_id, "listed", case_id))
                ]
                if fresh:
                    said = dict(event.details) | _lines(fresh)
                    self._put(replace(event, site=site, details=said))
            self._awake()

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
        """Wait until all that was noted is written; False where it took longer. Searches are over
        then."""
        with self._changed:
            self._end_searches(math.inf)
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._waiting, timeout=seconds)

    def close(self) -> None:
        """Write what waits, for up to `CLOSE_S`, and end."""
        with self._changed:
            self._end_searches(math.inf)
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(CLOSE_S)

    def _put(self, event: AuditEvent) -> None:
        if self._closing or len(self._waiting) >= MOST_WAITING:
            # The newest is dropped: nobody can push out what he did by doing more.
            self._dropped += 1
            log.error("audit_not_written: %s", event.kind.value)
            return
        self._waiting.append(event)

    def _awake(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="radraft-audit", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _end_search(self, session_id: str) -> None:
        search = self._searches.pop(session_id, None)
        if search is None:
            return
        sought = search.event.details["sought"]
        if not self._noted((session_id, search.event.kind, sought)):
            self._put(search.event)

    def _end_searches(self, now: float) -> None:
        over = [session for session, search in self._searches.items() if search.ends <= now]
        for session_id in over:
            self._end_search(session_id)

    def _wait(self) -> None:
        """Until there is something to write, or the end."""
        while True:
            self._end_searches(time.monotonic())
            if self._waiting or self._closing:
                return
            ends = min((search.ends for search in self._searches.values()), default=None)
            self._changed.wait(None if ends is None else max(0.0, ends - time.monotonic()))

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
                self._wait()
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
                if self._closing or self._store.closed:
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
