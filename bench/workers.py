"""Drafts a second with one, two and three draft workers on one PostgreSQL.

Real processes (`radraft worker`) draft made-up films; the model is a stub at the wire that
takes `--seconds` for a draft, one for each worker, as each has its own vLLM. Configurations are
measured in turns; the ratio to one worker and its interval come from the turns' pairs.

    python -m radraft.bench.workers --studies 400 --rounds 4
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from radraft.bench import stub_vllm
from radraft.bench.turns import Cost, Ratio, ratio
from radraft.core.settings import Settings
from radraft.llm.link import LlmState
from radraft.store import cases, workers
from radraft.store.cases import CaseState
from radraft.store.database import Store, open_store
from tests import postgres, waiting
from tests.processes import Program

COUNTS = (1, 2, 3)
WARM_UP = 16
"""Studies a worker that are drafted before the clock starts: a process reads words and rules at its
first draft."""
LOOK_S = 0.05


@dataclass(frozen=True)
class Turn:
    """What one configuration did once."""

    workers: int
    drafts: int
    seconds: float

    @property
    def drafts_per_s(self) -> float:
        """Drafts a second."""
        return self.drafts / self.seconds


def main() -> None:
    """Print each turn, each configuration's median, and ratios to one worker."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--studies", type=int, default=400, help="drafted in one turn")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=2.0, help="that the stub takes a draft")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, postgres.running_cluster() as cluster:
        cluster.create("workers")
        turns = measured(
            Path(folder), cluster.url("workers"), asked.studies, asked.rounds, asked.seconds
        )
    print(f"{os.cpu_count()} cores; a draft takes the stub {asked.seconds} s, 16 at once each")
    for count in COUNTS:
        own = [turn.drafts_per_s for turn in turns if turn.workers == count]
        shown = ", ".join(f"{each:.1f}" for each in own)
        print(f"{count} workers: median {statistics.median(own):.1f} drafts/s ({shown})")
    for count in COUNTS[1:]:
        print(f"{count} workers to one: {against_one(turns, count)}")


def against_one(turns: Sequence[Turn], count: int) -> Ratio:
    """Return how many times as much `count` workers do as one, over the rounds."""
    ones, many = (
        [Cost(turn.seconds, 0.0, 0.0) for turn in turns if turn.workers == number]
        for number in (count, 1)
    )
    return ratio(list(zip(ones, many, strict=True)))


def measured(folder: Path, url: str, studies: int, rounds: int, seconds: float) -> list[Turn]:
    """Measure each configuration once a round; the rounds begin with another one each time."""
    settings = Settings(
        data_dir=folder / "data", database_url=url, objects_url=f"file://{folder / 'objects'}"
    )
    store = open_store(settings)
    try:
        case_ids = waiting.add_waiting(store, range(1, studies + 1))
        found = []
        for number in range(rounds):
            first = number % len(COUNTS)
            for count in COUNTS[first:] + COUNTS[:first]:
                turn = _turn(store, case_ids, settings, folder, count, seconds)
                print(f"{turn.workers} workers: {turn.drafts_per_s:.1f} drafts/s", flush=True)
                found.append(turn)
        return found
    finally:
        store.close()


def _turn(
    store: Store,
    case_ids: Sequence[str],
    settings: Settings,
    folder: Path,
    count: int,
    seconds: float,
) -> Turn:
    with ExitStack() as stack:
        programs = []
        for number in range(count):
            model = stack.enter_context(stub_vllm.serving(seconds))
            data = folder / f"worker-{number}"
            if not data.exists():
                waiting.machine(settings, folder, data.name)
            shared = {"database_url": settings.database_url, "objects_url": settings.objects_url}
            program = Program(data, ("worker",), {**shared, "llm_url": model.url})
            stack.callback(program.kill)
            program.start()
            programs.append(program)
        while _ready(store) < count:
            time.sleep(LOOK_S)
        _drafted(store, case_ids[: WARM_UP * count])
        began = time.perf_counter()
        _drafted(store, case_ids)
        took = time.perf_counter() - began
        for program in programs:
            program.end()
    return Turn(count, len(case_ids), took)


def _ready(store: Store) -> int:
    with store.read() as session:
        return sum(worker.sign.llm == LlmState.READY for worker in workers.living(session))


def _drafted(store: Store, case_ids: Sequence[str]) -> None:
    """Have these studies drafted, and wait until they are."""
    with store.begin() as session:
        for case_id in case_ids:
            cases.requeue(session, case_id)
    while True:
        with store.read() as session:
            left = cases.state_counts(session, CaseState.RECEIVED, CaseState.DRAFTING)
        if not sum(left.values()):
            return
        time.sleep(LOOK_S)


if __name__ == "__main__":
    main()
