from __future__ import annotations

from itertools import product

import pytest

from radraft.core.errors import ReportError
from radraft.reports.lifecycle import TRANSITIONS, Move, transition
from radraft.reports.values import ReportState

LEGAL = {
    ("drafted", "redraft"): "drafted",
    ("drafted", "review"): "in_review",
    ("in_review", "review"): "in_review",
    ("in_review", "sign"): "signed",
    ("signed", "amend"): "amended",
    ("amended", "review"): "amended",
    ("amended", "sign"): "signed",
}


@pytest.mark.parametrize(("state", "move"), list(product(ReportState, Move)))
def test_only_these_moves_are_legal(state: ReportState, move: Move) -> None:
    expected = LEGAL.get((state.value, move.value))
    if expected is not None:
        assert transition(state, move) == expected
        return
    with pytest.raises(ReportError) as error:
        transition(state, move)
    if state is ReportState.SIGNED:
        assert error.value.code == "report_is_signed"
    elif move is Move.AMEND:
        assert error.value.code == "report_not_signed"
    else:
        assert error.value.code == "report_move_refused"


def test_every_state_can_be_reached_and_left() -> None:
    assert set(TRANSITIONS.values()) == set(ReportState)
    assert {state for state, _ in TRANSITIONS} == set(ReportState)
