"""How the starter's pairs are made, as data: the `pairs` part of its recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from radraft.core.yaml_files import Strict


class PairRecipe(Strict):
    """How many pairs, and of what."""

    count: int = Field(ge=1)
    """Training pairs."""
    shares: dict[str, float]
    """Label set -> how often a pair is made of it."""
    children: tuple[str, ...] = ()
    """Sets of children's films."""
    points: Literal["f1", "precision"] = "f1"
    """How it is decided what a film is said to show: at the points of the best F1 (`operating`),
    or at those where a statement is precise enough to be made (`statement_points`)."""
    nothing: float = Field(default=0.07, ge=0)
    """Share of images that show nothing."""
    changed: float = Field(default=0.7, ge=0, le=1)
    """Chance that a film is changed as the encoder's training changes it."""
    mixed: float = Field(default=0.4, ge=0, le=1)
    """Chance that another film's tokens are mixed in."""
    person: float = Field(default=0.5, ge=0, le=1)
    """Chance that age and sex stand in the prompt, where they are known."""
