"""The rehearsal from its first film to its last figure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from radraft.bench.rehearsal import films as planning, houses, mine, page, snapshot
from radraft.bench.rehearsal.course import Course, Move
from radraft.bench.rehearsal.houses import House
from radraft.bench.rehearsal.measure import measure
from radraft.bench.rehearsal.poison import Poison
from radraft.bench.rehearsal.sides import LEAST, margins, sides
from radraft.bench.rehearsal.site import Hospital
from radraft.bench.rehearsal.spoil import Bench
from radraft.bench.rehearsal.values import Film, Group, Part, Sizes, Truth
from radraft.core import run_folder
from radraft.core.settings import Settings
from radraft.finetune.adapt.recipe import load_recipe
from radraft.llm.endpoint import Endpoint
from radraft.llm.profiles import Profile
from radraft.pipeline import draft
from radraft.store import site_secret
from radraft.store.database import open_store

SITES = ("terse", "narrative")
POISONED = SITES[0]
"""The site whose copies are poisoned."""
RECIPE = "adapt"
LEAST_PAIRS = 4
"""New pairs for training where a rehearsal is smaller than the recipe asks for."""


@dataclass(frozen=True)
class Plan:
    """What is rehearsed, and where."""

    data: Path
    """The folder of public sets."""
    work: Path
    """Everything is kept here: store, runs, drafts, stages. It may hold identity."""
    sizes: Sizes
    seed: int
    profile: str = page.FIRST
    """Name of the profile whose drafts are corrected."""

    @property
    def data_dir(self) -> Path:
        """The product's own data folder of the rehearsal."""
        return self.work / "data"

    def begin(self) -> None:
        """Makes the work folder this rehearsal's, with a site secret drawn from the seed: it
        decides which patients the product holds out. TrainingError `training_run_differs`."""
        plan: dict[str, object] = {"rehearsal": asdict(self.sizes), "seed": self.seed}
        if self.profile != page.FIRST:
            plan["profile"] = self.profile
        run_folder.begin(self.work, plan)
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if site_secret.read(self.data_dir) is None:
            site_secret.propose(self.data_dir, self.secret)

    @property
    def secret(self) -> bytes:
        """Invented patients need no better one."""
        return hashlib.sha256(f"rehearsal {self.seed}".encode()).digest()

    @cached_property
    def films(self) -> tuple[Film, ...]:
        """All films."""
        cache = self.work / "pictures"
        return planning.plan(self.data, cache, self.secret, SITES, self.sizes, self.seed)

    @cached_property
    def houses(self) -> Mapping[str, House]:
        """Both houses."""
        return houses.build(mine.mine(self.data))

    def settings(self, given: Settings) -> Settings:
        """`given` with the rehearsal's own store."""
        own = {"data_dir": self.data_dir, "database_url": "", "objects_url": ""}
        return given.model_copy(update=own)


@dataclass(frozen=True)
class Rehearsal:
    """One rehearsal with a vLLM that answers."""

    plan: Plan
    course: Course
    hospital: Hospital
    truths: Mapping[str, Truth] = field(default_factory=dict)

    def rounds(self) -> None:
        """Frozen reports first, then the rounds, each site's by turns."""
        for site in SITES:
            self._sign(site, 0, self._films(site, Part.FROZEN))
        for number in range(1, self.plan.sizes.rounds + 1):
            for site in SITES:
                self._round(site, number)

    def final(self) -> None:
        """The films that nobody signed, by every model that the site had."""
        last = self.plan.sizes.rounds
        for site in SITES:
            other = next(name for name in SITES if name != site)
            systems = {
                "base": None,
                **{f"own-{n}": self._served(site, n) for n in range(1, last + 1)},
                "other": self._served(other, last),
            }
            self.course.stage(f"{site}-final", partial(self._measured, site, systems))

    def poisons(self) -> None:
        """Each on a copy of one site as it stood before the last round was signed."""
        last = self.plan.sizes.rounds
        kept = self.course.read(f"{POISONED}-{last}-taken")
        assert kept is not None
        bench = Bench(
            hospital=self.hospital,
            snapshot=self._snapshot,
            work=self.plan.work / "poisons",
            site=POISONED,
            house=self.plan.houses[POISONED],
            truths=self.truths,
            batch=self._films(POISONED, Part.TRAIN, last),
            taken=kept["values"],
            frozen=self._films(POISONED, Part.FROZEN),
        )
        for how in Poison:
            self.course.stage(f"poison-{how.value}", partial(bench.run, how))

    def _measured(self, site: str, systems: Mapping[str, str | None], move: Move) -> dict[str, Any]:
        return measure(
            self.hospital,
            self._films(site, Part.FINAL),
            self.plan.houses[site],
            self.truths,
            systems,
            self.plan.work / "final",
            move,
        )

    def _round(self, site: str, number: int) -> None:
        name, course = f"{site}-{number}", self.course
        self._sign(site, number, self._films(site, Part.TRAIN, number))
        run = self.plan.work / "runs" / name
        adapted = course.stage(f"{name}-adapted", lambda move: self.hospital.adapt(site, run, move))
        candidate = adapted["adapter"]
        gated = course.stage(
            f"{name}-gated",
            lambda move: self.hospital.gate(candidate, move) if candidate else None,
        )
        passed = candidate if gated and gated["passed"] else None
        course.stage(
            f"{name}-served", lambda move: {"serving": self.hospital.promote(site, passed)}
        )

    def _sign(self, site: str, number: int, films: Sequence[Film]) -> None:
        name, course = f"{site}-{number}", self.course
        taken = course.stage(f"{name}-taken", lambda move: self.hospital.take_in(films, site, move))
        course.stage(f"{name}-drafted", lambda move: self.hospital.draft(taken, move))
        if site == POISONED and number == self.plan.sizes.rounds:
            snapshot.take(self.plan.data_dir, self._snapshot)
        house = self.plan.houses[site]
        course.stage(
            f"{name}-signed",
            lambda move: self.hospital.sign(films, taken, house, self.truths, move),
        )

    @property
    def _snapshot(self) -> Path:
        return self.plan.work / "snapshot"

    def _films(self, site: str, part: Part, number: int = 0) -> list[Film]:
        return [
            film
            for film in self.plan.films
            if (film.site, film.part, film.round) == (site, part, number)
        ]

    def _served(self, site: str, number: int) -> str | None:
        kept = self.course.read(f"{site}-{number}-served")
        assert kept is not None
        found: str | None = kept["values"]["serving"]
        return found


@contextmanager
def opened(
    plan: Plan,
    course: Course,
    settings: Settings,
    profile: Profile,
    endpoint: Endpoint,
    vision: draft.VisionModel,
) -> Iterator[Rehearsal]:
    """The rehearsal over its own store; the sides are looked at once."""
    recipe = load_recipe(RECIPE)
    if plan.sizes.cases < 2 * recipe.least_pairs:
        recipe = recipe.model_copy(update={"least_pairs": LEAST_PAIRS})
    found = course.stage(
        "sides",
        lambda move: margins(
            plan.films, vision.encoder, plan.work / "margins.json", lambda d, n: move(d / n)
        ),
    )
    store = open_store(settings)
    try:
        hospital = Hospital(store, settings, profile, endpoint, vision, recipe, plan.seed)
        yield Rehearsal(plan, course, hospital, truths(plan.films, found))
    finally:
        store.close()


def truths(films: Sequence[Film], found: Mapping[str, Mapping[str, float]]) -> dict[str, Truth]:
    """Item id -> what the reader holds to be so."""
    said = sides(films, found)
    return {
        film.item.id: Truth(
            film.group,
            film.present,
            # A child's opacity is what the pneumonia is seen as.
            said[film.item.id]
            | (
                {"lung_opacity": side}
                if film.group is Group.CHILD and (side := said[film.item.id].get("pneumonia"))
                else {}
            ),
        )
        for film in films
    }


def facts(plan: Plan, found: Mapping[str, Truth]) -> dict[str, Any]:
    """What the figures rest on: films, houses, sides. No text of a report."""
    counts = Counter((film.site, film.part, film.group) for film in plan.films)
    patients = {(film.group, film.patient) for film in plan.films}
    findings = sum(len(reading.present & mine.SIDED) for reading in found.values())
    return {
        "sizes": asdict(plan.sizes),
        "seed": plan.seed,
        "patients": len(patients),
        "films": {
            site: {
                part.value: {group.value: counts[site, part, group] for group in Group}
                for part in Part
            }
            for site in SITES
        },
        "houses": {
            name: {"sentences": house.sentences, "mined": house.mined}
            for name, house in plan.houses.items()
        },
        "sides": {
            "least": LEAST,
            "findings": findings,
            "sided": sum(len(reading.sides.keys() & reading.present) for reading in found.values()),
        },
    }
