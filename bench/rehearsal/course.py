"""The rehearsal's stages: each is done once, is kept when it is done, and says how much is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from radraft.bench.rehearsal.values import Sizes
from radraft.core import canonical
from radraft.eval.looks.intake import read_json, write_json

Move = Callable[[float], None]
"""Called with the part of a stage that is done, 0 to 1."""
Tell = Callable[[str, float, float], None]
"""Called with the stage's name, the part of all work that is done and the seconds left."""
DRAFT_S, PAIR_S, INGEST_S, SIGN_S = 0.9, 0.55, 0.35, 0.1
"""Of one report on two cores: drafted with fifteen others, trained on once, taken in, signed."""
EPOCHS = 4
"""Passes of a run over its pairs, preferences counted as one."""
GATE_DRAFTS = 4
"""Drafts of a frozen film in one gate: candidate, serving, and to see whether it looks."""
TRUSTED_S = 20.0
"""Stages this long say how fast the machine is."""


@dataclass
class Course:
    """Stages by name, kept as JSON in `folder`."""

    folder: Path
    expected: Mapping[str, float]
    """Seconds that each stage is expected to take, in order."""
    tell: Tell = lambda name, part, left: None
    _done: set[str] = field(default_factory=set)
    _took: float = 0.0
    _meant: float = 0.0

    def stage(self, name: str, compute: Callable[[Move], Any]) -> Any:
        """What `compute` gives, as plain JSON; from the folder where it was computed before."""
        kept = self.read(name)
        if kept is None:
            began = time.monotonic()
            self._say(name, 0.0)
            values = canonical.plain(compute(lambda part: self._say(name, part)))
            seconds = time.monotonic() - began
            kept = {
                "values": values,
                "seconds": round(seconds, 1),
                "made": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            write_json(self._path(name), kept)
            if seconds >= TRUSTED_S and name in self.expected:
                self._took += seconds
                self._meant += self.expected[name]
        self._done.add(name)
        self._say(name, 0.0)
        return kept["values"]

    def read(self, name: str) -> dict[str, Any] | None:
        """The stage as it is kept: `values`, `seconds` (of the call that ended it) and `made`."""
        found: dict[str, Any] | None = read_json(self._path(name))
        return found

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that are not kept."""
        return [name for name in names if self.read(name) is None]

    def _say(self, name: str, part: float) -> None:
        total = sum(self.expected.values())
        done = sum(seconds for one, seconds in self.expected.items() if one in self._done)
        if name not in self._done:
            done += self.expected.get(name, 0.0) * min(1.0, part)
        pace = self._took / self._meant if self._meant else 1.0
        self.tell(name, done / total if total else 1.0, (total - done) * pace)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def expected(sizes: Sizes, sites: Iterable[str], poisons: Iterable[str]) -> dict[str, float]:
    """Stage -> seconds, in the order in which they are done."""
    found: dict[str, float] = {"sides": 0.12 * _films(sizes)}
    listed = list(sites)
    for site in listed:
        found |= _signing(f"{site}-0", sizes.frozen)
    for number in range(1, sizes.rounds + 1):
        for site in listed:
            name = f"{site}-{number}"
            found |= _signing(name, sizes.cases)
            learnt = sizes.cases * (1.5 if number > 1 else 1.0)
            found[f"{name}-adapted"] = 30 + learnt * EPOCHS * PAIR_S
            found[f"{name}-gated"] = 20 + sizes.frozen * GATE_DRAFTS * DRAFT_S
            found[f"{name}-served"] = 5.0
    for site in listed:
        found[f"{site}-final"] = sizes.final * ((sizes.rounds + 2) * DRAFT_S + INGEST_S)
    for poison in poisons:
        found[f"poison-{poison}"] = 60 + sizes.cases * 3 * PAIR_S + sizes.frozen * 4 * DRAFT_S
    return found


def _signing(name: str, count: int) -> dict[str, float]:
    return {
        f"{name}-taken": count * INGEST_S,
        f"{name}-drafted": count * DRAFT_S,
        f"{name}-signed": count * SIGN_S,
    }


def _films(sizes: Sizes) -> int:
    return 2 * (sizes.frozen + sizes.final + sizes.rounds * sizes.cases)
