"""Guessing at a small scale: what the benchmark's figures say of the full one."""

from __future__ import annotations

import pytest

from radraft.bench.sign_in import Clock, guess, people, separation
from radraft.reports.accounts import LONGEST_WAIT, MOST_OF_LOGIN
from radraft.store.database import Store
from tests.scale import scaled


@pytest.mark.slow
@pytest.mark.scaled
def test_guesses_let_nobody_in_and_the_right_person_waits_a_minute_at_most(
    sqlite_store: Store,
) -> None:
    clock = Clock()
    tries = scaled(300, full=10_000)
    addresses = [f"203.0.113.{number}" for number in range(10)]
    found = guess(people(sqlite_store, clock), clock, tries, addresses)
    assert found.let_in == 0
    assert found.heard < MOST_OF_LOGIN + tries // 100 + 20
    assert found.desk == found.desk_tries > 0
    assert max(found.new_desk_s, found.shared_desk_s) <= LONGEST_WAIT.total_seconds() + 1


def test_times_that_are_alike_are_not_told_apart_and_others_are() -> None:
    first = [float(number) for number in range(0, 200, 2)]
    alike = separation(first, [value + 1 for value in first])
    assert alike.chance == pytest.approx(0.505)
    assert alike.p > 0.8
    other = separation(first, [value + 300 for value in first])
    assert other.chance == 1.0
    assert other.p < 1e-6
