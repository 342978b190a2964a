"""How long an image takes from its arrival to its verdict, on this machine.

    python -m radraft.bench.arrivals [--films 60] [--slices 300]

Sends made-up films of 2048 x 2048 pixels one after another over C-STORE into our listener, with the
judge beside it as `radraft serve` has it (with the encoder where torch is installed), then the same
while a CT of so many slices comes in on another association. The time is the store's own: from
`received_at` to `judged_at`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from radraft.core.settings import Settings
from radraft.exchange.dimse import Listener
from radraft.pipeline.encoders import extractor_loader
from radraft.pipeline.image_judge import ImageJudge
from radraft.pipeline.inbox import Inbox
from radraft.store.database import Store, open_store
from radraft.store.tables import ArrivalRow, ImageVerdictRow
from radraft.studies.quality.judged_by import JudgedBy

# Only tests make up films, and send them.
from tests.exchange.builders import listening, send
from tests.pipeline import films

GOAL_S = 5.0
LOOK_S = 0.5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--films", type=int, default=60)
    parser.add_argument("--slices", type=int, default=300)
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f} before the start")
    with tempfile.TemporaryDirectory() as folder, judging(Path(folder)) as (store, listener):
        send(listener.port, films.good(1, study=9000, side=2048))
        wait_for_all(store)
        print("the first film after the start:", *map(shown, seconds(store)))
        send_films(listener.port, asked.films, 1)
        wait_for_all(store)
        report("films alone", seconds(store, "CR")[1:])
        by_heads(store)
        before = len(seconds(store, "CR"))
        scan = threading.Thread(target=films.send_slices, args=(listener.port, asked.slices))
        scan.start()
        send_films(listener.port, asked.films, 2)
        scan.join()
        wait_for_all(store)
        report("films while a CT comes", seconds(store, "CR")[before:])
        by_heads(store)
        report("slices of that CT", seconds(store, "CT"))


@contextmanager
def judging(folder: Path) -> Iterator[tuple[Store, Listener]]:
    """A receiver with its judge, on an empty store."""
    store = open_store(Settings(data_dir=folder))
    inbox = Inbox(folder, store)
    judge = ImageJudge(store, inbox, folder / "scratch", extractor_loader(store))
    judge.start()
    try:
        with listening(inbox) as listener:
            yield store, listener
    finally:
        judge.stop()
        judge.join()
        inbox.close()
        store.close()


def send_films(port: int, count: int, part: int) -> None:
    """Send films of 2048 x 2048 pixels, each of a study of its own."""
    for number in range(count):
        send(port, films.good(number, study=part * 1000 + number, side=2048))


def wait_for_all(store: Store) -> None:
    """Return once nothing waits for its verdict."""
    while True:
        with store.read() as session:
            arrived = session.scalar(select(func.count()).select_from(ArrivalRow))
            judged = session.scalar(select(func.count(ImageVerdictRow.judged_at)))
        if arrived == judged:
            return
        threading.Event().wait(LOOK_S)


def seconds(store: Store, modality: str = "CR") -> list[float]:
    """Seconds from arrival to verdict, in the order of arrival."""
    with store.read() as session:
        rows = session.execute(
            select(ArrivalRow.received_at, ImageVerdictRow.judged_at)
            .join(ImageVerdictRow, ImageVerdictRow.arrival_id == ArrivalRow.arrival_id)
            .where(ImageVerdictRow.modality == modality)
            .order_by(ArrivalRow.arrival_id)
        )
        return [(judged - received) / timedelta(seconds=1) for received, judged in rows if judged]


def by_heads(store: Store) -> None:
    """Print of how many films so far the heads saw the content."""
    with store.read() as session:
        found = session.scalars(
            select(ImageVerdictRow.judged_by).where(ImageVerdictRow.modality == "CR")
        ).all()
    print(f"  of {len(found)} films so far the heads looked at {found.count(JudgedBy.CONTENT)}")


def report(what: str, times: list[float]) -> None:
    """Print the median, the 95th percentile, the most and the share within the goal."""
    ordered = sorted(times)
    late = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    within = sum(time <= GOAL_S for time in ordered)
    print(
        f"{what}: n {len(ordered)}, median {shown(statistics.median(ordered))}, "
        f"95% {shown(late)}, most {shown(ordered[-1])}, within {GOAL_S:.0f} s {within}"
    )


def shown(time: float) -> str:
    """Return seconds for a person."""
    return f"{time:.2f} s"


if __name__ == "__main__":
    main()
