"""The life of an entry of the outbox: what may follow what, and how long a pause is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from radraft.core.errors import ReportError
from radraft.reports.outgoing_entry import (
    LONGEST_ABSENCE,
    LONGEST_PAUSE,
    REFUSED_TRIES,
    TRANSITIONS,
    AfterTry,
    Delivered,
    EntryMove,
    EntryState,
    Failed,
    FailureKind,
    NotTried,
    Void,
    after_try,
    checked_reason,
    is_due,
    moved,
    pause_after,
)

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
ENDS = {EntryState.DELIVERED, EntryState.DROPPED, EntryState.VOID}


@pytest.mark.parametrize("state", EntryState)
@pytest.mark.parametrize("move", EntryMove)
def test_only_the_moves_of_the_table_are_made(state: EntryState, move: EntryMove) -> None:
    if (state, move) in TRANSITIONS:
        assert moved(state, move) is TRANSITIONS[state, move]
        return
    with pytest.raises(ReportError, match="outbox_move_denied"):
        moved(state, move)


def test_what_ended_stays_so_and_only_a_person_wakes_the_dead() -> None:
    assert {state for state, _ in TRANSITIONS} & ENDS == set()
    from_dead = {move for state, move in TRANSITIONS if state is EntryState.DEAD}
    assert from_dead == {EntryMove.RESEND, EntryMove.DROP}


@given(tries=st.integers(1, 10**6), jitter=st.floats(0, 1, exclude_max=True))
def test_a_pause_grows_to_its_bound(tries: int, jitter: float) -> None:
    pause = pause_after(tries, jitter)
    assert timedelta(0) < pause <= LONGEST_PAUSE
    assert pause <= pause_after(tries + 1, jitter)
    assert pause >= pause_after(tries, 0.0)


def failed(kind: FailureKind) -> Failed:
    return Failed(kind, "hl7_busy", {})


@given(kind=st.sampled_from([FailureKind.AWAY, FailureKind.UNCLEAR]), tries=st.integers(1, 10**6))
def test_a_receiver_that_is_away_or_unclear_for_ever_loses_nothing(
    kind: FailureKind, tries: int
) -> None:
    after = after_try(failed(kind), tries=tries, refusals=0, jitter=0.5)
    assert (after.move, after.refusals) == (EntryMove.POSTPONE, 0)
    assert kind is not FailureKind.AWAY or after.pause <= LONGEST_ABSENCE


def test_a_refusal_is_final_after_its_tries_however_many_others_failed() -> None:
    moves = [
        after_try(failed(FailureKind.REFUSED), tries=900 + n, refusals=n, jitter=0.0).move
        for n in range(REFUSED_TRIES)
    ]
    assert moves == [EntryMove.POSTPONE] * (REFUSED_TRIES - 1) + [EntryMove.BURY]


def test_what_cannot_be_made_is_final_at_once() -> None:
    after = after_try(failed(FailureKind.UNMADE), tries=1, refusals=0, jitter=0.0)
    assert after.move is EntryMove.BURY


def test_what_is_not_tried_costs_nothing() -> None:
    assert after_try(NotTried(), tries=9, refusals=2, jitter=0.0) == AfterTry(
        EntryMove.GIVE_BACK, refusals=2
    )
    assert after_try(Delivered(), tries=9, refusals=2, jitter=0.0).move is EntryMove.DELIVER
    assert after_try(Void(), tries=1, refusals=0, jitter=0.0).move is EntryMove.VOID


@given(st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_nothing_waits_longer_than_the_longest_pause_whatever_the_clock_did(
    ahead: timedelta,
) -> None:
    assert is_due(NOW + ahead, NOW) is not (timedelta(0) < ahead <= LONGEST_PAUSE)


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_a_drop_has_a_reason(text: str) -> None:
    with pytest.raises(ReportError, match="outbox_reason_needed"):
        checked_reason(text)


@pytest.mark.parametrize("text", ["x" * 201, "two\nlines", "a\u202eb"])
def test_a_reason_is_one_short_line(text: str) -> None:
    with pytest.raises(ReportError, match="outbox_reason_unusable"):
        checked_reason(text)
