"""The cases that this process drafts: claimed, kept by a beat while it works, given back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import StorageError
from radraft.reports.critical import CriticalRules, preset
from radraft.store import cases, leases
from radraft.store.leases import Lease, Owner
from radraft.store.values import CaseState

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.claims")

BEATS = 6
"""Beats of an owner within its leases' term."""
LOOKS = 5
"""How often at least a lease must have been looked at before it can have expired."""
LOOK_S = 1.0
"""Seconds between two looks at the leases of others."""


class Held(Protocol):
    """A lease of anything: of a case that is drafted, of an entry that is sent."""

    @property
    def key(self) -> Hashable:
        """Return what is held."""

    @property
    def owner_id(self) -> str:
        """Return who holds it."""

    @property
    def beat(self) -> int:
        """Return how often its owner has said that he lives."""

    @property
    def term_s(self) -> float:
        """Return after how many seconds without a beat it has expired."""


HeldT = TypeVar("HeldT", bound=Held)


@dataclass(frozen=True)
class _Watched(Generic[HeldT]):
    lease: HeldT
    last: float
    """When it was looked at last."""
    silent_s: float
    """How long no beat came, as far as that was seen."""


class LeaseWatch(Generic[HeldT]):
    """Finds the leases whose owners are gone, by `clock` alone, which only goes forward.

    A look adds at most a fraction of the term: after a pause of the whole machine, in which no
    owner could beat either, nobody is taken for dead.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds from any beginning."""
        self._clock = clock
        self._watched: dict[Hashable, _Watched[HeldT]] = {}
        self._seen_alive: set[str] = set()

    def look(self, found: Sequence[HeldT]) -> tuple[HeldT, ...]:
        """Look at the leases of others as they are now; those that have expired."""
        now = self._clock()
        watched = {lease.key: self._watch(lease, now) for lease in found}
        self._watched = watched
        return tuple(seen.lease for seen in watched.values() if seen.silent_s >= seen.lease.term_s)

    def alive(self, lease: HeldT) -> bool:
        """Whether a beat of the lease's owner was seen."""
        return lease.owner_id in self._seen_alive

    def _watch(self, lease: HeldT, now: float) -> _Watched[HeldT]:
        before = self._watched.get(lease.key)
        if before is None or before.lease.owner_id != lease.owner_id:
            return _Watched(lease, now, 0.0)
        if before.lease.beat != lease.beat:
            self._seen_alive.add(lease.owner_id)
            return _Watched(lease, now, 0.0)
        passed = min(now - before.last, lease.term_s / LOOKS)
        return _Watched(lease, now, before.silent_s + passed)


class Claims:
    """What this process has claimed. Within `with` a thread keeps the leases; at its end what was
    not drafted waits again. Threads may share one."""

    def __init__(
        self,
        store: Store,
        *,
        owner: Owner | None = None,
        critical_rules: CriticalRules | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """`critical_rules` say which of the drafts are marked, the preset where none are given;
        `pause(seconds)` waits between two looks at the leases of others."""
        self.store = store
        self.critical_rules = critical_rules or preset()
        self.owner = owner or Owner()
        self._watch: LeaseWatch[Lease] = LeaseWatch(clock)
        self._pause = pause
        self._held: set[str] = set()
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="radraft-leases", daemon=True)

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._keeper.join()
        try:
            self.give_back(self.held())
        except (StorageError, SQLAlchemyError) as failure:
            # They expire instead.
            log.warning("leases were not given back: %s", type(failure).__name__)

    def held(self) -> frozenset[str]:
        """What is being drafted here."""
        with self._lock:
            return frozenset(self._held)

    def claim(self, limit: int) -> tuple[str, ...]:
        """Take up to `limit` waiting cases, oldest first, and those whose owners are gone."""
        with self.store.read() as session:
            expired = self._watch.look(self._others(session))
            waiting = cases.state_counts(session, CaseState.RECEIVED)[CaseState.RECEIVED]
        self._take_back(expired)
        if limit <= 0 or not (waiting or expired):
            return ()
        with self.store.begin() as session:
            claimed = leases.claim(session, self.owner, limit=limit)
        return self._hold(claimed)

    def claim_cases(self, case_ids: Sequence[str], *, again: bool = False) -> tuple[str, ...]:
        """Take of the cases those that wait or failed; with `again` also those that have a draft.

        Of what others hold it waits for a sign of life, and takes over what expires meanwhile.
        NotFound `case_not_found`.
        """
        claimed = set(self._claim_now(case_ids, requeue=True, again=again))
        while True:
            with self.store.read() as session:
                others = self._others(session)
            self._take_back(self._watch.look(others))
            left = set(case_ids) - claimed
            claimed.update(self._claim_now(left))
            unsure = [
                lease
                for lease in others
                if lease.case_id in left - claimed and not self._watch.alive(lease)
            ]
            if not unsure:
                return tuple(case_id for case_id in case_ids if case_id in claimed)
            self._pause(LOOK_S)

    def give_back(self, case_ids: Iterable[str]) -> None:
        """Let cases wait again whose drafting was broken off."""
        for case_id in sorted(case_ids):
            # Each by itself, as in `_take_back`: a beat locks them all in no order.
            with self.store.begin() as session:
                leases.give_back(session, case_id, self.owner)
            self.settled((case_id,))

    def settled(self, case_ids: Iterable[str]) -> None:
        """The cases' leases have ended."""
        with self._lock:
            self._held.difference_update(case_ids)

    def beat(self) -> None:
        """Keep the leases for another term."""
        if not self.held():
            return
        with self.store.begin() as session:
            leases.beat(session, self.owner)

    def _others(self, session: Session) -> tuple[Lease, ...]:
        found = leases.leases(session)
        return tuple(lease for lease in found if lease.owner_id != self.owner.owner_id)

    def _take_back(self, expired: Iterable[Lease]) -> None:
        for lease in expired:
            # Each by itself: beats lock leases in no order, and no two may hold each other up.
            with self.store.begin() as session:
                taken = leases.take_back(session, lease)
            if taken:
                log.warning("case %s: the lease of %s expired", lease.case_id, lease.owner_id[:8])

    def _claim_now(
        self, case_ids: Iterable[str], *, requeue: bool = False, again: bool = False
    ) -> tuple[str, ...]:
        with self.store.begin() as session:
            claimed = []
            for case_id in sorted(set(case_ids)):
                failed = cases.get_case(session, case_id).state is CaseState.FAILED
                if requeue and (again or failed):
                    cases.requeue(session, case_id)
                if leases.claim_case(session, case_id, self.owner):
                    claimed.append(case_id)
        return self._hold(tuple(claimed))

    def _hold(self, claimed: tuple[str, ...]) -> tuple[str, ...]:
        with self._lock:
            self._held.update(claimed)
        return claimed

    def _keep(self) -> None:
        while not self._ending.wait(self.owner.term_s / BEATS):
            try:
                self.beat()
            except (StorageError, SQLAlchemyError) as error:
                # The leases stand for the rest of their term; whether one was lost is asked when
                # its draft is stored.
                log.warning("leases could not be kept: %s", type(error).__name__)
