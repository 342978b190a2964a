"""What an adult's or a child's film is said to show at chosen statement points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from radraft.finetune.starter import calibration, statement_points
from radraft.finetune.starter.calibration import Bools, Known
from radraft.finetune.starter.compose import UNASSESSED
from radraft.finetune.starter.statement_points import StatementPoints
from radraft.finetune.starter.teacher import CHILD, FINDINGS, NORMAL, Floats
from radraft.finetune.starter.values import Seen
from radraft.vision_encoder.train.data import Images

ADULTS, CHILDREN = ("nih14", "nih_extra"), ("kermany",)
"""Sets that adults' and children's points are chosen on: one set of films each by its labels."""
_SEEN = {"present": Seen.STATED, "possible": Seen.SUGGESTED, "denied": Seen.ABSENT}


def adult(logits: Mapping[str, float], points: StatementPoints) -> dict[str, Seen]:
    """Return what is said of an adult's film. `UNASSESSED` where neither a finding nor the film as
    a whole reaches a point: then only what can be denied is."""
    seen = {
        code: _SEEN[word]
        for code, point in points.findings.items()
        if (word := point.word(logits[code]))
    }
    if any(kind is not Seen.ABSENT for kind in seen.values()):
        return seen
    whole = points.normal.word(logits[NORMAL])
    if whole in ("present", "possible"):
        return seen | {NORMAL: _SEEN[whole]}
    return seen | {UNASSESSED: Seen.STATED}


def child(logits: Mapping[str, float], points: StatementPoints) -> dict[str, Seen]:
    """Return what is said of a child's film: pneumonia, none, or that neither is sure."""
    word = points.child.word(logits[CHILD])
    if not word:
        return {UNASSESSED: Seen.STATED}
    return {"pneumonia": _SEEN[word], "lung_opacity": _SEEN[word]}


def chosen_points(
    images: Images, logits: Floats, heads: Sequence[str], use: Bools | None = None
) -> StatementPoints:
    """Return the points from the `valid` rows; `use` (rows,) leaves some out.

    The films of `train` have no say: the encoder was fitted to them, so that their scores lie
    further apart than any new film's and every precision on them is too high.
    """
    findings = statement_points.choose(
        [known(images, logits, heads, code, ADULTS, use) for code in FINDINGS]
    )
    normal = statement_points.choose([known(images, logits, heads, NORMAL, ADULTS, use)])
    child_point = statement_points.choose([known(images, logits, heads, CHILD, CHILDREN, use)])
    return StatementPoints(
        findings=dict(zip(FINDINGS, findings, strict=True)), normal=normal[0], child=child_point[0]
    )


def known(
    images: Images,
    logits: Floats,
    heads: Sequence[str],
    head: str,
    sources: Sequence[str],
    use: Bools | None = None,
) -> Known:
    """Return the scores and answers of the `valid` rows that answer `head`."""
    column = list(heads).index(head)
    where = np.array(
        [
            index
            for index, row in enumerate(images.rows)
            if row.split == "valid"
            and row.source in sources
            and head in row.answers
            and (use is None or use[index])
        ],
        dtype=np.int64,
    )
    return Known(
        sources[0],
        head,
        logits[where, column].astype(np.float64),
        np.array([images.rows[index].answers[head] for index in where], dtype=bool),
        tuple(images.rows[index].patient for index in where),
    )


def held_out(images: Images, logits: Floats, heads: Sequence[str]) -> dict[int, dict[str, Seen]]:
    """Return row -> what is said of each `valid` film by points that were chosen without its
    patient's fold: what the rule itself is worth."""
    row_folds = np.array([calibration.fold_of(row.patient) for row in images.rows])
    found: dict[int, dict[str, Seen]] = {}
    for fold in range(calibration.FOLDS):
        points = chosen_points(images, logits, heads, row_folds != fold)
        for index, row in enumerate(images.rows):
            if row.split != "valid" or row_folds[index] != fold:
                continue
            say = {**dict.fromkeys(ADULTS, adult), **dict.fromkeys(CHILDREN, child)}
            if row.source in say:
                scores = dict(zip(heads, logits[index].tolist(), strict=True))
                found[index] = say[row.source](scores, points)
    return found
