"""Chooses the operating points on the validation split."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np

from radraft.finetune.starter import teacher
from radraft.finetune.starter.teacher import CHILD, COVID, FINDINGS, NORMAL, OperatingPoints
from radraft.vision_encoder.chances import Floats
from radraft.vision_encoder.train.data import Images

FINDING_GRID = tuple(round(0.10 + 0.02 * step, 2) for step in range(26))
NORMAL_GRID = tuple(round(0.20 + 0.05 * step, 2) for step in range(16))
CHILD_GRID = tuple(round(0.10 + 0.05 * step, 2) for step in range(17))


def operating_points(images: Images, logits: Floats, heads: tuple[str, ...]) -> OperatingPoints:
    """From the `valid` rows of the sets `nih14`, `kermany` and `covid`; `logits` (rows, heads).

    Chances by Platt's scale; the points of adults are those with the highest micro-F1 over the
    fourteen findings, a child's the one with the highest mean F1 of pneumonia and of none.
    """
    column = {head: index for index, head in enumerate(heads)}

    def known(source: str, head: str) -> tuple[Floats, Floats]:
        where = images.where("valid", source)
        answers = images.answers[where, column[head]]
        there = ~np.isnan(answers)
        return logits[where, column[head]][there], answers[there].astype(np.float64)

    findings = [known("nih14", code) for code in FINDINGS]
    normal, child = known("nih14", NORMAL), known("kermany", CHILD)
    # Adults of the other set count as adults without COVID-19: they are of 1992 to 2015.
    covid = known("covid", COVID)
    adults = logits[images.where("valid", "nih14"), column[COVID]]
    points = OperatingPoints(
        finding=teacher.fit(
            np.concatenate([x for x, _ in findings]), np.concatenate([y for _, y in findings]) == 1
        ),
        normal=teacher.fit(normal[0], normal[1] == 1),
        child=teacher.fit(child[0], child[1] == 1),
        covid=teacher.fit(
            np.concatenate([covid[0], adults]),
            np.concatenate([covid[1], np.zeros(len(adults))]) == 1,
        ),
        least_finding=0.5,
        least_normal=0.5,
        least_child=0.5,
    )
    points = _best_adult(points, images, logits, heads)
    return replace(points, least_child=_best_child(points, *child))


def _best_adult(
    points: OperatingPoints, images: Images, logits: Floats, heads: tuple[str, ...]
) -> OperatingPoints:
    where = images.where("valid", "nih14")
    rows = [dict(zip(heads, row, strict=True)) for row in logits[where].tolist()]
    labels = [
        frozenset(code for code in FINDINGS if images.rows[index].answers.get(code))
        for index in where
    ]
    candidates = [
        replace(points, least_finding=finding, least_normal=normal)
        for finding, normal in product(FINDING_GRID, NORMAL_GRID)
    ]
    return max(
        candidates,
        key=lambda one: teacher.micro_f1([teacher.adult(row, one) for row in rows], labels),
    )


def _best_child(points: OperatingPoints, logits: Floats, answers: Floats) -> float:
    chances, right = points.child.chance(logits), answers == 1

    def score(least: float) -> float:
        said = chances >= least
        return _f1(said, right) + _f1(~said, ~right)

    return max(CHILD_GRID, key=score)


def _f1(said: np.ndarray, right: np.ndarray) -> float:
    hits = int((said & right).sum())
    return 2 * hits / max(1, int(said.sum()) + int(right.sum()))
