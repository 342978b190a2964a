"""What an adult's or a child's film is said to show at chosen statement points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from radraft.finetune.starter import calibration, statement_points
from radraft.finetune.starter.calibration import Bools, Known
from radraft.finetune.starter.compose import UNASSESSED
from radraft.finetune.starter.scores import Scores
from radraft.finetune.starter.statement_points import StatementPoint, StatementPoints
from radraft.finetune.starter.teacher import CHILD, FINDINGS, NORMAL
from radraft.finetune.starter.values import Seen
from radraft.vision_encoder.train.data import Images

ADULTS, CHILDREN = ("nih14", "nih_extra"), ("kermany",)
"""Sets that adults' and children's points are chosen on: one set of films each by its labels."""
OPACITY = "lung_opacity"
"""As radiologists read it in the film itself, where an encoder has learned that."""
_SEEN = {"present": Seen.STATED, "possible": Seen.SUGGESTED, "denied": Seen.ABSENT}
_THERE = ("present", "possible")


def adult(logits: Mapping[str, float], points: StatementPoints) -> dict[str, Seen]:
    """Return what is said of an adult's film. `UNASSESSED` where neither a finding nor the film as
    a whole reaches a point: then only what can be denied is."""
    asked = {**points.findings, NORMAL: points.normal}
    return _adult({code: point.word(logits[code]) for code, point in asked.items()})


def _adult(words: Mapping[str, str]) -> dict[str, Seen]:
    seen = {code: _SEEN[word] for code, word in words.items() if word and code != NORMAL}
    if any(kind is not Seen.ABSENT for kind in seen.values()):
        # Most findings of the lung are opacities too.
        return {c: kind for c, kind in seen.items() if (c, kind) != (OPACITY, Seen.ABSENT)}
    if words[NORMAL] in _THERE:
        return seen | {NORMAL: _SEEN[words[NORMAL]]}
    return seen | {UNASSESSED: Seen.STATED}


def child(logits: Mapping[str, float], points: StatementPoints) -> dict[str, Seen]:
    """Return what is said of a child's film: pneumonia, none, or that neither is sure."""
    return _child(points.child.word(logits[CHILD]))


def _child(word: str) -> dict[str, Seen]:
    if not word:
        return {UNASSESSED: Seen.STATED}
    return {"pneumonia": _SEEN[word], OPACITY: _SEEN[word]}


def chosen_points(
    images: Images, scores: Sequence[Scores], heads: Sequence[str], use: Bools | None = None
) -> StatementPoints:
    """Return the points from all films that the encoders of `scores` have not seen; `use` (rows,)
    leaves some out. The scales are those of the first, which is the one that will be served.

    A film that an encoder was fitted to has no say: such scores lie further apart than any new
    film's, and every precision on them is too high.
    """

    def choose(codes: Sequence[str], sources: Sequence[str]) -> tuple[StatementPoint, ...]:
        return statement_points.choose(
            [[known(images, one, heads, code, sources, use) for code in codes] for one in scores]
        )

    findings = dict(zip(FINDINGS, choose(FINDINGS, ADULTS), strict=True))
    if OPACITY in heads:
        (findings[OPACITY],) = choose([OPACITY], ADULTS)
    (normal,), (of_child,) = choose([NORMAL], ADULTS), choose([CHILD], CHILDREN)
    return StatementPoints(findings=findings, normal=normal, child=of_child)


def known(
    images: Images,
    scores: Scores,
    heads: Sequence[str],
    head: str,
    sources: Sequence[str],
    use: Bools | None = None,
) -> Known:
    """Return the scores and answers of the films that answer `head` and were not seen."""
    column = list(heads).index(head)
    where = np.array(
        [
            index
            for index, row in enumerate(images.rows)
            if scores.unseen[index]
            and row.source in sources
            and head in row.answers
            and (use is None or use[index])
        ],
        dtype=np.int64,
    )
    return Known(
        sources[0],
        head,
        scores.logits[where, column].astype(np.float64),
        np.array([images.rows[index].answers[head] for index in where], dtype=bool),
        tuple(images.rows[index].patient for index in where),
    )


def held_out(
    images: Images, scores: Sequence[Scores], heads: Sequence[str]
) -> dict[int, dict[str, Seen]]:
    """Return row -> what is said of each film by points that were chosen without its patient's
    fold, from the score of the encoder that has not seen it: what the rule itself is worth."""
    row_folds = np.array([calibration.fold_of(row.patient) for row in images.rows])
    say = {**dict.fromkeys(ADULTS, adult), **dict.fromkeys(CHILDREN, child)}
    found: dict[int, dict[str, Seen]] = {}
    for fold in range(calibration.FOLDS):
        for number, one in enumerate(scores):
            # Its own scales, the thresholds of all.
            first = [one, *scores[:number], *scores[number + 1 :]]
            points = chosen_points(images, first, heads, row_folds != fold)
            for index in np.flatnonzero(one.unseen & (row_folds == fold)).tolist():
                source = images.rows[index].source
                if source in say:
                    logits = dict(zip(heads, one.logits[index].tolist(), strict=True))
                    found[index] = say[source](logits, points)
    return found
