"""What the encoder sees in an image, as the starter is taught to say it: finding scores against
operating points that the validation split chose.

The single image's label is not taught: the labels are mined from reports and noisy, and an encoder
that has seen an image in training knows its label by heart, so a language model taught with labels
would learn to believe scores that new images never reach.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radraft.finetune.starter.values import Seen
from radraft.vision_encoder.chances import Floats, Scale

FINDINGS = (
    "atelectasis",
    "cardiomegaly",
    "pleural_effusion",
    "infiltrate",
    "pulmonary_mass",
    "pulmonary_nodule",
    "pneumonia",
    "pneumothorax",
    "consolidation",
    "pulmonary_edema",
    "emphysema",
    "pulmonary_fibrosis",
    "pleural_thickening",
    "hiatal_hernia",
)
"""ChestX-ray14's labels (Wang et al., CVPR 2017) as vocabulary codes."""
NORMAL_ABSENT = ("consolidation", "pleural_effusion", "pneumothorax", "pneumonia")
"""What the report of a normal adult film denies by name. ChestX-ray14's `No Finding` means that the
radiologist's report stated none of the fourteen."""
CHILD, COVID, NORMAL = "pneumonia_in_child", "covid", "no_finding"
PLAIN = Scale(1.0, 0.0)
"""The sigmoid itself."""
STATED = 0.5
"""Chance from which a finding is stated; below it, it is suggested."""


@dataclass(frozen=True)
class OperatingPoints:
    """Where a score becomes a sentence."""

    finding: Scale
    """One for all fourteen: there are too few validation images for one each."""
    normal: Scale
    child: Scale
    covid: Scale
    least_finding: float
    """Chance from which a finding is suggested."""
    least_normal: float
    """Chance from which an adult's film is reported as normal."""
    least_child: float
    """Chance from which a child's pneumonia is suggested."""


def adult(logits: Mapping[str, float], points: OperatingPoints) -> dict[str, Seen]:
    """What is seen in an adult's film. Never empty: where nothing reaches its point and the film is
    not normal either, the likeliest finding is suggested."""
    chances = _chances(logits, points)
    if _chance(points.normal, logits[NORMAL]) >= points.least_normal:
        return {NORMAL: Seen.STATED, **dict.fromkeys(NORMAL_ABSENT, Seen.ABSENT)}
    likeliest = max(chances, key=lambda code: chances[code])
    return {
        code: Seen.STATED if chance >= STATED else Seen.SUGGESTED
        for code, chance in chances.items()
        if chance >= points.least_finding or code == likeliest
    }


def child(logits: Mapping[str, float], points: OperatingPoints) -> dict[str, Seen]:
    """What is seen in a child's film: pneumonia or none, and nothing else is known."""
    chance = _chance(points.child, logits[CHILD])
    if chance < points.least_child:
        return {"pneumonia": Seen.ABSENT, "lung_opacity": Seen.ABSENT}
    seen = Seen.STATED if chance >= STATED else Seen.SUGGESTED
    return {"pneumonia": seen, "lung_opacity": seen}


def fit(
    logits: Floats,
    right: npt.NDArray[np.bool_],
    start: Scale = PLAIN,
    pull: float = 1.0,
) -> Scale:
    """The scale under which `right` (n,) is likeliest given `logits` (n,), by Newton's method, with
    a `pull` towards `start` that keeps it finite."""
    x = np.stack([logits, np.ones_like(logits)], axis=1)
    origin = np.array([start.slope, start.shift])
    weights = origin.copy()

    def loss(given: Floats) -> float:
        z = x @ given
        own = float(np.logaddexp(0, z).sum() - z[right].sum())
        return own + pull / 2 * float(((given - origin) ** 2).sum())

    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        gradient = x.T @ (chance - right) + pull * (weights - origin)
        curve = (x * (chance * (1 - chance))[:, None]).T @ x + pull * np.eye(2)
        step = np.linalg.solve(curve, gradient)
        # Far from its end a whole step may overshoot, and the next one more so.
        while loss(weights - step) > loss(weights) and np.abs(step).max() > 1e-9:
            step = step / 2
        weights = weights - step
    return Scale(float(weights[0]), float(weights[1]))


def micro_f1(said: Sequence[Mapping[str, Seen]], labels: Sequence[frozenset[str]]) -> float:
    """F1 over all positives of the fourteen findings, 0 to 1."""
    hits = wrong = missed = 0
    for one, true in zip(said, labels, strict=True):
        stated = {code for code, seen in one.items() if seen is not Seen.ABSENT} - {NORMAL}
        hits += len(stated & true)
        wrong += len(stated - true)
        missed += len(true - stated)
    return 2 * hits / max(1, 2 * hits + wrong + missed)


def _chances(logits: Mapping[str, float], points: OperatingPoints) -> dict[str, float]:
    found = {code: _chance(points.finding, logits[code]) for code in FINDINGS}
    # COVID-19 is not a word the report may use: what is seen is a pneumonia.
    found["pneumonia"] = max(found["pneumonia"], _chance(points.covid, logits[COVID]))
    return found


def _chance(scale: Scale, logit: float) -> float:
    return float(scale.chance(np.array([logit]))[0])
