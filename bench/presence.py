"""Who is on a study: what it costs with many pages open, and how soon another server shows it.

    python -m radraft.bench.presence [--readers 50] [--seconds 60] [--openings 40]

Two servers on one database. Every page says that it is alive as often as the workstation's does.
What is printed: requests a second, how long they took, the servers' share of a core, and what the
database wrote; then, from the answer to an opening at one server, the time until a page that polls
the other has it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np
import psutil
from sqlalchemy import text

from radraft.bench.department import Asked, Reader, Server, report, served
from radraft.core.settings import Settings
from radraft.store.database import Store, open_store

# Only tests know how to run a PostgreSQL, to draft without a model and to sign somebody in.
from tests import postgres
from tests.ui import people, seed

EVERY_S = 1.25
"""Between two signs of life of a page (`ui/assets/presence.js`)."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--openings", type=int, default=40)
    asked = parser.parse_args()
    for database in ("sqlite", "postgresql"):
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            url = ""
            if database == "postgresql":
                cluster = stack.enter_context(postgres.running_cluster())
                cluster.create("presence")
                url = cluster.url("presence")
            measure(database, Path(folder) / "data", url, asked)


def measure(database: str, folder: Path, url: str, asked: argparse.Namespace) -> None:
    """One database, two servers."""
    store = open_store(Settings(data_dir=folder, database_url=url))
    cases = [seed.add(store, number) for number in range(asked.readers)]
    secrets = [people.session_of(store, f"reader {number}") for number in range(asked.readers)]
    load = os.getloadavg()[0]
    print(f"\n{database}, {os.cpu_count()} cores, load {load:.1f} at the start", flush=True)
    with served(folder, url, asked.readers) as here, served(folder, url, asked.readers) as there:
        began, wrote = cpu_seconds(here, there), written(store, here, there)
        told = asyncio.run(alive((here, there), secrets, cases, asked.seconds))
        spent = cpu_seconds(here, there) - began
        count = sum(map(len, told.took.values()))
        report(f"{asked.readers} pages, {asked.seconds} s, load {os.getloadavg()[0]:.1f}", told)
        print(f"  {count / asked.seconds:.1f} requests a second of both servers together,", end=" ")
        print(f"{spent / asked.seconds:.2f} cores; {1000 * spent / count:.1f} ms of a core each")
        after = written(store, here, there)
        for name, before in wrote.items():
            print(f"  {name}: {(after[name] - before) / asked.seconds:.2f} a second")
        shown = asyncio.run(showing(here, there, secrets, cases, asked.openings))
        p50, p95 = np.percentile(shown, (50, 95))
        print(
            f"  shown by the other server after p50 {p50:.2f} s, p95 {p95:.2f} s, "
            f"longest {max(shown):.2f} s (n {len(shown)})",
            flush=True,
        )
    store.close()


def cpu_seconds(*servers: Server) -> float:
    """Return the processor time that servers have had."""
    spent = (psutil.Process(server.pid).cpu_times() for server in servers)
    return sum(times.user + times.system for times in spent)


def written(store: Store, *servers: Server) -> dict[str, float]:
    """Return what was written up to now: by PostgreSQL's own count, or in KiB on SQLite."""
    if store.engine.dialect.name != "postgresql":
        files = (psutil.Process(server.pid).io_counters() for server in servers)
        return {"KiB written": sum(counted.write_bytes for counted in files) / 1024}
    with store.begin() as session:
        counted = session.execute(
            text(
                "SELECT xact_commit, tup_inserted + tup_updated + tup_deleted "
                "FROM pg_stat_database WHERE datname = current_database()"
            )
        ).one()
    return {"transactions, of reading too": counted[0], "rows written": counted[1]}


async def alive(
    servers: Sequence[Server], secrets: Sequence[str], cases: Sequence[str], seconds: int
) -> Asked:
    """Pages that do nothing but say that they are alive."""
    asked = Asked()
    ends = time.monotonic() + seconds

    async def page(client: httpx.AsyncClient, number: int) -> None:
        reader = Reader(client, secrets[number], asked, number)
        await asyncio.sleep(random.Random(number).uniform(0, EVERY_S))
        known = ""
        while time.monotonic() < ends:
            due = time.monotonic() + EVERY_S
            body = {"page": f"{number:016x}", "known": known}
            path = f"/api/cases/{cases[number]}/presence"
            known = (await reader.ask("sign of life", "POST", path, json=body)).get("tag", "")
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async with servers[0].client() as first, servers[1].client() as second:
        pages = (page((first, second)[number % 2], number) for number in range(len(secrets)))
        await asyncio.gather(*pages)
    return asked


async def showing(
    here: Server, there: Server, secrets: Sequence[str], cases: Sequence[str], openings: int
) -> list[float]:
    """Return the seconds from the answer to an opening until another server's page has it."""
    chance = random.Random(17)
    found = []
    async with here.client() as first, there.client() as second:
        opener = Reader(first, secrets[0], Asked(), 0)
        watcher = Reader(second, secrets[1], Asked(), 1)
        for number in range(openings):
            case_id = cases[2 + number % (len(cases) - 2)]
            # A page polls whenever it does.
            due = time.monotonic() + chance.uniform(0, EVERY_S)
            body = {"page": f"{number:015x}f"}
            await opener.ask("open", "POST", f"/api/cases/{case_id}/presence", json=body)
            opened = time.monotonic()
            shown = False
            while not shown:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                due = time.monotonic() + EVERY_S
                listed = await watcher.ask("list", "GET", "/api/presence")
                people_on = listed["cases"].get(case_id, [])
                shown = any(person["name"] == "reader 0" for person in people_on)
            found.append(time.monotonic() - opened)
            await opener.ask("leave", "POST", f"/api/cases/{case_id}/presence/leave", json=body)
    return found


if __name__ == "__main__":
    main()
