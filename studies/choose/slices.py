"""Which slots of a stack: those that cover the anatomy and differ from one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from radraft.studies.choose.stacks import Slot

Vectors = npt.NDArray[np.floating]
_NEAR = 0.5
"""How much of the likeness of two slices is their being near; the rest is their looking alike."""


def targets(slots: Sequence[Slot], count: int) -> tuple[float, ...]:
    """Places of `count` equal parts' middles: neither end of a stack shows much of the organ."""
    first, last = slots[0].place, slots[-1].place
    return tuple(first + (last - first) * (part + 0.5) / count for part in range(count))


def nearest(slots: Sequence[Slot], place: float) -> list[Slot]:
    """`slots` by their distance from `place`; of two equally far the earlier first."""
    return sorted(slots, key=lambda slot: abs(slot.place - place))


def spread(slots: Sequence[Slot], most: int) -> tuple[Slot, ...]:
    """Return at most `most` slots that cover the stack evenly, in its order."""
    if len(slots) <= most:
        return tuple(slots)
    found = {nearest(slots, place)[0].key: None for place in targets(slots, most)}
    return tuple(slot for slot in slots if slot.key in found)


def representatives(
    places: Sequence[float], vectors: Vectors, count: int, fixed: Sequence[int] = ()
) -> tuple[int, ...]:
    """Indices of `count` slots that together stand for all: `fixed` first, then greedily.

    Facility location (Nemhauser, Wolsey, Fisher 1978): each slot is served by the chosen one it is
    most like, and the sum is maximised; greedy reaches at least 1 - 1/e of the best. An end slice
    that looks like nothing else serves only itself, so it is not chosen for being odd.
    `vectors`: (n, d), any scale; a vector of zeros is like nothing.
    """
    likeness = _likeness(np.asarray(places, dtype=np.float64), np.asarray(vectors), count)
    total = len(places)
    chosen = list(dict.fromkeys(fixed))[:count]
    served = likeness[chosen].max(axis=0) if chosen else np.zeros(total)
    while len(chosen) < min(count, total):
        gains = np.maximum(likeness, served).sum(axis=1)
        gains[chosen] = -1.0
        pick = int(np.argmax(gains))
        chosen.append(pick)
        served = np.maximum(served, likeness[pick])
    return tuple(chosen)


def _likeness(
    places: npt.NDArray[np.float64], vectors: Vectors, count: int
) -> npt.NDArray[np.float64]:
    """(n, n), 0 to 1: how well one slot stands for another."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, length, out=np.zeros(vectors.shape), where=length > 0)
    cosine = unit @ unit.T
    # Slices of one body are all much alike: what counts is where they lie between the extremes.
    low, high = float(cosine.min()), float(cosine.max())
    alike = (cosine - low) / (high - low) if high > low else np.ones_like(cosine)
    part = max(float(np.ptp(places)) / max(count, 1), 1e-9)
    near = np.exp(-(((places[:, None] - places[None, :]) / part) ** 2))
    likeness: npt.NDArray[np.float64] = _NEAR * near + (1 - _NEAR) * alike
    return likeness
