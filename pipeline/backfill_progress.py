"""How far a backfill is, and when it will end by what was settled within the last minutes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from radraft.store import backfills
from radraft.store.backfills import Backfill, BackfillState, BackfillWorker, Count, Doing, Pace

if TYPE_CHECKING:
    from radraft.store.database import Store

WITHIN = timedelta(minutes=5)
"""What the rate is measured over."""
LEAST_SETTLED = 20
LEAST_SPAN = timedelta(seconds=20)
"""Of less no rate is told."""
STALE = timedelta(minutes=1)
"""After so long without a study settled the rate is not known any more."""


@dataclass(frozen=True)
class Progress:
    """How far a backfill is."""

    backfill: Backfill
    count: Count
    workers: tuple[BackfillWorker, ...]
    per_minute: float | None
    """Studies settled a minute, over the last minutes; None where it is not known."""
    ends_at: datetime | None
    """None where it is not known."""


def of(store: Store, number: int) -> Progress:
    """Return how far a backfill is. NotFound `backfill_not_found`."""
    with store.read() as session:
        backfill = backfills.get(session, number)
        count = backfills.count(session, number)
        working = backfills.workers(session, number)
        pace = backfills.pace(session, number, WITHIN)
    rate = per_minute(pace)
    ends = rate is not None and backfill.state is BackfillState.RUNNING and backfill.listed
    if any(worker.doing in {Doing.LLM, Doing.DATABASE} for worker in working) or not working:
        # What was done before says nothing of when it goes on.
        ends = False
    ends_at = pace.now + timedelta(minutes=count.left / rate) if ends and rate else None
    return Progress(backfill, count, working, rate, ends_at)


def per_minute(pace: Pace) -> float | None:
    """Return studies a minute; None where too few were settled, in too short a time, or the last
    too long ago."""
    if pace.settled < LEAST_SETTLED or pace.first is None or pace.last is None:
        return None
    span = pace.now - pace.first
    if span < LEAST_SPAN or pace.now - pace.last > STALE:
        return None
    return (pace.settled - 1) / (span / timedelta(minutes=1))
