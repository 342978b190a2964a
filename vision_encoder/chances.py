"""What the finding heads' scores are worth: how many of a hundred films with such a score have the
finding, by the labels that the scales were fitted to (`finetune/starter/calibration.py`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radraft.vision_encoder import shipped
from radraft.vision_encoder.heads import Array, Heads

Floats = npt.NDArray[np.float64]
CHANCES_FILE = "chances.json"


class AgeGroup(StrEnum):
    """Whom a scale was fitted to."""

    ADULT = "adult"
    CHILD = "child"


@dataclass(frozen=True)
class Scale:
    """A logit to a chance: 1 / (1 + exp(-(slope * logit + shift))) (Platt 1999)."""

    slope: float
    shift: float

    def chance(self, logits: Floats) -> Floats:
        """0 to 1, in `logits`' shape."""
        z = np.clip(self.slope * logits + self.shift, -700, 700)
        result: Floats = 1 / (1 + np.exp(-z))
        return result


@dataclass(frozen=True)
class Question:
    """What a head answers of an age group."""

    code: str
    """A finding code, or `no_finding`."""
    head: str
    scale: Scale
    denied: float | None = None
    """Largest chance at which the finding may be denied, 0 to 1; None: whatever the film, it may
    not."""
    also: tuple[str, ...] = ()
    """Codes of what the same head answers: lung opacity is what a child's pneumonia looks like."""


@dataclass(frozen=True)
class Chances:
    """The questions of one encoder."""

    encoder_id: str
    folder: Path
    questions: Mapping[AgeGroup, tuple[Question, ...]]

    def of(self, tokens: Array, group: AgeGroup) -> dict[str, float]:
        """Map (n, dim) patch tokens of one film to finding code -> chance, 0 to 1.

        EncodingError as `Heads.load` and `Heads.logits`.
        """
        return {one.code: chance for one, chance in self._answers(tokens, group)}

    def deniable(self, tokens: Array, group: AgeGroup) -> frozenset[str]:
        """Return the codes of the findings that so few films of these scores have that they may be
        denied in this one; errors as `of`."""
        return frozenset(
            code
            for one, chance in self._answers(tokens, group)
            if one.denied is not None and chance <= one.denied
            for code in (one.code, *one.also)
        )

    def _answers(self, tokens: Array, group: AgeGroup) -> tuple[tuple[Question, float], ...]:
        heads = _heads(self.folder)
        logits = dict(zip(heads.ids, heads.logits(tokens).astype(np.float64), strict=True))
        return tuple(
            (one, float(one.scale.chance(logits[one.head]))) for one in self.questions[group]
        )


@cache
def of_encoder(encoder_id: str) -> Chances | None:
    """Return the questions of the shipped encoder of that id; None for any other, and for an
    edition whose scores nobody calibrated finding by finding."""
    for folder in shipped.FOLDERS.values():
        path = folder / CHANCES_FILE
        if path.is_file() and shipped.encoder_id(folder) == encoder_id:
            return load(path)
    return None


def load(path: Path) -> Chances:
    """Return what `dump` wrote. ValueError, KeyError or OSError for another file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return Chances(
        content["encoder_id"],
        path.parent,
        {
            group: tuple(
                Question(
                    code,
                    one["head"],
                    Scale(one["slope"], one["shift"]),
                    one["denied"],
                    tuple(one["also"]),
                )
                for code, one in content[group.value].items()
            )
            for group in AgeGroup
        },
    )


def dump(chances: Chances) -> str:
    """Return the file's text."""
    content = {
        "encoder_id": chances.encoder_id,
        **{
            group.value: {
                one.code: {
                    "head": one.head,
                    "slope": one.scale.slope,
                    "shift": one.scale.shift,
                    "denied": one.denied,
                    "also": one.also,
                }
                for one in questions
            }
            for group, questions in chances.questions.items()
        },
    }
    return json.dumps(content, indent=1) + "\n"


@cache
def _heads(folder: Path) -> Heads:
    return shipped.load_heads(folder)
