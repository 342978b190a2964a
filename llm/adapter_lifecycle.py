"""The life of an adapter: candidate -> shadow -> serving -> retired."""

from __future__ import annotations

from enum import StrEnum

from radraft.core.errors import AdapterError
from radraft.llm.adapter import AdapterState


class Move(StrEnum):
    """What can happen to an adapter."""

    PASS = "pass"
    """The gate lets it through: it drafts beside the serving one, out of sight."""
    FAIL = "fail"
    """The gate stops it."""
    PROMOTE = "promote"
    """A person has it serve."""
    REPLACE = "replace"
    """Another takes its place."""
    ROLL_BACK = "roll_back"
    """It served before and serves again."""
    DISCARD = "discard"
    """A person gives it up."""
    REOPEN = "reopen"
    """A person wants it back: it meets the gate again."""


TRANSITIONS: dict[tuple[AdapterState, Move], AdapterState] = {
    (AdapterState.CANDIDATE, Move.PASS): AdapterState.SHADOW,
    (AdapterState.CANDIDATE, Move.FAIL): AdapterState.RETIRED,
    (AdapterState.CANDIDATE, Move.DISCARD): AdapterState.RETIRED,
    (AdapterState.SHADOW, Move.FAIL): AdapterState.RETIRED,
    (AdapterState.SHADOW, Move.PROMOTE): AdapterState.SERVING,
    (AdapterState.SHADOW, Move.REPLACE): AdapterState.RETIRED,
    (AdapterState.SHADOW, Move.DISCARD): AdapterState.RETIRED,
    (AdapterState.SERVING, Move.REPLACE): AdapterState.RETIRED,
    (AdapterState.RETIRED, Move.ROLL_BACK): AdapterState.SERVING,
    (AdapterState.RETIRED, Move.REOPEN): AdapterState.CANDIDATE,
}


def transition(state: AdapterState, move: Move) -> AdapterState:
    """Return the state after `move`. AdapterError `adapter_move_refused` for what the table
    lacks."""
    after = TRANSITIONS.get((state, move))
    if after is None:
        raise AdapterError("adapter_move_refused", state=state.value, move=move.value)
    return after
