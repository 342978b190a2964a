"""`make bench-department`: the worklist of a department with a million studies, over HTTP.

    python -m radraft.bench.department [--studies 1000000] [--database sqlite|postgresql|both]

Each database gets that many studies, written into its tables as taking them in would have left
them; the texts of reports are left out, but for a few hundred studies that are really drafted and
are opened, saved and signed. A server in a process of its own answers one reader who asks one
thing after another, and then many who each ask every so many seconds and whose pages ask by
themselves as often as the workstation's do. Who reads a study a minute opens, saves, searches and
signs about ten times in it: every 6 seconds. What is printed is in milliseconds, as the reader
waits for it. PostgreSQL is a cluster of its own that ends with the run; it does not wait for the
disk.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from radraft.bench.department_studies import (
    BODY_PARTS,
    DAYS,
    MODALITIES,
    NOW,
    SITES,
    fill,
    made_name,
    settle,
)
from radraft.core.settings import Settings
from radraft.store.database import open_store
from radraft.studies.values import Patient

# Only tests know how to run a PostgreSQL, to draft without a model and to sign somebody in.
from tests import postgres
from tests.ui import people, seed

EDITS = (
    ("双肺纹理增多，未见实变影。", "Lung markings are increased without consolidation."),
    ("双肺清晰。", "The lungs are clear."),
)
ORIGIN = "http://127.0.0.1"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--studies", type=int, default=1_000_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--times", type=int, default=40, help="of each thing, by one reader")
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=60, help="that the many readers ask")
    parser.add_argument(
        "--every",
        type=float,
        nargs="+",
        default=[1.0, 6.0],
        help="seconds between what a reader does, on average; each is measured",
    )
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to measure")
    parser.add_argument("--serve", type=Path, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve, asked.url)
        return
    for database in ("sqlite", "postgresql"):
        if asked.database in (database, "both"):
            with tempfile.TemporaryDirectory(dir=asked.folder) as folder, ExitStack() as stack:
                url = ""
                if database == "postgresql":
                    cluster = stack.enter_context(postgres.running_cluster())
                    cluster.create("department")
                    url = cluster.url("department")
                measure(database, Path(folder) / "data", url, asked)


def measure(database: str, folder: Path, url: str, asked: argparse.Namespace) -> None:
    """One database: fill it, serve it, ask it."""
    began = time.perf_counter()
    store = open_store(Settings(data_dir=folder, database_url=url))
    fill(store, asked.studies)
    choice = random.Random(11)
    drafted = [
        seed.add(store, 10_000_000 + number, patient=drafted_patient(choice, number))
        for number in range(asked.times + len(asked.every) * asked.readers * asked.seconds // 10)
    ]
    settle(store)
    secrets = [people.session_of(store, f"reader {number}") for number in range(asked.readers)]
    of_one_site = people.session_of(store, "reader of one site", site="site-1")
    store.close()
    print(
        f"\n{database}: {asked.studies:,} studies, filled in {time.perf_counter() - began:.0f} s; "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    with served(folder, url, asked.studies) as server:
        rest = server.memory()
        report(
            f"one reader, load {os.getloadavg()[0]:.1f}",
            asyncio.run(alone(server, secrets[0], of_one_site, drafted, asked.times)),
        )
        between = server.memory()
        left = drafted[asked.times :]
        share = len(left) // len(asked.every)
        for number, every in enumerate(asked.every):
            studies = left[number * share : (number + 1) * share]
            told = asyncio.run(together(server, secrets, studies, asked.seconds, every))
            answers = sum(map(len, told.took.values())) / asked.seconds
            report(
                f"{asked.readers} readers, each every {every:g} s, {asked.seconds} s, "
                f"{answers:.0f} answers a second, load {os.getloadavg()[0]:.1f}, server's memory "
                f"{server.memory():.0f} MiB",
                told,
            )
        print(
            f"server's memory: {rest:.0f} MiB at rest, {between:.0f} after one reader, "
            f"{server.memory():.0f} after all",
            flush=True,
        )


def drafted_patient(choice: random.Random, number: int) -> Patient:
    """Return somebody whose name and day of birth are as common as such are: earlier studies of the
    same patient are looked for among those who share them."""
    born = date(1930, 1, 1) + timedelta(days=choice.randrange(30_000))
    return Patient(f"DRAFTED-{number}", made_name(choice).value, born, choice.choice("FM"))


@dataclass
class Asked:
    """How long each kind of thing took, in milliseconds."""

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: Counter[str] = field(default_factory=Counter)


def report(who: str, asked: Asked) -> None:
    """Print the percentiles of each kind."""
    print(f"{who}:")
    for kind, times in asked.took.items():
        p50, p95 = np.percentile(times, (50, 95))
        print(f"  {kind:36} n {len(times):5}  p50 {p50:7.1f} ms  p95 {p95:7.1f} ms")
    refused = ", ".join(f"{kind} {count}" for kind, count in asked.refused.items())
    print(f"  refused or failed: {refused or 0}", flush=True)


class Reader:
    """A person at his page, and what he waits for."""

    def __init__(self, client: httpx.AsyncClient, secret: str, asked: Asked, seed_: int) -> None:
        self._client = client
        self._cookies = {"Cookie": f"radraft-session={secret}"}
        self._asked = asked
        self._random = random.Random(seed_)

    async def ask(self, kind: str, method: str, path: str, **more: Any) -> Any:
        """Ask and count how long it took until the whole answer was there."""
        began = time.perf_counter()
        answer = await self._client.request(method, path, headers=self._cookies, **more)
        self._asked.took[kind].append(1000 * (time.perf_counter() - began))
        if answer.status_code != 200:
            code = answer.json()["error"]["code"]
            self._asked.refused[f"{kind}: {code}"] += 1
            return {}
        return answer.json()

    async def page(self) -> None:
        """The first page, of all."""
        await self.ask("first page", "GET", "/api/worklist")

    async def counted(self) -> None:
        """A page and a count that nobody asked for before."""
        asked = {
            "modality": self._random.choice(list(MODALITIES)),
            "body_part": self._random.choice(list(BODY_PARTS)),
            "stage": self._random.choice(["all", "todo", "signed"]),
        }
        await self.ask("page by modality and part", "GET", "/api/worklist", params=asked)

    async def site(self) -> None:
        """The page of a small site."""
        name = f"site-{self._random.randrange(1, SITES)}"
        await self.ask("page of one site", "GET", "/api/worklist", params={"site": name})

    async def days(self) -> None:
        """A month of long ago."""
        first = NOW.date() - timedelta(days=self._random.randrange(60, DAYS))
        asked = {"since": first.isoformat(), "until": (first + timedelta(days=30)).isoformat()}
        await self.ask("page of a month", "GET", "/api/worklist", params=asked)

    async def deep(self) -> None:
        """The tenth page of what is signed."""
        after = ""
        for number in range(10):
            kind = "turning a page" if number else "page of signed ones"
            asked = {"stage": "signed", "after": after}
            answer = await self.ask(kind, "GET", "/api/worklist", params=asked)
            after = answer.get("next") or ""

    async def search(self, kind: str, text: str) -> None:
        """Something typed: its lines, and then how many there are, as the page asks."""
        for part, what in (("lines", kind), ("counts", f"count of {kind}")):
            body = {"search": text, "part": part}
            await self.ask(what, "POST", "/api/worklist/search", json=body)

    async def name(self) -> None:
        """A whole name."""
        await self.search("search by name", made_name(self._random).han)

    async def pinyin(self) -> None:
        """A whole name in pinyin."""
        await self.search("search by pinyin", made_name(self._random).roman.replace("^", " "))

    async def surname(self) -> None:
        """A surname that many have."""
        await self.search(
            "search by common surname", self._random.choice(["王", "zhang", "li", "陈"])
        )

    async def number(self, studies: int) -> None:
        """A patient's number."""
        await self.search("search by patient number", f"BENCH-{self._random.randrange(studies):07}")

    async def accession(self, studies: int) -> None:
        """An accession number."""
        await self.search("search by accession", f"ACC{self._random.randrange(studies):08}")

    async def day(self) -> None:
        """A day."""
        day = NOW.date() - timedelta(days=self._random.randrange(1, DAYS))
        await self.search("search by study date", day.isoformat())

    async def open(self, case_id: str) -> Any:
        """A study."""
        return await self.ask("open study", "GET", f"/api/cases/{case_id}")

    async def write(self, case_id: str, *, sign: bool) -> None:
        """Open a study, change a sentence, sign it."""
        view = await self.open(case_id)
        working = view["working"]
        sentence = working["report"]["findings"][0]
        sentence["zh"], sentence["en"] = self._random.choice(EDITS)
        body = {"base_revision": working["revision"], "report": working["report"]}
        saved = await self.ask("save", "PUT", f"/api/cases/{case_id}/report", json=body)
        if sign and saved:
            now = saved["working"]
            body = {
                "base_revision": now["revision"],
                "base_step": now["steps"],
                "images_seen": "elsewhere",
            }
            await self.ask("sign", "POST", f"/api/cases/{case_id}/sign", json=body)


async def alone(
    server: Server, secret: str, of_one_site: str, drafted: Sequence[str], times: int
) -> Asked:
    """One thing after another, by who sees every site and by who sees one."""
    asked = Asked()
    async with server.client() as client:
        reader = Reader(client, secret, asked, 1)
        other = Reader(client, of_one_site, asked, 3)
        warm = Reader(client, secret, Asked(), 2)
        await warm.page()
        # The first study that a server opens has it read its rules.
        await warm.open(drafted[0])
        for number in range(times):
            await reader.page()
            await other.ask("first page of one site's reader", "GET", "/api/worklist")
            await reader.counted()
            await reader.site()
            await reader.days()
            if number % 10 == 0:
                await reader.deep()
            await reader.name()
            await reader.pinyin()
            await reader.surname()
            await reader.number(server.studies)
            await reader.accession(server.studies)
            await reader.day()
            await reader.write(drafted[number], sign=True)
    return asked


async def together(
    server: Server, secrets: Sequence[str], drafted: Sequence[str], seconds: int, every: float
) -> Asked:
    """Many readers, each at a page that asks by itself too; `every`: seconds between what one of
    them does."""
    asked = Asked()
    left = iter(drafted)
    ends = time.monotonic() + seconds
    async with server.client() as client:

        async def polls(reader: Reader, kind: str, path: str, every: float) -> None:
            while time.monotonic() < ends:
                await reader.ask(kind, "GET", path)
                await asyncio.sleep(every)

        async def alive(reader: Reader, number: int) -> None:
            """The page's signs of life (`ui/assets/presence.js`)."""
            path = f"/api/cases/{drafted[number % len(drafted)]}/presence"
            body = {"page": f"{number:016x}", "known": ""}
            while time.monotonic() < ends:
                answer = await reader.ask("sign of life", "POST", path, json=body)
                body["known"] = answer.get("tag", "")
                await asyncio.sleep(1.25)

        async def works(reader: Reader, number: int) -> None:
            choice = random.Random(number)
            while time.monotonic() < ends:
                await asyncio.sleep(every * choice.uniform(0.5, 1.5))
                match choice.randrange(12):
                    case 0 | 1:
                        await reader.page()
                    case 2:
                        await reader.counted()
                    case 3:
                        await reader.site()
                    case 4:
                        await reader.days()
                    case 5:
                        await reader.name()
                    case 6:
                        await reader.pinyin()
                    case 7:
                        await reader.surname()
                    case 8:
                        await reader.number(server.studies)
                    case 9:
                        await reader.accession(server.studies)
                    case 10:
                        await reader.day()
                    case _:
                        case_id = next(left, None)
                        if case_id is not None:
                            await reader.write(case_id, sign=True)

        readers = [Reader(client, secret, asked, n) for n, secret in enumerate(secrets)]
        await asyncio.gather(
            *(works(reader, number) for number, reader in enumerate(readers)),
            *(polls(reader, "the page's own poll", "/api/worklist", 3.0) for reader in readers),
            *(polls(reader, "status poll", "/api/status", 4.0) for reader in readers),
            *(alive(reader, number) for number, reader in enumerate(readers)),
        )
    return asked


class Server:
    """The workstation's routes in a process of their own."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, studies: int) -> None:
        self.pid = process.pid
        self._process = psutil.Process(process.pid)
        self._port = port
        self.studies = studies

    def client(self) -> httpx.AsyncClient:
        """Who asks it."""
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=200)
        url = f"{ORIGIN}:{self._port}"
        return httpx.AsyncClient(
            base_url=url, headers={"Origin": url}, limits=limits, timeout=120, trust_env=False
        )

    def memory(self) -> float:
        """Its memory now, in MiB."""
        size: int = self._process.memory_info().rss
        return size / 2**20


@contextmanager
def served(folder: Path, url: str, studies: int) -> Iterator[Server]:
    """Start the server, end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "radraft.bench.department", "--serve", str(folder)]
    command += ["--url", url]
    process = subprocess.Popen(command, env=os.environ | {"RADRAFT_PORT": str(port)})
    try:
        with httpx.Client(base_url=f"{ORIGIN}:{port}", trust_env=False) as client:
            for _ in range(600):
                try:
                    client.get("/api/session")
                    break
                except httpx.TransportError:
                    if process.poll() is not None:
                        raise SystemExit("the server ended") from None
                    time.sleep(0.1)
        yield Server(process, port, studies)
    finally:
        process.terminate()
        process.wait(timeout=60)


def serve(folder: Path, url: str) -> None:
    """Serve the routes that the page lives on, without a model."""
    import uvicorn

    from radraft.llm.profiles import load_profile
    from radraft.pipeline.service import Service
    from radraft.ui.access import application
    from radraft.ui.mount import add_routes

    settings = Settings(data_dir=folder, database_url=url)
    service = Service(open_store(settings), settings, load_profile("starter"))
    app = application(service)
    add_routes(app, service)
    port = int(os.environ["RADRAFT_PORT"])
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=300,
    )


if __name__ == "__main__":
    main()
