"""The registry: what serves where, who said so, and the way back."""

from __future__ import annotations

import pytest

from radraft.core.errors import AdapterError
from radraft.llm.adapter import AdapterState, GateStage, Route
from radraft.store import adapters
from radraft.store.database import Store
from radraft.store.tables import AdapterMoveRow
from tests import children
from tests.store.adapter_builders import (
    SITE,
    candidate,
    decision,
    make_adapter,
    served,
    serving,
    shadow,
    states,
)


def code_of(error: pytest.ExceptionInfo[AdapterError]) -> str:
    return error.value.code


def test_a_registered_adapter_is_what_was_given(store: Store) -> None:
    made = make_adapter({"adapter_model.safetensors": "1" * 64, "adapter_config.json": "2" * 64})
    with store.begin() as session:
        assert adapters.register(session, made, by="adapt") == made
        assert adapters.register(session, made, by="adapt") == made
    with store.read() as session:
        assert adapters.get(session, made.adapter_id) == made
        (move,) = adapters.moves(session, adapter_id=made.adapter_id)
    assert (move.before, move.after, move.by) == (None, AdapterState.CANDIDATE, "adapt")


def test_adapters_come_newest_first_and_by_site(store: Store) -> None:
    with store.begin() as session:
        first, second = candidate(session, 1), candidate(session, 2)
        other = candidate(session, 3, site="site-b")
        assert [adapter.adapter_id for adapter in adapters.adapters(session)] == [
            other,
            second,
            first,
        ]
        assert [one.adapter_id for one in adapters.adapters(session, SITE)] == [second, first]


def test_what_is_not_there_is_unknown(store: Store) -> None:
    with store.begin() as session:
        for call in (adapters.get, adapters.may_serve):
            with pytest.raises(AdapterError) as error:
                call(session, "a-0000000000000000")
            assert code_of(error) == "adapter_unknown"


def test_without_an_adapter_the_base_serves(store: Store) -> None:
    with store.begin() as session:
        assert adapters.route(session, SITE) == Route(None, None)
        choice = adapters.choose(adapters.route(session, SITE), "c-1")
        assert (choice.visible, choice.hidden) == (None, None)
        with pytest.raises(AdapterError) as error:
            adapters.before(session, SITE)
        assert code_of(error) == "adapter_nothing_to_roll_back"


def test_one_site_does_not_touch_another(store: Store) -> None:
    with store.begin() as session:
        here, there = serving(session, 1), serving(session, 2, site="site-b")
        adapters.roll_back(session, "site-b", by="Dr. Li", reason="worse")
        assert (served(session), served(session, "site-b")) == (here, None)
        assert adapters.get(session, there).state is AdapterState.RETIRED


def test_promotion_takes_the_place_of_what_served(store: Store) -> None:
    with store.begin() as session:
        first, second = serving(session, 1), serving(session, 2)
        assert served(session) == second
        assert adapters.get(session, first).state is AdapterState.RETIRED
        last = adapters.moves(session, site=SITE)[-2:]
    assert {(m.adapter_id, m.after, m.by) for m in last} == {
        (second, AdapterState.SERVING, "Dr. Li"),
        (first, AdapterState.RETIRED, "Dr. Li"),
    }


@pytest.mark.parametrize("state", ["candidate", "serving", "retired"])
def test_only_a_shadow_is_promoted(store: Store, state: str) -> None:
    with store.begin() as session:
        adapter_id = candidate(session, 1) if state == "candidate" else serving(session, 1)
        if state == "retired":
            adapters.roll_back(session, SITE, by="Dr. Li", reason="worse")
        with pytest.raises(AdapterError) as error:
            adapters.promote(session, adapter_id, by="Dr. Li")
        assert code_of(error) == "adapter_move_refused"


def test_a_decision_against_what_no_longer_serves_is_no_way_in(store: Store) -> None:
    with store.begin() as session:
        first = serving(session, 1)
        second = shadow(session, 2)
        adapters.roll_back(session, SITE, by="Dr. Li", reason="worse")
        with pytest.raises(AdapterError) as error:
            adapters.promote(session, second, by="Dr. Li")
        assert code_of(error) == "adapter_not_through_gate"
        assert served(session) is None
        adapters.record(session, decision(session, second))
        adapters.promote(session, second, by="Dr. Li")
        assert served(session) == second != first


def test_a_batch_that_passed_is_no_way_in(store: Store) -> None:
    with store.begin() as session:
        adapter_id = candidate(session, 1)
        adapters.record(session, decision(session, adapter_id, stage=GateStage.BATCH))
        assert adapters.get(session, adapter_id).state is AdapterState.CANDIDATE
        adapters.record(session, decision(session, adapter_id))
        adapters.record(session, decision(session, adapter_id, stage=GateStage.BATCH, passed=False))
        adapters.promote(session, adapter_id, by="Dr. Li")


def test_a_failed_candidate_is_retired_with_the_checks_that_stopped_it(store: Store) -> None:
    with store.begin() as session:
        adapter_id = candidate(session, 1)
        failed = decision(session, adapter_id, passed=False)
        adapters.record(session, failed)
        assert adapters.get(session, adapter_id).state is AdapterState.RETIRED
        assert adapters.moves(session, adapter_id=adapter_id)[-1].reason == "distance_better"
        assert adapters.records(session, adapter_id=adapter_id) == (failed,)
        assert adapters.records(session, site="site-b") == ()


def test_a_second_shadow_takes_the_first_ones_place(store: Store) -> None:
    with store.begin() as session:
        first = shadow(session, 1)
        adapters.record(session, decision(session, first))
        assert adapters.route(session, SITE).shadow == adapters.get(session, first)
        second = shadow(session, 2)
        assert adapters.get(session, first).state is AdapterState.RETIRED
        assert adapters.route(session, SITE).shadow == adapters.get(session, second)
        adapters.record(session, decision(session, second, passed=False))
        assert adapters.route(session, SITE).shadow is None


def test_rolling_back_goes_back_step_by_step_to_the_base(store: Store) -> None:
    with store.begin() as session:
        first, second, third = (serving(session, number) for number in (1, 2, 3))
        for expected in (second, first, None):
            assert served(session) not in {None, expected}
            assert adapters.before(session, SITE) == expected
            back = adapters.roll_back(session, SITE, by="Dr. Li", reason="worse")
            assert (back.adapter_id if back else None) == expected == served(session)
        with pytest.raises(AdapterError) as error:
            adapters.roll_back(session, SITE, by="Dr. Li", reason="worse")
        assert code_of(error) == "adapter_nothing_to_roll_back"
        assert adapters.get(session, third).state is AdapterState.RETIRED


def test_what_served_before_the_base_served_again_does_not_come_back(store: Store) -> None:
    with store.begin() as session:
        serving(session, 1)
        adapters.roll_back(session, SITE, by="Dr. Li", reason="worse")
        serving(session, 2)
        assert adapters.before(session, SITE) is None


def test_after_a_promotion_the_way_back_is_to_what_it_replaced(store: Store) -> None:
    with store.begin() as session:
        first = serving(session, 1)
        serving(session, 2)
        adapters.roll_back(session, SITE, by="Dr. Li", reason="worse")
        serving(session, 3)
        assert adapters.before(session, SITE) == first


def test_a_share_is_of_a_shadow_and_between_nothing_and_all(store: Store) -> None:
    with store.begin() as session:
        adapter_id = shadow(session, 1)
        assert adapters.set_canary(session, adapter_id, 0.25).canary == 0.25
        for share in (-0.1, 1.1, float("nan")):
            with pytest.raises(AdapterError) as error:
                adapters.set_canary(session, adapter_id, share)
            assert code_of(error) == "adapter_share_invalid"
        assert adapters.promote(session, adapter_id, by="Dr. Li").canary == 0
        with pytest.raises(AdapterError) as error:
            adapters.set_canary(session, adapter_id, 0.5)
        assert code_of(error) == "adapter_move_refused"


def test_a_canary_drafts_its_share_in_sight_and_always_the_same_cases(store: Store) -> None:
    with store.begin() as session:
        old = serving(session, 1)
        new = shadow(session, 2)
        ids = [f"c-{number:016x}" for number in range(2000)]

        def chosen(share: float) -> set[str]:
            adapters.set_canary(session, new, share)
            route = adapters.route(session, SITE)
            choices = {case_id: adapters.choose(route, case_id) for case_id in ids}
            for choice in choices.values():
                pair = {one.adapter_id for one in (choice.visible, choice.hidden) if one}
                assert pair == {old, new}
            return {one for one, choice in choices.items() if choice.visible == route.shadow}

        none, tenth, half, whole = (chosen(share) for share in (0, 0.1, 0.5, 1))
    assert none == set() and whole == set(ids)
    assert tenth < half
    assert 150 < len(tenth) < 250
    assert 900 < len(half) < 1100


def test_discarding_ends_a_candidate_or_shadow_and_nothing_else(store: Store) -> None:
    with store.begin() as session:
        for adapter_id in (candidate(session, 1), shadow(session, 2)):
            gone = adapters.discard(session, adapter_id, by="Dr. Li", reason="wrong data")
            assert gone.state is AdapterState.RETIRED
        adapter_id = serving(session, 3)
        with pytest.raises(AdapterError) as error:
            adapters.discard(session, adapter_id, by="Dr. Li", reason="wrong data")
        assert code_of(error) == "adapter_move_refused"


def test_what_was_rolled_back_by_mistake_meets_the_gate_again(store: Store) -> None:
    with store.begin() as session:
        first, second = serving(session, 1), serving(session, 2)
        adapters.roll_back(session, SITE, by="Dr. Li", reason="wrong site")
        again = adapters.reopen(session, second, by="Dr. Li", reason="it was another site's")
        assert again.state is AdapterState.CANDIDATE
        with pytest.raises(AdapterError) as error:
            adapters.promote(session, second, by="Dr. Li")
        assert code_of(error) == "adapter_move_refused"
        adapters.record(session, decision(session, second))
        adapters.promote(session, second, by="Dr. Li")
        assert (served(session), adapters.before(session, SITE)) == (second, first)


def test_an_older_one_that_serves_again_leads_back_to_what_it_replaced(store: Store) -> None:
    with store.begin() as session:
        first, second = serving(session, 1), serving(session, 2)
        adapters.reopen(session, first, by="Dr. Li", reason="better after all")
        adapters.record(session, decision(session, first))
        adapters.promote(session, first, by="Dr. Li")
        for wanted in (second, first, None):
            assert adapters.before(session, SITE) == wanted
            adapters.roll_back(session, SITE, by="Dr. Li", reason="worse")
        assert served(session) is None


def test_what_the_gate_stopped_stays_stopped(store: Store) -> None:
    with store.begin() as session:
        stopped = candidate(session, 1)
        adapters.record(session, decision(session, stopped, passed=False))
        with pytest.raises(AdapterError) as error:
            adapters.reopen(session, stopped, by="Dr. Li", reason="luck")
        assert code_of(error) == "adapter_stopped"
        with pytest.raises(AdapterError) as error:
            adapters.reopen(session, serving(session, 2), by="Dr. Li", reason="luck")
        assert code_of(error) == "adapter_move_refused"


def test_the_log_of_moves_cannot_be_changed(store: Store) -> None:
    from sqlalchemy.exc import DBAPIError

    with store.begin() as session:
        candidate(session, 1)
    with pytest.raises(DBAPIError), store.begin() as session:
        session.query(AdapterMoveRow).update({"by": "someone else"})
    with store.read() as session:
        assert {move.by for move in adapters.moves(session)} == {"test"}


@pytest.mark.slow
def test_of_processes_that_promote_and_pass_at_once_the_order_is_one(
    store: Store, store_settings: object
) -> None:
    with store.begin() as session:
        ids = [candidate(session, number) for number in range(4)]
    told = children.together(children.pass_and_promote, store_settings, ids, processes=4)
    with store.read() as session:
        found = states(session)
        assert found.count(AdapterState.SERVING) == 1
        assert found.count(AdapterState.SHADOW) <= 1
        into = [m for m in adapters.moves(session) if m.after is AdapterState.SERVING]
    assert sum(told) == len(into) >= 1
