"""Who is on which study, for all pages of this process: few reads and fewer writes.

What is known lies in the database; another server's pages see it there. A page says every moment
that it is alive. That costs no write of its own: signs of life of pages that are known already are
gathered here and written together, and lost with the process, whose pages then speak to another. An
opening, a leaving and a take-over are written at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING

from radraft.core.errors import SignInError
from radraft.pipeline.audit_trail import case_event
from radraft.reports.audit import AuditKind
from radraft.reports.lifecycle import same_person
from radraft.reports.presence import (
    OpenPage,
    PresentPerson,
    Standing,
    has_lapsed,
    is_there,
    present,
    standing,
)
from radraft.store import audit, presence
from radraft.store.presence import Sign

if TYPE_CHECKING:
    from datetime import datetime

    from radraft.reports.accounts import SessionTerms
    from radraft.reports.people import Actor, Person
    from radraft.store.database import Store

READ_EVERY_S = 0.25
"""What was read is good for so long: a server asks the database four times a second at most,
however many pages ask it."""
WRITTEN_EVERY_S = 5.0
"""Signs of life are written together so often; a lapse counts from the sign, not from its
writing."""


@dataclass(frozen=True)
class Presence:
    """Who had which study open at one moment."""

    pages: Mapping[str, tuple[OpenPage, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """By case: those at which somebody is."""
    known: frozenset[tuple[str, str, str]] = frozenset()
    """Session, page and case of the pages that the database has, and that have not lapsed."""

    def people(self, case_id: str) -> tuple[PresentPerson, ...]:
        """Return who has a study open, the one who is on it first."""
        return present(self.pages.get(case_id, ()))

    def standing(self, case_id: str, person: Person) -> Standing:
        """Return what `person` is told of a study."""
        return standing(self.people(case_id), person)

    def elsewhere(self, case_id: str, person: Person, session_id: str, page: str) -> bool:
        """Return whether `person` has a study open in another page than this one."""
        return any(
            same_person(other.person, person)
            and (other.session_id, other.page) != (session_id, page)
            for other in self.pages.get(case_id, ())
        )


class Presences:
    """Keeps and tells who is on which study. Thread-safe."""

    def __init__(
        self,
        store: Store,
        terms: SessionTerms,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[..., datetime] = presence.clock,
    ) -> None:
        self._store = store
        self._terms = terms
        self._monotonic = monotonic
        self._clock = clock
        self._reading = threading.Lock()
        self._read: Presence | None = None
        self._read_at = 0.0
        self._writing = threading.Lock()
        self._signs: dict[tuple[str, str], tuple[str, float, bool]] = {}
        self._signs_lock = threading.Lock()
        self._written_at = monotonic()

    def now(self) -> Presence:
        """Return who is on which study, as it was `READ_EVERY_S` ago at most."""
        with self._reading:
            if self._read is None or self._monotonic() - self._read_at >= READ_EVERY_S:
                asked_at = self._monotonic()
                self._read, self._read_at = self._asked(), asked_at
            return self._read

    def seen(self, case_id: str, page: str, actor: Actor, *, writing: bool) -> None:
        """Note that a page of the actor's session, which has the study open, is alive. SignInError
        `sign_in_needed` where that session has ended meanwhile."""
        session_id = _session(actor)
        if (session_id, page, case_id) in self.now().known:
            with self._signs_lock:
                self._signs[session_id, page] = (case_id, self._monotonic(), writing)
            self._write_signs()
            return
        with self._store.begin() as session:
            sign = Sign(session_id, page, case_id, self._clock(session), writing)
            presence.enter(session, sign)
        self._forget_read()

    def take(self, case_id: str, page: str, actor: Actor) -> None:
        """Make the actor the one who is on a study. The audit says from whom. SignInError as
        `seen`."""
        session_id = _session(actor)
        with self._store.begin() as session:
            now = self._clock(session)
            found = presence.of_case(session, case_id)
            before = present(
                open_page
                for open_page, held in found
                if is_there(open_page, held, self._terms, now)
            )
            own = next((p for p, _ in found if (p.session_id, p.page) == (session_id, page)), None)
            writing = own is not None and own.case_id == case_id and own.writing
            presence.take(session, Sign(session_id, page, case_id, now, writing))
            if before and not same_person(before[0].person, actor.who):
                said = {"account": before[0].person.id or ""}
                audit.append(session, case_event(AuditKind.PRESENCE, case_id, actor, **said))
        self._forget_read()

    def leave(self, case_id: str, page: str, actor: Actor) -> None:
        """Note that a page of the actor's session has the study open no more."""
        session_id = _session(actor)
        with self._signs_lock:
            self._signs.pop((session_id, page), None)
        with self._store.begin() as session:
            presence.leave(session, session_id, page, case_id)
        self._forget_read()

    def _asked(self) -> Presence:
        with self._store.read() as session:
            now = self._clock(session)
            found = presence.every(session)
        by_case = sorted(
            (page for page, held in found if is_there(page, held, self._terms, now)),
            key=lambda page: page.case_id,
        )
        pages = {
            case_id: tuple(of_case)
            for case_id, of_case in groupby(by_case, key=lambda page: page.case_id)
        }
        known = frozenset(
            (page.session_id, page.page, page.case_id)
            for page, _ in found
            if not has_lapsed(page, now)
        )
        return Presence(MappingProxyType(pages), known)

    def _write_signs(self) -> None:
        """Write what was gathered, where that is due; others do not wait for it."""
        if self._monotonic() - self._written_at < WRITTEN_EVERY_S:
            return
        if not self._writing.acquire(blocking=False):
            return
        try:
            with self._signs_lock:
                gathered, self._signs = self._signs, {}
            self._written_at = self._monotonic()
            with self._store.begin() as session:
                now, ahead = self._clock(session), self._monotonic()
                presence.renew(
                    session,
                    [
                        Sign(*key, case_id, now - timedelta(seconds=ahead - at), writing)
                        for key, (case_id, at, writing) in gathered.items()
                    ],
                )
        finally:
            self._writing.release()

    def _forget_read(self) -> None:
        """Have the next who asks see what was just written."""
        with self._reading:
            self._read = None


def _session(actor: Actor) -> str:
    if actor.session_id is None:
        raise SignInError("sign_in_needed")
    return actor.session_id
