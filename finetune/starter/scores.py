"""Heads' scores of films that the encoder which gives them was not fitted to.

The encoder that is served was fitted to the films of `train`; films of `valid` it has not seen. An
encoder that was trained without a fold of the patients has not seen theirs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from radraft.core import run_folder
from radraft.core.errors import TrainingError
from radraft.finetune.starter import views
from radraft.finetune.starter.calibration import Bools
from radraft.finetune.starter.views import View
from radraft.vision_encoder.chances import Floats
from radraft.vision_encoder.encode import Encoder
from radraft.vision_encoder.train.data import Fold, Images

BATCH = 64


@dataclass(frozen=True)
class Scores:
    """One encoder's scores."""

    logits: Floats = field(repr=False)
    """(rows, heads); NaN where not `unseen`."""
    unseen: Bools = field(repr=False)
    """(rows,): films that it was not fitted to and that may choose points."""


def of_valid(images: Images, encoder: Encoder) -> Scores:
    """Return the scores of the `valid` films by the encoder that will be served."""
    unseen = np.array([row.split == "valid" for row in images.rows])
    return _scores(images, encoder, unseen)


def of_fold(images: Images, encoder: Encoder, fold: Fold) -> Scores:
    """Return the scores of a fold's films of `train`, by an encoder trained without the fold."""
    unseen = np.array([row.split == "train" and fold.holds(row.patient) for row in images.rows])
    return _scores(images, encoder, unseen)


def fold_of_run(run: Path) -> Fold:
    """Return the fold that the encoder of a finished `radraft train encoder` run never saw.

    TrainingError `training_run_without_fold` where it saw all, or is no such run.
    """
    try:
        record = run_folder.read(run)
        number, of = record["identity"]["left_out"]
    except (OSError, json.JSONDecodeError, KeyError, TypeError, ValueError):
        raise TrainingError("training_run_without_fold", path=str(run)) from None
    if record["finished"] is None:
        raise TrainingError("training_run_without_fold", path=str(run))
    return Fold(number, of)


def all_of(images: Images, encoder: Encoder, runs: Sequence[Path]) -> tuple[Scores, ...]:
    """Return the served encoder's scores first, then those of each run that left out a fold.

    TrainingError as `fold_of_run`, and `training_fold_of_another_recipe` where its heads are
    others.
    """
    found = [of_valid(images, encoder)]
    for run in runs:
        other = Encoder.load(run / "export")
        if other.heads.ids != encoder.heads.ids:
            raise TrainingError("training_fold_of_another_recipe", path=str(run))
        found.append(of_fold(images, other, fold_of_run(run)))
    return tuple(found)


def _scores(images: Images, encoder: Encoder, unseen: Bools) -> Scores:
    logits = np.full((len(images.rows), len(encoder.heads.ids)), np.nan)
    where = np.flatnonzero(unseen)
    for start in range(0, len(where), BATCH):
        some = [int(row) for row in where[start : start + BATCH]]
        seen = views.tokens([View("", row, images.pixels[row]) for row in some], encoder)
        for row, tokens in zip(some, seen, strict=True):
            logits[row] = encoder.heads.logits(tokens.astype(np.float32))
    return Scores(logits, unseen)
