"""What taking in past films costs in this checkout and in another revision, in turns.

Both revisions, each in a process and a store of its own, take in the same blocks of real films one
after the other; who is first alternates. Prints the processor time a film of both, their ratio with
its interval, and whether everything that both stores hold afterwards is the same: each row of the
database but for times of today, each original, key image and embedding.

    .venv/bin/python -m radraft.bench.import_turns --against REVISION --data ../shared/data
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from radraft.bench import archive_studies
from radraft.bench.turns import Cost, ratio
from radraft.store import site_secret as secrets

ROOT = Path(__file__).resolve().parent.parent
SECRET = hashlib.sha256(b"import turns, invented people").digest()
TODAY = re.compile(r"20\d\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d+")
"""A moment as it is stored: those of the films have no parts of a second."""
SIDE = """
import json, resource, sys
from pathlib import Path
from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.encoders import extractor_loader
from radraft.pipeline.ingest import ingest
from radraft.store.database import open_store

def processor():
    who = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in who)

folder = Path(sys.argv[1])
store = open_store(Settings(data_dir=folder))
profile, load = load_profile("starter2"), extractor_loader(store)
load()
for line in sys.stdin:
    before = processor()
    taken = ingest(Path(line.strip()), store=store, profile=profile, site="east",
                   scratch=folder / "scratch", load_extractor=load, archived=True)
    print(json.dumps([processor() - before, len(taken.cases)]), flush=True)
store.close()
"""
"""What runs in either revision: it reads folders from its input."""


def main() -> None:
    """Prints the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, default=Path("../shared/data"))
    options.add_argument("--against", required=True, help="a revision of this repository")
    options.add_argument("--count", type=int, default=200)
    options.add_argument("--blocks", type=int, default=10)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="radraft-turns-") as name, _checkout(given) as other:
        folder = Path(name)
        blocks = _blocks(folder, given)
        with _Side(other, folder / "then") as before, _Side(ROOT, folder / "now") as after:
            # What a first film loads is no film's.
            warm, *measured = blocks
            for side in (before, after):
                side.take_in(warm)
            costs = [_turn(before, after, block, place) for place, block in enumerate(measured)]
        pairs = [(Cost(now, now, 0), Cost(then, then, 0)) for then, now in costs]
        print(f"{len(measured)} blocks, {sum(map(_films, measured))} films: "
              f"{_mean(costs, 0):.0f} ms of the processor a film then, "
              f"{_mean(costs, 1):.0f} now; then over now {ratio(pairs)}")  # fmt: skip
        _compare(contents(folder / "then"), contents(folder / "now"))


def _turn(before: _Side, after: _Side, block: Path, place: int) -> tuple[float, float]:
    """Return milliseconds a film, then and now."""
    sides = {"then": before, "now": after}
    order = sorted(sides, reverse=place % 2 == 0)
    cost = {name: sides[name].take_in(block) for name in order}
    print(f"  block {place + 1}: {cost['then']:.0f} ms, {cost['now']:.0f} ms", flush=True)
    return cost["then"], cost["now"]


class _Side:
    """A revision that takes in folders."""

    def __init__(self, checkout: Path, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        secrets.propose(folder, SECRET)
        self._process = subprocess.Popen(
            [sys.executable, "-c", SIDE, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": str(checkout / "src")},
        )

    def __enter__(self) -> _Side:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def take_in(self, films: Path) -> float:
        """Take in a folder; return milliseconds of the processor a film."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{films}\n")
        self._process.stdin.flush()
        seconds, count = json.loads(self._process.stdout.readline())
        if count != _films(films):
            # A file of a very busy machine may be late; the stores differ then, and it is said.
            print(f"  {count} of {_films(films)} films were taken in", flush=True)
        return float(1000 * seconds / count)


@contextmanager
def _checkout(given: argparse.Namespace) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="radraft-then-") as name:
        folder = Path(name) / "radraft"
        git = ["git", "worktree"]
        add = [*git, "add", "--detach", "--quiet", str(folder), given.against]
        subprocess.run(add, cwd=ROOT, check=True)
        try:
            yield folder
        finally:
            subprocess.run([*git, "remove", "--force", str(folder)], cwd=ROOT, check=True)


def _blocks(folder: Path, given: argparse.Namespace) -> list[Path]:
    """Write the films; return folders of as many each, and a small one before them."""
    made = folder / "films"
    archive_studies.write(
        archive_studies.plan(given.data, given.count, 0), given.data, SECRET, made
    )
    films = sorted(made.glob("*/dicom/*.dcm"), key=lambda film: film.name)
    warm, left = films[:4], films[4:]
    parts = [left[start :: given.blocks] for start in range(given.blocks)]
    return [_moved(part, folder / f"block-{at}") for at, part in enumerate([warm, *parts])]


def _moved(films: list[Path], target: Path) -> Path:
    target.mkdir()
    for film in films:
        shutil.move(film, target / film.name)
    return target


def _films(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())


def _mean(costs: list[tuple[float, float]], side: int) -> float:
    return sum(cost[side] for cost in costs) / len(costs)


def contents(folder: Path) -> Mapping[str, tuple[int, str]]:
    """Return of each table, and of all objects, how many there are and the SHA-256 of all."""
    found: dict[str, tuple[int, str]] = {}
    database = sqlite3.connect(folder / "radraft.db")
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%fts%'"
    for (table,) in database.execute(tables).fetchall():
        rows = sorted(
            repr([TODAY.sub("today", value) if isinstance(value, str) else value for value in row])
            for row in database.execute(f'SELECT * FROM "{table}"')
        )
        found[table] = len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest()
    database.close()
    objects = sorted(path for path in (folder / "objects").rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in objects:
        digest.update(str(path.relative_to(folder)).encode() + b"\n" + path.read_bytes())
    found["objects"] = len(objects), digest.hexdigest()
    return found


def _compare(then: Mapping[str, tuple[int, str]], now: Mapping[str, tuple[int, str]]) -> None:
    differing = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
    filled = {name: count for name, (count, _) in now.items() if count}
    print(f"the same in both stores: {filled if not differing else ''}")
    print(f"differing: {', '.join(differing) or 'nothing'}")


if __name__ == "__main__":
    main()
