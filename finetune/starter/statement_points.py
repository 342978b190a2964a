"""From which chance a finding is stated, called possible, denied, or not said at all.

A statement is worth its precision. The points are chosen where the lower bound of the precision of
the statements that they would have made, pooled over cross-validation, is high enough on enough of
them; where no chance reaches that, the statement is never made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from radraft.finetune.starter import calibration
from radraft.finetune.starter.calibration import Bools, Known
from radraft.vision_encoder.chances import Floats, Scale

PRESENT, POSSIBLE = 0.6, 0.4
"""Lower bounds of the precision of findings stated, and called possible. The film's own chance has
to reach as much: where nearly every film of a set is ill, precision alone would state all."""
LEAST_STATEMENTS = 20
MOST_CHANCE_DENIED = 0.02
"""Chance, and share of the films below it, that a denied finding may have."""
GRID = tuple(round(0.02 * step, 2) for step in range(50))
Z95 = 1.959964
"""0.975 quantile of the standard normal distribution."""


@dataclass(frozen=True)
class StatementPoint:
    """What is said of one finding at which calibrated chance. None: that is never said."""

    scale: Scale
    present: float | None
    """Least chance."""
    possible: float | None
    """Least chance; not above `present`."""
    denied: float | None
    """Largest chance."""

    def word(self, logit: float) -> str:
        """Return `present`, `possible`, `denied`, or nothing where the film does not say."""
        chance = float(self.scale.chance(np.array([logit]))[0])
        if self.present is not None and chance >= self.present:
            return "present"
        if self.possible is not None and chance >= self.possible:
            return "possible"
        if self.denied is not None and chance <= self.denied:
            return "denied"
        return ""


@dataclass(frozen=True)
class StatementPoints:
    """The points of each question."""

    findings: Mapping[str, StatementPoint]
    """Of an adult's film, by code."""
    normal: StatementPoint
    """That nothing at all is found in an adult's film."""
    child: StatementPoint
    """Pneumonia in a child's film."""


def choose(groups: Sequence[Sequence[Known]]) -> tuple[StatementPoint, ...]:
    """Return the point of each question of one set.

    `groups` has the questions once for each encoder, in the same order; the points come from the
    out-of-fold chances of all, each by its own encoder's scale, and have the first one's scale.
    """
    served = groups[0]
    shared = calibration.set_scale(served) if len(served) > 1 else None
    chances = [calibration.out_of_fold(questions) for questions in groups]
    return tuple(
        point(
            calibration.scale(served[at], shared),
            np.concatenate([found[at] for found in chances]),
            np.concatenate([questions[at].right for questions in groups]),
        )
        for at in range(len(served))
    )


def point(scale: Scale, chances: Floats, right: Bools) -> StatementPoint:
    """Return what `chances` (out of fold) and answers allow to be said."""
    present = _least(chances, right, PRESENT)
    possible = _least(chances, right, POSSIBLE)
    return StatementPoint(scale, present, possible, _denied(chances, right))


def _least(chances: Floats, right: Bools, precision: float) -> float | None:
    """Return the least chance from which statements are as precise as they must be."""
    for least in GRID:
        said = chances >= least
        if least < precision or not said.any():
            continue
        hits, count = int(right[said].sum()), int(said.sum())
        if count >= LEAST_STATEMENTS and lower_bound(hits, count) >= precision:
            return least
    return None


def _denied(chances: Floats, right: Bools) -> float | None:
    """Return the chance up to which a finding is denied: none above `MOST_CHANCE_DENIED`, and none
    where more of the films that it would be denied in have it."""
    denied = chances <= MOST_CHANCE_DENIED
    count = int(denied.sum())
    if count < LEAST_STATEMENTS or float(right[denied].mean()) > MOST_CHANCE_DENIED:
        return None
    return MOST_CHANCE_DENIED


def lower_bound(hits: int, count: int) -> float:
    """Return the lower end of the 95% interval of a share (Wilson, JASA 1927)."""
    share, square = hits / count, Z95**2
    centre = share + square / (2 * count)
    half = Z95 * sqrt(share * (1 - share) / count + square / (4 * count**2))
    return (centre - half) / (1 + square / count)
