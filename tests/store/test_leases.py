"""Leases: a case is drafted by one process at a time, and stored by the one that holds it."""

from __future__ import annotations

import pytest

from radraft.store import cases, drafts, leases
from radraft.store.cases import CaseState
from radraft.store.database import Store
from radraft.store.leases import LeaseLost, Owner
from tests.builders import add_case, make_draft, save_draft


@pytest.fixture
def owner() -> Owner:
    return Owner()


def claimed(store: Store, owner: Owner, number: int = 1) -> str:
    with store.begin() as session:
        case_id = add_case(session, number)
        assert leases.claim_case(session, case_id, owner)
    return case_id


def test_a_lease_says_who_drafts_and_since_when(store: Store, owner: Owner) -> None:
    case_id = claimed(store, owner)
    with store.read() as session:
        [lease] = leases.leases(session)
    assert (lease.case_id, lease.owner_id, lease.host) == (case_id, owner.owner_id, owner.host)
    assert lease.claimed_at == lease.beat_at
    assert (lease.beat, lease.term_s) == (0, owner.term_s)


def test_a_beat_keeps_all_leases_of_its_owner_and_no_others(store: Store, owner: Owner) -> None:
    ours = {claimed(store, owner, number) for number in (1, 2)}
    theirs = claimed(store, Owner(), 3)
    with store.begin() as session:
        assert leases.beat(session, owner) == ours
    with store.read() as session:
        beats = {lease.case_id: lease.beat for lease in leases.leases(session)}
    assert beats == {**dict.fromkeys(ours, 1), theirs: 0}


def test_a_stored_draft_ends_the_lease(store: Store, owner: Owner) -> None:
    case_id = claimed(store, owner)
    with store.begin() as session:
        save_draft(session, make_draft(case_id), owner)
    with store.read() as session:
        assert leases.leases(session) == ()
        assert cases.get_case(session, case_id).state is CaseState.DRAFTED


def test_a_draft_whose_lease_another_holds_is_not_stored(store: Store, owner: Owner) -> None:
    case_id = claimed(store, owner)
    with store.read() as session:
        [lease] = leases.leases(session)
    other = Owner()
    with store.begin() as session:
        assert leases.take_back(session, lease)
        assert leases.claim(session, other, limit=1) == (case_id,)
    with pytest.raises(LeaseLost), store.begin() as session:
        save_draft(session, make_draft(case_id), owner)
    with store.read() as session:
        assert drafts.latest(session, case_id) is None
        assert cases.get_case(session, case_id).state is CaseState.DRAFTING
    with store.begin() as session:
        save_draft(session, make_draft(case_id), other)


def test_a_draft_that_comes_after_the_others_is_not_stored_over_it(
    store: Store, owner: Owner
) -> None:
    case_id, other = claimed(store, owner), Owner()
    with store.begin() as session:
        assert leases.give_back(session, case_id, owner)
        assert leases.claim_case(session, case_id, other)
        save_draft(session, make_draft(case_id), other)
    with pytest.raises(LeaseLost), store.begin() as session:
        save_draft(session, make_draft(case_id, error_code="late"), owner)
    with store.read() as session:
        kept = drafts.latest(session, case_id)
    assert kept is not None
    assert kept.draft.error_code is None


def test_nobody_stores_a_draft_of_a_claimed_case_without_naming_its_lease(
    store: Store, owner: Owner
) -> None:
    case_id = claimed(store, owner)
    with pytest.raises(LeaseLost), store.begin() as session:
        save_draft(session, make_draft(case_id))


def test_a_lease_whose_owner_moved_meanwhile_is_not_taken(store: Store, owner: Owner) -> None:
    case_id = claimed(store, owner)
    with store.read() as session:
        [seen] = leases.leases(session)
    with store.begin() as session:
        leases.beat(session, owner)
    with store.begin() as session:
        assert not leases.take_back(session, seen)
        assert cases.get_case(session, case_id).state is CaseState.DRAFTING


def test_nobody_gives_back_what_another_drafts(store: Store, owner: Owner) -> None:
    case_id = claimed(store, owner)
    with store.begin() as session:
        assert not leases.give_back(session, case_id, Owner())
        assert cases.get_case(session, case_id).state is CaseState.DRAFTING
