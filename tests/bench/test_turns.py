"""The arithmetic behind a benchmark's ratios."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest

from radraft.bench.turns import (
    Cost,
    Ratio,
    Verdict,
    in_turns,
    ratio,
    server_cpu_s,
    t_quantile,
    table,
)


def pair(ours: float, theirs: float) -> tuple[Cost, Cost]:
    return Cost(ours, 0.5, 3.0), Cost(theirs, 0.2, 3.1)


@pytest.mark.parametrize(
    ("degrees", "expected"), [(1, 12.706), (2, 4.303), (7, 2.365), (11, 2.201), (30, 2.042)]
)
def test_the_quantiles_are_those_of_the_printed_tables(degrees: int, expected: float) -> None:
    assert t_quantile(0.975, degrees) == pytest.approx(expected, abs=6e-4)


def test_the_interval_is_students_t_on_the_log_ratios() -> None:
    found = ratio([pair(10.0, 9.0), pair(10.0, 9.5), pair(10.0, 10.0), pair(10.0, 9.2)])
    logs = np.log([0.9, 0.95, 1.0, 0.92])
    half = 3.1824 * logs.std(ddof=1) / 2
    assert found.middle == pytest.approx(math.exp(logs.mean()))
    assert found.low == pytest.approx(math.exp(logs.mean() - half), abs=1e-4)
    assert found.high == pytest.approx(math.exp(logs.mean() + half), abs=1e-4)


@pytest.mark.slow
def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(5)
    held = 0
    for _ in range(400):
        pairs = [pair(1.0, float(np.exp(random.normal(math.log(0.95), 0.1)))) for _ in range(8)]
        found = ratio(pairs)
        held += found.low <= 0.95 <= found.high
    # 95% of 400 is 380; four standard deviations are 17.
    assert 362 <= held <= 397


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.95, 0.99, Verdict.REACHED),
        (0.90, 0.949, Verdict.MISSED),
        (0.94, 0.96, Verdict.UNDECIDED),
        (0.5, 1.5, Verdict.UNDECIDED),
    ],
)
def test_noise_wider_than_the_distance_to_the_goal_is_undecided(
    low: float, high: float, verdict: Verdict
) -> None:
    assert Ratio((low + high) / 2, low, high, 8).verdict(0.95) is verdict


def test_sides_take_turns_and_the_first_pair_is_not_measured() -> None:
    order: list[str] = []

    async def ours() -> None:
        order.append("ours")

    async def theirs() -> None:
        order.append("theirs")

    measured = list(in_turns(ours, theirs, server=os.getpid(), pairs=3))
    assert len(measured) == 3
    assert order == ["ours", "theirs", "theirs", "ours", "ours", "theirs", "theirs", "ours"]


@pytest.mark.slow
def test_processor_time_of_a_servers_children_counts() -> None:
    work = "sum(range(20_000_000)); print(flush=True); input()"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        server.stdout.readline()
        used = server_cpu_s(server.pid)
        server.communicate(b"\n")
    assert used > 0.1


def test_every_pair_is_printed() -> None:
    lines = table(16, [pair(8.0, 7.9), pair(10.0, 9.0)]).splitlines()
    assert len(lines) == 3
    assert "0.988" in lines[1]
    assert "0.900" in lines[2]
