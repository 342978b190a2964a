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
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from radraft.bench import archive_studies
from radraft.bench.archive_set import MANY, Cost, run
from radraft.core.settings import load as load_settings
from radraft.reports.values import LANGS
from radraft.store import site_secret as secrets

SECRET = b"archive flywheel, invented people"
PERSON = "Bench"
UNTIL = ("import", "embed", "adapt", "gate")


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
    options.add_argument("--until", choices=UNTIL, default="gate")
    given = options.parse_args()
    way = Way(given.folder, given.data, given.profile, given.recipe)
    way.write(given.count, given.seed)
    sites = (given.site,) if given.site else tuple(archive_studies.SITES)
    stages = (way.take_in, way.embed, way.adapt, way.gate)
    for stage in stages[: 1 + UNTIL.index(given.until)]:
        for site in sites:
            stage(site)


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
            fine=(0, 3),
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

    def adapt(self, site: str) -> None:
        """Train a site's candidate, or go on with a run that was killed."""
        folder = self.folder / site / "embedded"
        how = ("--archive", folder, "--recipe", self.recipe, "--site", site, "--by", PERSON)
        said = self._ran(f"{site}: adapt", ("adapt", *how), site)
        card = said["card"]
        counts, loss = card["counts"], card["losses"]["sft"]["valid"]
        say(f"{site}: {said['adapter_id']}, learned from {counts['new']} reports, "
            f"{card['repeated']} with repetitions, validated by {counts['valid']}; left out "
            f"{card['left_out']}; validation loss {loss:.3f}")  # fmt: skip

    def gate(self, site: str) -> None:
        """Hold the candidate against what serves; promote one that passes, and take it back."""
        made = str(self._ran(f"{site}: adapt", (), site)["adapter_id"])
        decision = self._ran(
            f"{site}: adapters gate", ("adapters", "gate", made, "--by", PERSON), site, fine=(0, 1)
        )
        tell_decision(site, decision)
        if decision["passed"]:
            by = ("--by", PERSON)
            self._ran(f"{site}: adapters promote", ("adapters", "promote", made, *by), site)
            back = ("adapters", "rollback", "--site", site, *by, "--reason", "rehearsed")
            self._ran(f"{site}: adapters rollback", back, site)

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


def tell_decision(site: str, decision: dict[str, Any]) -> None:
    """Print what the gate measured on a site's frozen share."""
    checks = {check["code"]: check for check in decision["checks"]}
    tested, edits, looks = decision["tested"], checks["edit_distance"], checks["image_dependence"]
    failed = [code for code, check in checks.items() if not check["passed"]]
    say(f"{site}: {'passed' if decision['passed'] else 'stopped by ' + ', '.join(failed)}; "
        f"reference {tested['reference']}, {tested['reports']} reports of {tested['patients']} "
        f"patients of {tested['reports_found']} found")  # fmt: skip
    for lang in LANGS:
        own = edits["detail"][lang]
        say(f"  edit distance {lang}, n {own['n']:.0f}: {_with('serving', own)} -> "
            f"{_with('candidate', own)}; difference {_difference(own)}")  # fmt: skip
        f1 = checks[f"finding_f1_{lang}"]
        say(f"  finding F1 {lang}, n {f1['n']}: {f1['serving']:.3f} -> {f1['candidate']:.3f}; "
            f"difference {_difference(f1)}")  # fmt: skip
    own = looks["detail"]
    say(f"  finding F1 of both languages, n {looks['n']}: before {_with('serving_own', own)}, "
        f"after {_with('candidate_own', own)}")  # fmt: skip
    say(f"  with another patient's images: before {_with('serving_others', own)}, after "
        f"{_with('candidate_others', own)}")  # fmt: skip
    gain = _with("candidate", own | {"candidate": looks["candidate"]})
    say(f"  after, with the own images less with another's: {gain}")
    for check in decision["checks"]:
        say(f"  {'pass' if check['passed'] else 'FAIL'} {check['code']}: {check['value']}")


def _with(name: str, figures: dict[str, Any]) -> str:
    """Return a figure with its interval."""
    if figures[name] is None:
        return "-"
    low, high = figures[f"{name}_low"], figures[f"{name}_high"]
    bounds = "" if low is None else f" ({low:.3f} to {high:.3f})"
    return f"{figures[name]:.3f}{bounds}"


def _difference(figures: dict[str, Any]) -> str:
    return _with("value", figures | {"value_low": figures["low"], "value_high": figures["high"]})


def say(text: str) -> None:
    """Print a line at once."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def _secret() -> bytes:
    import hashlib

    return hashlib.sha256(SECRET).digest()


if __name__ == "__main__":
    main()
