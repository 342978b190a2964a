"""Figures that others published, for a table of their own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Figure:
    """One number in its own metric's definition."""

    metric: str
    value: float
    definition: str


@dataclass(frozen=True)
class Published:
    """One model on one data set, as its source gives it."""

    model: str
    year: int
    dataset: str
    source: str
    url: str
    checked: str
    """Where the figures were read, when it was not the source itself."""
    values: tuple[Figure, ...]


@cache
def published() -> tuple[Published, ...]:
    """All published figures, in the file's order."""
    import yaml

    text = files("radraft.eval").joinpath("published.yaml").read_text(encoding="utf-8")
    return tuple(
        Published(**{**entry, "values": tuple(Figure(**value) for value in entry["values"])})
        for entry in yaml.safe_load(text)
    )
