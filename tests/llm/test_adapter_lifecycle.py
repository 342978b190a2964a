"""The transition table: every state with every move."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from radraft.core.errors import AdapterError
from radraft.llm.adapter import AdapterState
from radraft.llm.adapter_lifecycle import TRANSITIONS, Move, transition

LEGAL = {
    ("candidate", "pass", "shadow"),
    ("candidate", "fail", "retired"),
    ("candidate", "discard", "retired"),
    ("shadow", "fail", "retired"),
    ("shadow", "promote", "serving"),
    ("shadow", "replace", "retired"),
    ("shadow", "discard", "retired"),
    ("serving", "replace", "retired"),
    ("retired", "roll_back", "serving"),
    ("retired", "reopen", "candidate"),
}


@pytest.mark.parametrize("state", AdapterState)
@pytest.mark.parametrize("move", Move)
def test_every_pair_is_legal_as_listed_or_refused(state: AdapterState, move: Move) -> None:
    after = {end for start, by, end in LEGAL if (start, by) == (state.value, move.value)}
    if after:
        assert {transition(state, move).value} == after
        return
    with pytest.raises(AdapterError) as refused:
        transition(state, move)
    assert refused.value.code == "adapter_move_refused"
    assert refused.value.details == {"state": state.value, "move": move.value}


def test_nothing_else_is_in_the_table() -> None:
    assert {(a.value, m.value, b.value) for (a, m), b in TRANSITIONS.items()} == LEGAL


@given(st.lists(st.sampled_from(list(Move)), max_size=12))
def test_nothing_serves_that_did_not_pass(moves: list[Move]) -> None:
    state, made = AdapterState.CANDIDATE, []
    for move in moves:
        try:
            state = transition(state, move)
        except AdapterError:
            continue
        made.append(move)
        if state is AdapterState.SERVING and Move.ROLL_BACK not in made:
            assert made[-2:] == [Move.PASS, Move.PROMOTE]
