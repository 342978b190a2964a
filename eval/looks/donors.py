"""Who gets whose images: seeded, never one's own patient's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from radraft.core.errors import EvalError
from radraft.eval.looks.values import Change, Perturbation


@dataclass(frozen=True)
class Candidate:
    """What the choice depends on."""

    item: str
    patient: str
    view: str


def donors(candidates: Sequence[Candidate], perturbation: Perturbation) -> dict[str, str]:
    """Item -> the item whose images it gets; empty for changes that need none.

    The same candidates in any order give the same choice. EvalError `eval_looks_one_patient` where
    a patient has so many of the items that somebody would get an image of their own.
    """
    ordered = sorted(candidates, key=lambda one: one.item)
    random = np.random.default_rng(perturbation.seed)
    match perturbation.change:
        case Change.SHUFFLED:
            return _shuffled(ordered, random)
        case Change.ANOTHER:
            return _another(ordered, random)
        case _:
            return {}


def _shuffled(candidates: list[Candidate], random: np.random.Generator) -> dict[str, str]:
    """A permutation in which nobody gets an image of their own patient's."""
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.view, []).append(candidate)
    whole = [group for group in groups.values() if _possible(group)]
    rest = [candidate for group in groups.values() if not _possible(group) for candidate in group]
    # A view with too few patients borrows from the larger ones rather than keeping its own.
    while rest and not _possible(rest) and whole:
        whole.sort(key=len)
        rest += whole.pop(0)
    if rest and not _possible(rest):
        raise EvalError("eval_looks_one_patient")
    chosen: dict[str, str] = {}
    for group in [*whole, rest] if rest else whole:
        chosen |= _shifted(group, random)
    return chosen


def _possible(group: list[Candidate]) -> bool:
    return len(group) > 1 and 2 * _most(group) <= len(group)


def _most(group: list[Candidate]) -> int:
    patients = [candidate.patient for candidate in group]
    return max(map(patients.count, set(patients)))


def _shifted(group: list[Candidate], random: np.random.Generator) -> dict[str, str]:
    """Patients side by side in random order, then shifted by the largest patient's number of items:
    that steps over everybody's own."""
    patients = sorted({candidate.patient for candidate in group})
    rank = dict(zip(patients, random.permutation(len(patients)), strict=True))
    tie = random.permutation(len(group))
    order = [one for _, _, one in sorted(
        ((rank[one.patient], tie[i], one) for i, one in enumerate(group)),
        key=lambda row: row[:2],
    )]  # fmt: skip
    shift = _most(group)
    return {one.item: order[(i + shift) % len(order)].item for i, one in enumerate(order)}


def _another(candidates: list[Candidate], random: np.random.Generator) -> dict[str, str]:
    if len({candidate.patient for candidate in candidates}) < 2:
        raise EvalError("eval_looks_one_patient")
    order = [candidates[i] for i in random.permutation(len(candidates))]
    first = order[0]
    second = next(candidate for candidate in order if candidate.patient != first.patient)
    return {
        candidate.item: (second if candidate.patient == first.patient else first).item
        for candidate in candidates
    }
