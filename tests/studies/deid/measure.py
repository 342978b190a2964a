"""Recall by kind over the planted corpus; `bench/deid_recall.py` prints it, tests assert it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radraft.studies.deid.pixels import find
from radraft.studies.deid.pseudonyms import Pseudonyms
from radraft.studies.deid.run import deidentify_all
from tests.studies.deid.burned import Planted, planted
from tests.studies.deid.corpus import corpus, survivors

Gray = npt.NDArray[np.uint8]
SECRET = b"only for the tests, 32 bytes long"
VISIBLE = 30.0
"""Grey levels that white text differs from what lies below it; less can hardly be read."""
_COVERED = 0.98


@dataclass
class Tally:
    """How many were planted and how many are gone (of markers: how many are still there)."""

    planted: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, kind: str, right: bool, what: str) -> None:
        """Count one."""
        self.planted[kind] += 1
        self.right[kind] += right
        if not right:
            self.wrong.append(f"{kind}: {what}")

    def share(self, kind: str) -> float:
        """Part that is right, of all kinds that begin so."""
        total = sum(n for name, n in self.planted.items() if name.startswith(kind))
        return sum(n for name, n in self.right.items() if name.startswith(kind)) / total

    def table(self) -> str:
        """A line for each kind."""
        return "\n".join(
            f"{kind:24} {self.right[kind]:5} of {count:5}  {self.right[kind] / count:8.2%}"
            for kind, count in sorted(self.planted.items())
        )


def files(work: Path) -> tuple[Tally, int]:
    """Plant, de-identify, and look for every needle in all that was written; and files written."""
    planted_files = corpus(work / "in")
    result = deidentify_all(work / "in", work / "out", Pseudonyms(SECRET), work / "scratch")
    every = tuple(
        dict.fromkeys(needle for planted_file in planted_files for needle in planted_file.needles)
    )
    left = set()
    for path in (work / "out").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        left.update(survivors(content + str(path.relative_to(work / "out")).encode(), every))
    tally = Tally()
    for needle in every:
        tally.add(needle.kind, needle not in left, f"{needle.where} {needle.text}")
    return tally, len(result.report.files)


def burned(films: tuple[Gray, ...], seeds: range) -> tuple[Tally, list[float]]:
    """Lines planted on films, by style and language; and seconds of processor time of each."""
    tally, seconds = Tally(), list[float]()
    for seed in seeds:
        for number, one in enumerate(planted(films, seed)):
            start = time.process_time()
            found = find(one.pixels)
            seconds.append(time.process_time() - start)
            gone = np.zeros(one.film.shape, bool)
            for box in found.boxes:
                gone[box.top : box.bottom, box.left : box.right] = True
            _count(tally, one, gone, f"seed {seed} film {number}")
    return tally, seconds


def _count(tally: Tally, one: Planted, gone: npt.NDArray[np.bool_], where: str) -> None:
    for line in one.lines:
        below = float(one.film[line.mask].mean())
        faint = line.value > 0 and line.value - below < VISIBLE
        covered = float(gone[line.mask].mean())
        right = covered < 1 - _COVERED if line.style == "marker" else covered >= _COVERED
        kind = f"faint {line.style}" if faint else f"{line.style} {line.language}"
        tally.add(kind, right, f"{where} {line.text} covered {covered:.2f}")
