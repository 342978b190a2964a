"""Calibrated chances: how often a film with such a score has the finding, and how well that holds.

Everything is judged on films whose score the encoder was not fitted to, and out of fold: the scale
that a film's chance comes from has not seen any film of its patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radraft.finetune.starter.teacher import fit
from radraft.vision_encoder.chances import Floats, Scale
from radraft.vision_encoder.train import data

Bools = npt.NDArray[np.bool_]
FOLDS = 5
BINS = 10
PULL = 8.0
"""Films' worth of weight by which a finding's scale is held to its set's: a finding of few
positives has too few films for a scale of its own."""


@dataclass(frozen=True)
class Known:
    """One question on one set: scores and answers of the films that answer it."""

    source: str
    head: str
    logits: Floats
    """(n,)"""
    right: Bools
    """(n,)"""
    patients: tuple[str, ...]


@dataclass(frozen=True)
class Reliability:
    """One bin of a reliability plot."""

    chance: float
    """Mean of the bin's chances."""
    share: float
    """Of its films, how many have the finding."""
    count: int


def fold_of(patient: str) -> int:
    """0 to `FOLDS` - 1, the same for all films of a patient and in every run."""
    return data.fold_of(patient, FOLDS)


def folds(known: Known) -> npt.NDArray[np.int64]:
    """(n,): the fold of each film."""
    return np.array([fold_of(patient) for patient in known.patients], dtype=np.int64)


def scale(known: Known, of_set: Scale | None, use: Bools | None = None) -> Scale:
    """Return the question's scale, held to its set's; from the films `use`, all by default."""
    where = np.ones(len(known.right), dtype=bool) if use is None else use
    if of_set is None:
        return fit(known.logits[where], known.right[where])
    return fit(known.logits[where], known.right[where], start=of_set, pull=PULL)


def set_scale(questions: Sequence[Known], uses: Sequence[Bools] | None = None) -> Scale:
    """Return one scale for all questions of a set: its temperature and its base rate."""
    wheres = uses or [np.ones(len(known.right), dtype=bool) for known in questions]
    pairs = list(zip(questions, wheres, strict=True))
    return fit(
        np.concatenate([known.logits[use] for known, use in pairs]),
        np.concatenate([known.right[use] for known, use in pairs]),
    )


def out_of_fold(questions: Sequence[Known]) -> tuple[Floats, ...]:
    """Return (n,) chances of each question, each from scales fitted without the film's fold.

    The questions are of one set and share its scale.
    """
    placed = [folds(known) for known in questions]
    found = [np.full(len(known.right), np.nan) for known in questions]
    for fold in range(FOLDS):
        uses = [place != fold for place in placed]
        shared = set_scale(questions, uses) if len(questions) > 1 else None
        for index, (known, use) in enumerate(zip(questions, uses, strict=True)):
            if use.all():
                continue
            chances = scale(known, shared, use).chance(known.logits)
            found[index][~use] = chances[~use]
    return tuple(found)


def reliability(chances: Floats, right: Bools, bins: int = BINS) -> tuple[Reliability, ...]:
    """Return the bins that hold a film, of equal width from 0 to 1."""
    number = np.minimum((chances * bins).astype(int), bins - 1)
    return tuple(
        Reliability(
            float(chances[number == at].mean()),
            float(right[number == at].mean()),
            int((number == at).sum()),
        )
        for at in range(bins)
        if (number == at).any()
    )


def calibration_error(chances: Floats, right: Bools, bins: int = BINS) -> float:
    """Expected calibration error (Naeini 2015): the mean distance of a bin's share from its mean
    chance, weighted by its films. NaN without films."""
    if not len(chances):
        return float("nan")
    found = reliability(chances, right, bins)
    return sum(bin_.count * abs(bin_.share - bin_.chance) for bin_ in found) / len(chances)
