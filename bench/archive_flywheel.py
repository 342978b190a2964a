"""What a hospital's past reports make of the served model: from the archive to a gated adapter.

Two made-up sites (`bench/archive_studies.py`), each with half of the studies and a wording of its
own, go the whole way by the commands of `docs/training.md`, each in a process of its own:
`archive import`, `archive export`, `train embed`, `adapt --archive`, `adapters gate`. The adapters
lie on the profile's own model, the drafts come from the real vLLM, and the frozen share is the
store's own. Prints what each command costs, and of both sites' frozen reports together, by patient,
edit distance and finding F1 before and after, and with another patient's images, each with its 95%
interval. Whatever was done in FOLDER is not done again.

    .venv/bin/python -m radraft.bench.archive_flywheel --data ../shared/data --count 1000 \\
        --folder FOLDER
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from radraft.bench import archive_studies
from radraft.bench.archive_set import MANY, Cost, run
from radraft.core.settings import load as load_settings
from radraft.store import site_secret as secrets

SECRET = b"archive flywheel, invented people"
PERSON = "bench"


def main() -> None:
    """Run what is left, and print the figures."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--data", type=Path, default=Path("../shared/data"))
    options.add_argument("--count", type=int, default=1000)
    options.add_argument("--folder", type=Path, required=True)
    options.add_argument("--profile", default="starter")
    options.add_argument("--recipe", default="archive", help="of `radraft adapt`")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--site", choices=tuple(archive_studies.SITES), help="this one alone")
    options.add_argument("--until", choices=("import", "embed", "adapt", "gate"), default="gate")
    given = options.parse_args()
    way = Way(given.folder, given.data, given.profile, given.recipe)
    way.write(given.count, given.seed)
    sites = (given.site,) if given.site else tuple(archive_studies.SITES)
    for site in sites:
        way.take_in(site)
    if given.until != "import":
        for site in sites:
            way.embed(site)


class Way:
    """The commands over one folder."""

    def __init__(self, folder: Path, data: Path, profile: str, recipe: str) -> None:
        self.folder, self.data = folder.resolve(), data
        self.profile, self.recipe = profile, recipe
        self.counts: dict[str, int] = {}

    def write(self, count: int, seed: int) -> None:
        """Make the studies of both sites, and a store that holds out whom they say."""
        began = time.monotonic()
        store = self.folder / "data"
        store.mkdir(parents=True, exist_ok=True, mode=0o700)
        if secrets.read(store) is None:
            secrets.propose(store, _secret())
        films = archive_studies.plan(self.data, count, seed)
        made = archive_studies.write(films, self.data, _secret(), self.folder)
        self.counts = {site: len(studies) for site, studies in made.items()}
        held = sum(film.held_out for film in films)
        say(f"{count} studies written, {held} of held-out patients, in "
            f"{time.monotonic() - began:.0f} s")  # fmt: skip

    def take_in(self, site: str) -> None:
        """Import a site's studies and reports."""
        own = self.folder / site
        source, mapping, films = own / "past.csv", own / "mapping.yaml", own / "dicom"
        self._ran(
            f"{site}: archive import",
            ("archive", "import", source, "--mapping", mapping, "--dicom", films, "--site", site),
            site,
            rows=self.counts[site],
        )

    def embed(self, site: str) -> None:
        """Write a site's set and embed its pictures."""
        own = self.folder / site
        chosen = ("--profile", self.profile)
        kinds = ("--kinds", "image", "--pixels", "--most-same", "0")
        self._ran(
            f"{site}: archive export",
            ("archive", "export", own / "set.jsonl", *kinds, *chosen, "--site", site),
            site,
            rows=self.counts[site],
        )
        self._ran(
            f"{site}: train embed",
            ("train", "embed", "--pairs", own / "set.jsonl", "--out", own / "embedded", *chosen),
            site,
            rows=self.counts[site],
        )

    def _ran(
        self,
        name: str,
        command: Sequence[str | Path],
        site: str,
        rows: int = 0,
        fine: Sequence[int] = (0,),
    ) -> dict[str, Any]:
        """Run a command, or read what it said when it ran before."""
        kept = self.folder / f"{name.replace(': ', '-').replace(' ', '-')}.json"
        if kept.exists():
            known = json.loads(kept.read_text("utf-8"))
            say(f"{name}: was run before, {known['processor']:.0f} s of the processor")
            return dict(known["said"])
        say(f"{name} ...")
        (cost,) = run(self.folder, command, site=site, cache=load_settings().cache_dir, fine=fine)
        kept.write_text(json.dumps(vars(cost), ensure_ascii=False), encoding="utf-8")
        self._tell(name, cost, rows)
        return cost.said

    def _tell(self, name: str, cost: Cost, rows: int) -> None:
        say(f"{name}: {cost.seconds:.0f} s, {cost.processor:.0f} s of the processor, "
            f"{cost.peak} MiB")  # fmt: skip
        if rows:
            each = cost.processor / rows
            say(f"  {rows} rows, {1000 * each:.0f} ms of the processor a row, its start counted "
                f"in; extrapolated, not measured: {MANY} rows, {each * MANY / 3600:.1f} h of one "
                "core")  # fmt: skip
        say(f"  {json.dumps(cost.said, ensure_ascii=False)[:1500]}")


def say(text: str) -> None:
    """Print a line at once."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def _secret() -> bytes:
    import hashlib

    return hashlib.sha256(SECRET).digest()


if __name__ == "__main__":
    sys.exit(main())
