"""Two sides measured in turns, and what their ratio is known to be.

Other work on the machine weighs on both sides of a pair alike, so the pairs' ratios vary less than
the seconds do. The interval is Student's t on the logarithms of the pairs' ratios.
"""

from __future__ import annotations

import asyncio
import math
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import psutil

PAIRS = 8
LEVEL = 0.95


class Verdict(StrEnum):
    """What the measured pairs say of a goal."""

    REACHED = "reached"
    MISSED = "missed"
    UNDECIDED = "undecided"
    """The interval holds the goal: the noise is wider than the distance to it."""


@dataclass(frozen=True)
class Cost:
    """What one run took."""

    seconds: float
    own_cpu_s: float
    """Processor time of this process."""
    server_cpu_s: float
    """Processor time of vLLM's processes together."""


@dataclass(frozen=True)
class Ratio:
    """How much of the other side's work one side does in the same time: below 1 where it is
    slower."""

    middle: float
    """Geometric mean of the pairs' ratios."""
    low: float
    high: float
    pairs: int

    def verdict(self, goal: float) -> Verdict:
        """Return whether the ratio reaches `goal`."""
        if self.low >= goal:
            return Verdict.REACHED
        return Verdict.MISSED if self.high < goal else Verdict.UNDECIDED

    def __str__(self) -> str:
        return (
            f"{self.middle:.3f} [{self.low:.3f}, {self.high:.3f}]"
            f" ({LEVEL:.0%}, t on log ratios of {self.pairs} pairs)"
        )


def in_turns(
    ours: Callable[[], Awaitable[None]],
    theirs: Callable[[], Awaitable[None]],
    *,
    server: int,
    their_server: int | None = None,
    pairs: int = PAIRS,
) -> Iterator[tuple[Cost, Cost]]:
    """Yield (ours, theirs) of each pair, after one that is not measured; who is first alternates.

    `server` is vLLM's first process; `their_server` where the other side has a vLLM of its own.
    """
    other_server = server if their_server is None else their_server
    for number in range(1 + pairs):
        if number % 2:
            other = cost(theirs, other_server)
            own = cost(ours, server)
        else:
            own = cost(ours, server)
            other = cost(theirs, other_server)
        if number:
            yield own, other


def cost(run: Callable[[], Awaitable[None]], server: int) -> Cost:
    """Return what one run takes, its event loop included."""

    async def whole() -> None:
        await run()

    own, other = time.process_time(), server_cpu_s(server)
    began = time.perf_counter()
    asyncio.run(whole())
    return Cost(
        time.perf_counter() - began, time.process_time() - own, server_cpu_s(server) - other
    )


def server_cpu_s(pid: int) -> float:
    """Return the processor seconds that `pid` and all its living descendants have used."""
    first = psutil.Process(pid)
    total = 0.0
    for process in (first, *first.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def ratio(pairs: Sequence[tuple[Cost, Cost]]) -> Ratio:
    """Return theirs over ours in seconds, over two pairs or more."""
    logs = [math.log(theirs.seconds / ours.seconds) for ours, theirs in pairs]
    middle = statistics.fmean(logs)
    half = (
        t_quantile((1 + LEVEL) / 2, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    )
    return Ratio(math.exp(middle), math.exp(middle - half), math.exp(middle + half), len(logs))


def table(count: int, pairs: Sequence[tuple[Cost, Cost]]) -> str:
    """Return every pair as a line: drafts/s of both sides, their ratio, and processor seconds."""
    lines = [
        "pair  vLLM alone  through radraft  ratio  |  processor s: client, vLLM  |  radraft, vLLM"
    ]
    for number, (ours, theirs) in enumerate(pairs, 1):
        lines.append(
            f"{number:4}  {count / theirs.seconds:6.3f} d/s  {count / ours.seconds:11.3f} d/s"
            f"  {theirs.seconds / ours.seconds:.3f}  |  {theirs.own_cpu_s:14.2f}"
            f"  {theirs.server_cpu_s:8.1f}  |  {ours.own_cpu_s:7.2f}  {ours.server_cpu_s:5.1f}"
        )
    return "\n".join(lines)


def load() -> float:
    """Return the machine's load: processes that ran or waited, mean of the last minute."""
    return os.getloadavg()[0]


def t_quantile(probability: float, degrees: int) -> float:
    """Return where Student's t with so many degrees of freedom has `probability` (above 0.5) below
    it. Found by bisection on the integrated density, to four digits."""
    scale = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2))
    scale /= math.sqrt(degrees * math.pi)

    def below(value: float) -> float:
        points = np.linspace(0.0, value, 20_001)
        density = scale * (1 + points**2 / degrees) ** (-(degrees + 1) / 2)
        return 0.5 + float(np.trapezoid(density, points))

    low, high = 0.0, 1.0
    while below(high) < probability:
        high *= 2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < probability else (low, middle)
    return (low + high) / 2
