"""What an archive costs a row: thousands of real films through import, set and embeddings.

Films of the data folder become past studies of two made-up sites with reports that say what each
film's labels say (`bench/archive_studies.py`). Each site then goes its way by the commands of
`docs/training.md`, both sites at once in processes of their own on one store: `archive import`,
`archive export`, `train embed`. While they run, rows, processor time and memory are read from
outside. Prints each figure with its 95% interval over blocks of rows (Student's t), whether it
grows with the rows that are there already (least squares over the blocks), and what 100,000 rows
would take. Killed and run again it goes on, as the commands do.

    .venv/bin/python -m radraft.bench.archive_rows --data ../shared/data --count 5000 \\
        --folder FOLDER
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import psutil

from radraft.bench import archive_studies
from radraft.bench.archive_set import MANY
from radraft.bench.turns import LEVEL, t_quantile
from radraft.core.settings import load as load_settings
from radraft.finetune.train.embedding import BATCH, DONE
from radraft.store import site_secret as secrets

SECRET = hashlib.sha256(b"archive rows, invented people").digest()
ADULTS = 0.2
"""Share of the films: of 5,000 the data folder has no more adults'."""
BETWEEN_S = 2.0
"""Seconds from one look to the next."""
STUDIES = "SELECT count(*) FROM cases WHERE site = ?"
REPORTS = "SELECT count(*) FROM archived_reports JOIN cases USING (case_id) WHERE cases.site = ?"


@dataclass(frozen=True)
class Look:
    """What a command has done and used at one moment, of all its runs together."""

    rows: Mapping[str, int]
    """Counter -> how many rows are done."""
    seconds: float
    processor: float
    memory: float
    """MiB resident now, its children counted."""
    bytes: int | None = None
    """On the disk in the whole store, where it was looked at."""


@dataclass(frozen=True)
class Block:
    """Rows that followed each other in one command."""

    rows: int
    before: int
    """Rows that were done before."""
    seconds: float
    processor: float
    memory: float
    """Most MiB of its looks."""


@dataclass(frozen=True)
class Mean:
    """A mean over blocks with its interval."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.1f} ({self.low:.1f} to {self.high:.1f})"


def main() -> None:
    """Run what is left, and print the figures."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--data", type=Path, default=Path("../shared/data"))
    options.add_argument("--count", type=int, default=5000)
    options.add_argument("--block", type=int, default=500)
    options.add_argument("--folder", type=Path, required=True)
    options.add_argument("--profile", default="starter2")
    given = options.parse_args()
    way = Way(given.folder.resolve(), given.data, given.profile, given.block)
    way.write(given.count)
    way.take_in()
    way.embed()


class Way:
    """The commands of both sites over one folder."""

    def __init__(self, folder: Path, data: Path, profile: str, block: int) -> None:
        self.folder, self.data, self.profile, self.block = folder, data, profile, block
        self.each = 0

    def write(self, count: int) -> None:
        """Make the studies of both sites, and a store that holds out whom they say."""
        store, done = self.folder / "data", self.folder / "films.json"
        store.mkdir(parents=True, exist_ok=True, mode=0o700)
        if secrets.read(store) is None:
            secrets.propose(store, SECRET)
        if not done.exists():
            films = archive_studies.plan(self.data, count, 0, adults=ADULTS)
            archive_studies.write(films, self.data, SECRET, self.folder)
            pictures = len({film.film.picture for film in films})
            patients = len({(film.film.group, film.film.patient) for film in films})
            told = {"films": len(films), "pictures": pictures, "patients": patients}
            done.write_text(json.dumps(told), "utf-8")
        told = json.loads(done.read_text("utf-8"))
        self.each = told["films"] // len(archive_studies.SITES)
        say(f"{told['films']} studies of {told['pictures']} pictures and {told['patients']} "
            "patients written")  # fmt: skip

    def take_in(self) -> None:
        """Import the studies and reports of both sites."""

        def command(site: str) -> Sequence[str | Path]:
            own = self.folder / site
            source = own / "past.csv", "--mapping", own / "mapping.yaml", "--dicom", own / "dicom"
            return "archive", "import", *source, "--site", site

        def rows(site: str) -> Mapping[str, int]:
            return {
                "studies": counted(store, STUDIES, site),
                "reports": counted(store, REPORTS, site),
                "all": counted(store, "SELECT count(*) FROM cases"),
            }

        store = self.folder / "data"

        looks = self._both("import", command, rows, fine=(0, 3))
        for counter in ("studies", "reports"):
            self._tell(f"import of {counter}", counter, looks)
        self._tell_disk(looks)

    def embed(self) -> None:
        """Write the sets of both sites and embed their pictures."""

        def export(site: str) -> Sequence[str | Path]:
            kinds = "--kinds", "image", "--pixels", "--most-same", "0", "--profile", self.profile
            return "archive", "export", self.folder / site / "set.jsonl", *kinds, "--site", site

        def embed(site: str) -> Sequence[str | Path]:
            own = self.folder / site
            paths = "--pairs", own / "set.jsonl", "--out", own / "embedded"
            return "train", "embed", *paths, "--profile", self.profile

        exported = self._both("export", export, lambda site: {"rows": 0})
        for site, looks in exported.items():
            last, size = looks[-1], (self.folder / site / "set.jsonl").stat().st_size
            say(f"set of {site}: {1000 * last.processor / self.each:.1f} ms of the processor a row "
                f"of {self.each}, its start counted in; most {_most(looks):.0f} MiB; "
                f"{size / 1e6:.1f} MB")  # fmt: skip
        embedded = self._both("embed", embed, lambda site: {"images": self._embedded(site)})
        self._tell("embedding", "images", embedded)

    def _both(
        self,
        name: str,
        command: Callable[[str], Sequence[str | Path]],
        rows: Callable[[str], Mapping[str, int]],
        fine: Sequence[int] = (0,),
    ) -> dict[str, list[Look]]:
        """Run a command for both sites at once, where it was not, and return what was seen."""
        runs = [
            Run(self.folder, f"{name}-{site}", command(site), partial(rows, site))
            for site in archive_studies.SITES
        ]
        threads = [threading.Thread(target=run.finish, args=(fine, self.block)) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not all(run.done for run in runs):
            raise SystemExit(f"{name} did not end well: look into {self.folder}")
        return {site: run.looks() for site, run in zip(archive_studies.SITES, runs, strict=True)}

    def _embedded(self, site: str) -> int:
        folder = self.folder / site / "embedded"
        with suppress(FileNotFoundError):
            return (folder / DONE).read_bytes().count(1) * BATCH
        return (
            len(json.loads((folder / "images.json").read_text("utf-8"))) if folder.exists() else 0
        )

    def _tell(self, name: str, counter: str, looks: Mapping[str, Sequence[Look]]) -> None:
        """Print what a stage cost a row."""
        found = [block for some in looks.values() for block in blocks(some, counter, self.block)]
        processor = [1000 * block.processor / block.rows for block in found]
        seconds = [1000 * block.seconds / block.rows for block in found]
        beside = len(looks)
        say(f"{name}: {sum(block.rows for block in found)} rows in {len(found)} blocks, "
            f"{beside} processes at once")  # fmt: skip
        say("  each: " + ", ".join(f"{value:.0f}" for value in processor) + " ms of the processor")
        if len(found) < 3:
            return
        cost, wall = mean(processor), mean([1000 * beside / each for each in seconds])
        say(f"  {cost} ms of the processor a row; {wall} rows a second, all processes together")
        growth = slope([block.before / 1000 for block in found], processor)
        say(f"  for each 1,000 rows of the site that are there already {growth} ms more a row")
        for site, some in looks.items():
            own = blocks(some, counter, self.block)
            say(f"  most MiB of {site}, by block: {[round(block.memory) for block in own]}")
        hours = [value * MANY / 1000 / 3600 for value in (cost.middle, cost.low, cost.high)]
        say(f"  extrapolated, not measured: {MANY} rows, {Mean(*hours)} h of one core")

    def _tell_disk(self, looks: Mapping[str, Sequence[Look]]) -> None:
        """Print what the store has on the disk for each row, by what both sites have together."""
        some = [look for own in looks.values() for look in own if look.bytes is not None]
        points = sorted((look.rows["all"], look.bytes or 0) for look in some)
        steps = [
            (later[1] - earlier[1]) / (later[0] - earlier[0]) / 1e6
            for earlier, later in pairwise(points)
            if later[0] - earlier[0] >= self.block // 4
        ]
        if len(steps) < 3:
            return
        each = mean([1000 * step for step in steps])
        say(f"disk: {each} kB a row over {len(steps)} blocks; extrapolated, not measured: "
            f"{MANY} rows, {Mean(*(v * MANY / 1e6 for v in (each.middle, each.low, each.high)))} "
            "GB")  # fmt: skip


class Run:
    """A command, run until it has ended well once, and what was seen of all its runs."""

    def __init__(
        self,
        folder: Path,
        name: str,
        command: Sequence[str | Path],
        rows: Callable[[], Mapping[str, int]],
    ) -> None:
        self._folder, self._command, self._rows = folder, command, rows
        self._file, self._end = folder / f"{name}.looks.jsonl", folder / f"{name}.json"

    @property
    def done(self) -> bool:
        """Whether it has ended well."""
        return self._end.exists()

    def looks(self) -> list[Look]:
        """Return what was seen, in order."""
        if not self._file.exists():
            return []
        lines = self._file.read_text("utf-8").splitlines()
        return [Look(**json.loads(line)) for line in lines]

    def finish(self, fine: Sequence[int], block: int) -> None:
        """Run it, unless it has ended well before."""
        if self.done:
            return
        earlier = self.looks()
        before = earlier[-1] if earlier else Look(self._rows(), 0.0, 0.0, 0.0)
        environment = {
            **os.environ,
            "RADRAFT_DATA_DIR": str(self._folder / "data"),
            "RADRAFT_CACHE_DIR": str(load_settings().cache_dir),
        }
        said = self._end.with_suffix(".part")
        with said.open("wb") as out, self._file.open("a", encoding="utf-8") as file:
            child = psutil.Popen(
                [sys.executable, "-c", "from radraft.cli import main; main()"]
                + [str(part) for part in (*self._command, "--json")],
                stdout=out,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
            for look in self._watched(child, before, block):
                file.write(json.dumps(asdict(look)) + "\n")
                file.flush()
        if child.returncode in fine:
            said.rename(self._end)

    def _watched(self, child: psutil.Popen, before: Look, block: int) -> Iterator[Look]:
        """Yield looks until the command ends; the last is of its end."""
        began, used, measured = time.monotonic(), (0.0, 0.0), -1
        database = self._folder / "data"
        while child.poll() is None:
            used = _used(child) or used
            rows = self._rows()
            step = rows.get("all", -1) // block
            size = _bytes_in(database) if step > measured else None
            measured = max(measured, step)
            seconds = before.seconds + time.monotonic() - began
            yield Look(rows, seconds, before.processor + used[0], used[1], size)
            time.sleep(BETWEEN_S)
        seconds = before.seconds + time.monotonic() - began
        yield Look(self._rows(), seconds, before.processor + used[0], used[1])


def counted(folder: Path, query: str, *values: str) -> int:
    """Return what a query counts in a store; 0 before there is one."""
    path = f"file:{folder / 'radraft.db'}?mode=ro"
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(path, uri=True)) as database,
    ):
        return int(database.execute(query, values).fetchone()[0])
    return 0


def blocks(looks: Sequence[Look], counter: str, size: int) -> list[Block]:
    """Return the cost of each `size` rows of a counter, between looks by straight lines; what
    comes before the first row, the start of the process, is part of the first block."""
    found: list[Block] = []
    total = looks[-1].rows[counter]
    first = _start(looks, counter)
    for begin in range(0, total - size + 1, size):
        start, end = (_at(looks, counter, rows, first) for rows in (begin, begin + size))
        inside = [look.memory for look in looks if begin < look.rows[counter] <= begin + size]
        found.append(
            Block(size, begin, end[0] - start[0], end[1] - start[1], max(inside, default=0.0))
        )
    return found


def _start(looks: Sequence[Look], counter: str) -> Look:
    """Return the look from which a counter's rows cost: reports come when all studies are there."""
    begun = looks[0]
    if counter == "reports":
        begun = next(look for look in looks if look.rows["studies"] == looks[-1].rows["studies"])
    return begun


def _at(looks: Sequence[Look], counter: str, rows: int, first: Look) -> tuple[float, float]:
    """Return seconds and processor time at which so many rows were done."""
    if rows == 0:
        return first.seconds, first.processor
    for earlier, later in pairwise(looks):
        done, then = earlier.rows[counter], later.rows[counter]
        if done < rows <= then:
            part = (rows - done) / (then - done)
            return (
                earlier.seconds + part * (later.seconds - earlier.seconds),
                earlier.processor + part * (later.processor - earlier.processor),
            )
    return looks[-1].seconds, looks[-1].processor


def mean(values: Sequence[float]) -> Mean:
    """Return the mean with its interval, Student's t."""
    middle = statistics.fmean(values)
    half = t_quantile((1 + LEVEL) / 2, len(values) - 1) * statistics.stdev(values)
    half /= math.sqrt(len(values))
    return Mean(middle, middle - half, middle + half)


def slope(x: Sequence[float], y: Sequence[float]) -> Mean:
    """Return how much `y` grows for each 1 of `x`, by least squares, with its interval."""
    wide = statistics.fmean(x), statistics.fmean(y)
    spread = sum((value - wide[0]) ** 2 for value in x)
    middle = sum((a - wide[0]) * (b - wide[1]) for a, b in zip(x, y, strict=True)) / spread
    left = sum((b - wide[1] - middle * (a - wide[0])) ** 2 for a, b in zip(x, y, strict=True)) / (
        len(x) - 2
    )
    half = t_quantile((1 + LEVEL) / 2, len(x) - 2) * math.sqrt(left / spread)
    return Mean(middle, middle - half, middle + half)


def _most(looks: Sequence[Look]) -> float:
    return max(look.memory for look in looks)


def _used(child: psutil.Popen) -> tuple[float, float] | None:
    """Return processor seconds of a process and all below it, and their MiB; None where it ends."""
    try:
        times, memory = child.cpu_times(), child.memory_info().rss
        processor = times.user + times.system + times.children_user + times.children_system
        for below in child.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                times = below.cpu_times()
                processor += times.user + times.system
                memory += below.memory_info().rss
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return None
    return processor, memory / 2**20


def _bytes_in(folder: Path) -> int:
    """Return the bytes on the disk of all files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += 512 * path.stat().st_blocks
    return total


def say(text: str) -> None:
    """Print a line at once."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    main()
