"""Any moves in any order, against a plain model of what serves."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy.orm import Session

from radraft.core.errors import AdapterError
from radraft.llm.adapter import AdapterState
from radraft.store import adapters
from radraft.store.database import Store
from tests.store.adapter_builders import BASE, candidate, decision, served, states

MOVES = st.lists(
    st.sampled_from(["candidate", "pass", "fail", "promote", "roll_back", "discard", "reopen"]),
    max_size=25,
)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(MOVES, st.integers(0, 10**9))
def test_whatever_happens_one_serves_and_one_shadows_at_most(
    sqlite_store: Store, moves: list[str], seed: int
) -> None:
    """Against a plain model: a stack of what served."""
    site = f"site-{seed}-{len(moves)}"
    stack: list[str] = []
    with sqlite_store.begin() as session:
        for number, move in enumerate(moves):
            apply(session, site, move, number, stack)
            found = states(session, site)
            assert found.count(AdapterState.SERVING) == min(len(stack), 1)
            assert found.count(AdapterState.SHADOW) <= 1
            assert served(session, site) == (stack[-1] if stack else None)
            if stack:
                assert adapters.before(session, site) == (stack[-2] if len(stack) > 1 else None)
        session.rollback()


def apply(session: Session, site: str, move: str, number: int, stack: list[str]) -> None:
    every = adapters.adapters(session, site)
    # One that was reopened is not the newest.
    waiting = [one for one in every if one.state in {AdapterState.CANDIDATE, AdapterState.SHADOW}]
    newest = next(iter(waiting or every), None)
    try:
        if move == "candidate" or newest is None:
            candidate(session, number, site=site, base=BASE)
        elif move in {"pass", "fail"}:
            wanted = decision(session, newest.adapter_id, passed=move == "pass")
            with session.begin_nested():
                adapters.record(session, wanted)
        elif move == "promote":
            adapters.promote(session, newest.adapter_id, by="Dr. Li")
            stack.append(newest.adapter_id)
        elif move == "roll_back":
            adapters.roll_back(session, site, by="Dr. Li", reason="worse")
            stack.pop()
        elif move == "reopen":
            oldest = every[-1].adapter_id
            adapters.reopen(session, oldest, by="Dr. Li", reason="a mistake")
        else:
            adapters.discard(session, newest.adapter_id, by="Dr. Li", reason="wrong data")
    except AdapterError:
        pass
