"""A batch of cases: what becomes of one is its own affair."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from radraft.core.errors import DraftingError
from radraft.core.settings import Settings
from radraft.llm.endpoint import Endpoint
from radraft.pipeline import draft_batch
from radraft.pipeline.claims import Claims
from radraft.pipeline.draft_case import DraftOutcome
from radraft.reports.values import Coverage
from radraft.store import cases, drafts, leases
from radraft.store.cases import CaseState
from radraft.store.database import Store
from radraft.store.leases import Owner
from tests.pipeline.test_draft_worker import PROFILE, Model, served, waiting_case

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


def drafted(
    store: Store, settings: Settings, endpoint: Endpoint, *case_ids: str, again: bool = False
) -> tuple[DraftOutcome, ...]:
    return asyncio.run(
        draft_batch.draft_many(
            case_ids,
            store=store,
            settings=settings,
            profile=PROFILE,
            endpoint=endpoint,
            vision=None,
            again=again,
        )
    )


def broken_case(store: Store, number: int) -> str:
    """A case whose image is not one: nothing in the line expects that of its own object store."""
    case_id = waiting_case(store, number)
    with store.read() as session:
        (image,) = cases.key_images(session, case_id)
    store.objects.put(f"images/{image.image_id[:2]}/{image.image_id}.png", b"damaged")
    return case_id


def state(store: Store, case_id: str) -> CaseState:
    with store.read() as session:
        return cases.get_case(session, case_id).state


def test_one_broken_case_does_not_end_the_batch(sqlite_store: Store, settings: Settings) -> None:
    broken = broken_case(sqlite_store, 1)
    sound = [waiting_case(sqlite_store, number) for number in range(2, 6)]
    with served(Model()) as endpoint:
        outcomes = drafted(sqlite_store, settings, endpoint, broken, *sound)
    assert [outcome.case_id for outcome in outcomes] == [broken, *sound]
    assert [outcome.drafted for outcome in outcomes] == [False, True, True, True, True]
    assert outcomes[0].draft is not None
    assert outcomes[0].draft.coverage is Coverage.FAILED
    assert outcomes[0].draft.error_code is not None
    assert {state(sqlite_store, case_id) for case_id in sound} == {CaseState.DRAFTED}
    assert state(sqlite_store, broken) is CaseState.FAILED


def test_a_draft_that_vllm_cuts_off_does_not_end_the_batch(
    sqlite_store: Store, settings: Settings
) -> None:
    ids = [waiting_case(sqlite_store, number) for number in range(3)]
    with served(Model(faults=1)) as endpoint:
        outcomes = drafted(sqlite_store, settings, endpoint, *ids)
    codes = [outcome.draft.error_code for outcome in outcomes if outcome.draft is not None]
    assert sorted(codes, key=str) == [None, None, "llm_cut_off"]


def test_a_case_that_another_process_drafts_is_left_to_it(
    sqlite_store: Store, settings: Settings
) -> None:
    ids = [waiting_case(sqlite_store, number) for number in range(2)]
    owner = Owner(term_s=0.5)
    with Claims(sqlite_store, owner=owner) as other, served(Model()) as endpoint:
        assert other.claim(1) == (ids[0],)
        outcomes = drafted(sqlite_store, settings, endpoint, *ids)
        assert outcomes[0].error is not None
        assert outcomes[0].error.code == "draft_not_claimed"
        assert outcomes[1].drafted
        assert state(sqlite_store, ids[0]) is CaseState.DRAFTING


def test_a_lease_lost_while_drafting_is_an_outcome_and_nothing_is_stored(
    sqlite_store: Store, settings: Settings
) -> None:
    ids = [waiting_case(sqlite_store, number) for number in range(2)]
    claims = Claims(sqlite_store)
    assert claims.claim_cases(ids) == tuple(ids)
    with sqlite_store.begin() as session:
        held = {lease.case_id: lease for lease in leases.leases(session)}
        assert leases.take_back(session, held[ids[0]])
        assert leases.claim_case(session, ids[0], Owner())
    with served(Model()) as endpoint:
        outcomes = asyncio.run(
            draft_batch.draft_claimed(
                ids,
                claims=claims,
                settings=settings,
                profile=PROFILE,
                endpoint=endpoint,
                vision=None,
            )
        )
    assert outcomes[0].error is not None
    assert outcomes[0].error.code == "draft_lease_lost"
    assert outcomes[1].drafted
    with sqlite_store.read() as session:
        assert drafts.latest(session, ids[0]) is None


def test_without_vllm_every_claimed_case_has_the_reason(
    sqlite_store: Store, settings: Settings
) -> None:
    ids = [waiting_case(sqlite_store, number) for number in range(2)]
    claims = Claims(sqlite_store)
    claims.claim_cases(ids)
    outcomes = draft_batch.give_up(
        ids, DraftingError("llm_unreachable"), claims=claims, profile=PROFILE
    )
    codes = [outcome.draft.error_code for outcome in outcomes if outcome.draft is not None]
    assert codes == ["llm_unreachable"] * 2
    assert claims.held() == frozenset()


def test_what_has_a_draft_is_drafted_again_only_when_asked(
    sqlite_store: Store, settings: Settings
) -> None:
    case_id = waiting_case(sqlite_store)
    model = Model()
    with served(model) as endpoint:
        for again in (False, False, True):
            drafted(sqlite_store, settings, endpoint, case_id, again=again)
    assert len(model.requests) == 2
