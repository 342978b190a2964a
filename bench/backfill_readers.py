"""What a backfill costs readers: p95 of the worklist and of a study's page, with and without.

A real `radraft serve` without a worker on PostgreSQL, readers who ask one page after the other with
a pause between, and a real `radraft backfill go` that drafts past studies at its rate; the model is
a stub at the wire. Both sides are measured in turns; the ratio and its interval come from the
pairs.

    python -m radraft.bench.backfill_readers --rounds 6 --seconds 20 --rate 60
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from sqlalchemy import func, select

from radraft.bench import stub_vllm
from radraft.bench.turns import Cost, ratio
from radraft.core.settings import Settings
from radraft.store.database import Store, open_store
from radraft.store.tables import DraftRow

# Only tests know how to run a PostgreSQL, to draft without a model and to sign somebody in.
from tests import postgres, waiting
from tests.backfill_studies import add_past, asked as ask_for
from tests.processes import Program, answers, free_port, until
from tests.ui import people, seed

GOAL = 1.3
DRAFT_S = 2.0
PAUSE_S = 0.2
"""Between two pages of a reader."""


@dataclass(frozen=True)
class Site:
    """A site with a server, readers, and a backfill that can be worked on."""

    store: Store
    server: Program
    backfill: Program
    secrets: Sequence[str]
    case_ids: Sequence[str]


def main() -> None:
    """Print each turn, and both pages' ratio of p95 with its interval."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=20.0, help="of reading in a turn")
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--studies", type=int, default=200, help="on the worklist")
    parser.add_argument("--rate", type=float, default=60.0, help="studies a minute")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        site = stack.enter_context(_site(Path(folder), asked))
        print(
            f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {asked.readers} readers, "
            f"{asked.studies} studies, at most {asked.rate:g} drafts a minute"
        )
        _read(site, asked.seconds / 2)
        pairs: dict[str, list[tuple[Cost, Cost]]] = {"worklist": [], "study page": []}
        for number in range(asked.rounds):
            with_it, without = _round(site, asked.seconds, first=number % 2 == 0)
            for page, found in pairs.items():
                found.append((Cost(without[page], 0, 0), Cost(with_it[page], 0, 0)))
        for page, found in pairs.items():
            known = ratio(found)
            reached = "reached" if known.high <= GOAL else "not shown"
            print(f"{page}: p95 with to without {known}; goal at most {GOAL}: {reached}")
        print(f"load {os.getloadavg()[0]:.1f} at the end")


def _round(site: Site, seconds: float, *, first: bool) -> tuple[dict[str, float], dict[str, float]]:
    """Return the p95 of both pages with a backfill and without."""
    without = {} if first else _turn(site, seconds, working=False)
    with_it = _turn(site, seconds, working=True)
    return with_it, without or _turn(site, seconds, working=False)


def _turn(site: Site, seconds: float, *, working: bool) -> dict[str, float]:
    before = drafted(site.store)
    if working:
        site.backfill.start()
        # From its first draft on: a process that starts is not what is measured.
        until(lambda: drafted(site.store) > before, alive=lambda: site.backfill.is_alive)
    began, first = time.perf_counter(), drafted(site.store)
    took = _read(site, seconds)
    rate = (drafted(site.store) - first) / (time.perf_counter() - began) * 60
    if working:
        site.backfill.end()
    found = {page: float(np.percentile(times, 95)) for page, times in took.items()}
    shown = ", ".join(
        f"{page} p50 {np.median(times):.0f} p95 {found[page]:.0f} ms (n {len(times)})"
        for page, times in took.items()
    )
    name = "with   " if working else "without"
    print(f"{name}: {shown}; {rate:.0f} drafts a minute", flush=True)
    return found


def _read(site: Site, seconds: float) -> dict[str, list[float]]:
    """Have all readers read for so long; milliseconds of each page."""
    return asyncio.run(_reading(site, seconds))


async def _reading(site: Site, seconds: float) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {"worklist": [], "study page": []}
    ends = time.monotonic() + seconds

    async def reader(client: httpx.AsyncClient, number: int) -> None:
        chance = random.Random(number)
        cookies = {"Cookie": f"radraft-session={site.secrets[number]}"}
        while time.monotonic() < ends:
            case_id = chance.choice(site.case_ids)
            for page, path in (
                ("worklist", "/api/worklist"),
                ("study page", f"/api/cases/{case_id}"),
            ):
                began = time.perf_counter()
                answer = await client.get(path, headers=cookies)
                took[page].append(1000 * (time.perf_counter() - began))
                answer.raise_for_status()
                await asyncio.sleep(chance.uniform(0, 2 * PAUSE_S))

    async with httpx.AsyncClient(base_url=site.server.url, timeout=600, trust_env=False) as client:
        await asyncio.gather(*(reader(client, number) for number in range(len(site.secrets))))
    return took


@contextmanager
def _site(folder: Path, asked: argparse.Namespace) -> Iterator[Site]:
    with ExitStack() as stack:
        cluster = stack.enter_context(postgres.running_cluster())
        cluster.create("readers")
        settings = Settings(
            data_dir=folder / "data",
            database_url=cluster.url("readers"),
            objects_url=f"file://{folder / 'objects'}",
        )
        store = open_store(settings)
        stack.callback(store.close)
        case_ids = [seed.add(store, number) for number in range(asked.studies)]
        enough = int(asked.rounds * (asked.seconds + 30) * asked.rate / 60) + 100
        add_past(store, range(100_000, 100_000 + enough))
        secrets = [people.session_of(store, f"reader {number}") for number in range(asked.readers)]
        number = ask_for(store, rate=asked.rate)
        model = stack.enter_context(stub_vllm.serving(DRAFT_S))
        shared = {"database_url": settings.database_url, "objects_url": settings.objects_url}
        server = Program(
            waiting.machine(settings, folder, "server"),
            ("serve", "--no-worker"),
            {**shared, "port": str(free_port())},
        )
        backfill = Program(
            waiting.machine(settings, folder, "backfill"),
            ("backfill", "go", str(number)),
            {**shared, "llm_url": model.url},
        )
        for program in (server, backfill):
            stack.callback(program.kill)
        server.start()
        until(lambda: answers(f"{server.url}/health/live"), alive=lambda: server.is_alive)
        yield Site(store, server, backfill, secrets, case_ids)


def drafted(store: Store) -> int:
    """Return how many drafts there are."""
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(DraftRow)) or 0


if __name__ == "__main__":
    main()
