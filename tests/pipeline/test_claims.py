"""Claims between processes: who lives keeps its cases, and who was killed loses them in time.

No test waits: the clock that leases expire by is passed in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection

import pytest

from radraft.core.settings import Settings
from radraft.pipeline.claims import LOOKS, Claims, LeaseWatch
from radraft.store import cases, leases
from radraft.store.cases import CaseState
from radraft.store.database import Store
from radraft.store.leases import TERM_S, Lease, Owner
from tests import children
from tests.builders import add_case, add_drafted, make_draft, save_draft

pytestmark = pytest.mark.slow


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


@contextmanager
def worker(settings: Settings) -> Iterator[Connection]:
    """Another process that claims what waits; it beats, drafts and gives back as it is told."""
    ours, theirs = children.context.Pipe()
    child = children.context.Process(target=children.claim_as_told, args=(settings, theirs))
    child.start()
    theirs.close()
    try:
        yield ours
    finally:
        child.kill()
        child.join()
        ours.close()


def told(worker: Connection, what: str) -> object:
    worker.send(what)
    return worker.recv()


def watched(claims: Claims, clock: Clock, seconds: float, steps: int = 2 * LOOKS) -> list[str]:
    """What is claimed within `seconds`, at so many looks."""
    found: list[str] = []
    for _ in range(steps):
        clock.wait(seconds / steps)
        found += claims.claim(9)
    return found


def test_what_a_killed_process_was_drafting_is_taken_over_once_its_lease_expired(
    store: Store, store_settings: Settings
) -> None:
    with store.begin() as session:
        case_id = add_case(session)
    clock = Clock()
    claims = Claims(store, clock=clock)
    with worker(store_settings) as other:
        assert told(other, "claim") == (case_id,)
        assert claims.claim(9) == ()
    # It was killed; nobody knows it yet.
    assert watched(claims, clock, TERM_S * 0.9) == []
    assert watched(claims, clock, TERM_S * 0.2) == [case_id]
    with store.begin() as session:
        save_draft(session, make_draft(case_id), claims.owner)


def test_what_a_living_process_drafts_is_never_taken_over(
    store: Store, store_settings: Settings
) -> None:
    with store.begin() as session:
        case_id = add_case(session)
    clock = Clock()
    claims = Claims(store, clock=clock)
    with worker(store_settings) as other:
        assert told(other, "claim") == (case_id,)
        for _ in range(5):
            assert watched(claims, clock, TERM_S * 0.9) == []
            told(other, "beat")
        assert told(other, "draft") == "stored"
    with store.read() as session:
        assert cases.get_case(session, case_id).state is CaseState.DRAFTED


def test_a_process_that_slept_through_its_lease_does_not_store_its_draft(
    store: Store, store_settings: Settings
) -> None:
    with store.begin() as session:
        case_id = add_case(session)
    clock = Clock()
    claims = Claims(store, clock=clock)
    with worker(store_settings) as other:
        assert told(other, "claim") == (case_id,)
        assert claims.claim(9) == ()
        assert watched(claims, clock, TERM_S) == [case_id]
        assert told(other, "draft") == "draft_lease_lost"
    with store.read() as session:
        assert cases.get_case(session, case_id).state is CaseState.DRAFTING


def test_a_clock_that_jumps_steals_nothing(store: Store, store_settings: Settings) -> None:
    with store.begin() as session:
        case_id = add_case(session)
    clock = Clock()
    claims = Claims(store, clock=clock)
    with worker(store_settings) as other:
        assert told(other, "claim") == (case_id,)
        assert claims.claim(9) == ()
        # The whole machine stood still for a week: the other could not beat either.
        clock.wait(7 * 24 * 3600)
        assert claims.claim(9) == ()
        told(other, "beat")
        assert claims.claim(9) == ()


def test_the_times_in_the_database_decide_nothing() -> None:
    clock = Clock()
    watch = LeaseWatch(clock)
    owner = Owner()
    lease = lease_of(owner)
    assert watch.look([lease]) == ()
    for beat in range(1, 20):
        clock.wait(TERM_S / 2)
        # By its own clock the owner lives in another year each time.
        moved = replace(lease, beat=beat, beat_at=lease.beat_at.replace(year=2000 + beat))
        assert watch.look([moved]) == ()


def test_two_who_watch_the_same_dead_process_share_what_it_left(store: Store) -> None:
    with store.begin() as session:
        ids = [add_case(session, number) for number in range(4)]
        assert leases.claim(session, Owner(), limit=9) == tuple(ids)
    clock = Clock()
    pair = [Claims(store, clock=clock) for _ in range(2)]
    found: list[str] = []
    for _ in range(2 * LOOKS + 1):
        for claims in pair:
            claims.beat()
            found += claims.claim(2)
        clock.wait(TERM_S / LOOKS)
    assert sorted(found) == sorted(ids)


def test_the_end_of_claims_gives_back_what_was_not_drafted(store: Store) -> None:
    with store.begin() as session:
        ids = [add_case(session, number) for number in range(2)]
    with Claims(store) as claims:
        assert claims.claim(9) == tuple(ids)
        with store.begin() as session:
            save_draft(session, make_draft(ids[0]), claims.owner)
        claims.settled(ids[:1])
    with store.read() as session:
        states = [cases.get_case(session, case_id).state for case_id in ids]
        assert leases.leases(session) == ()
    assert states == [CaseState.DRAFTED, CaseState.RECEIVED]


def test_named_cases_of_a_dead_process_are_claimed_once_its_lease_expired(store: Store) -> None:
    with store.begin() as session:
        ids = [add_case(session, number) for number in range(2)]
        assert leases.claim_case(session, ids[0], Owner())
    clock = Clock()
    claims = Claims(store, clock=clock, pause=clock.wait)
    assert claims.claim_cases(ids) == tuple(ids)
    assert TERM_S <= clock.now < TERM_S * 1.5


def test_named_cases_of_a_living_process_are_left_to_it_once_it_was_seen(store: Store) -> None:
    owner = Owner()
    with store.begin() as session:
        ids = [add_case(session, number) for number in range(2)]
        assert leases.claim_case(session, ids[0], owner)
    clock = Clock()

    def pause(seconds: float) -> None:
        clock.wait(seconds)
        if clock.now > TERM_S / 3:
            with store.begin() as session:
                leases.beat(session, owner)

    assert Claims(store, clock=clock, pause=pause).claim_cases(ids) == (ids[1],)
    assert clock.now < TERM_S / 2


@pytest.mark.parametrize("again", [False, True])
def test_a_drafted_case_is_claimed_only_again(store: Store, again: bool) -> None:
    with store.begin() as session:
        case_id = add_drafted(session)
    assert Claims(store).claim_cases([case_id], again=again) == ((case_id,) if again else ())


def test_a_machine_that_paused_is_watched_anew(store: Store) -> None:
    clock = Clock()
    watch = LeaseWatch(clock)
    lease = lease_of(Owner())
    assert watch.look([lease]) == ()
    for _ in range(LOOKS - 1):
        clock.wait(100 * TERM_S)
        assert watch.look([lease]) == ()
    clock.wait(100 * TERM_S)
    assert watch.look([lease]) == (lease,)


def lease_of(owner: Owner) -> Lease:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return Lease("c-0123456789abcdef", owner.owner_id, "host", now, 0, now, owner.term_s)
