"""What is planted, where, and in what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any


@dataclass(frozen=True)
class Prior:
    """An earlier examination of the same patient; `date` is ISO 8601."""

    date: str
    findings: str
    impression: str


@dataclass(frozen=True)
class Study:
    """What is known of the examination beside its text; `age` in years, `study_date` ISO 8601."""

    sex: str
    age: int
    views: tuple[str, ...]
    study_date: str
    order_reason: str
    prior: Prior | None = None
    modality: str = "DX"
    body_part: str = "CHEST"
    contrast: bool = False


@dataclass(frozen=True)
class Report:
    """Sentences by section; `lang` both: sections end in _zh and _en and are aligned by index.

    `normal`: the collection calls the study normal. `whole`: no sentence went with a placeholder.
    """

    uid: str
    lang: str
    sections: Mapping[str, tuple[str, ...]]
    study: Study
    normal: bool = False
    whole: bool = True

    def text(self) -> str:
        """Return all sentences, findings first."""
        return " ".join(text for name in self.sections for text in self.sections[name])


@dataclass(frozen=True)
class Place:
    """A span within a sentence of the planted report, or within the order's reason (index -1)."""

    section: str
    index: int
    lang: str
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Planted:
    """A report before and after the error; `also` are the places of the other half of a pair."""

    clean: Report
    wrong: Report
    where: Place
    also: tuple[Place, ...] = ()
    variant: str = "written"


@dataclass(frozen=True)
class Statement:
    """One finding in words that agree: texts by section, and spans of its name in each."""

    findings: str
    impression: str
    denial: str
    reason: str


Words = Mapping[str, Any]


Planter = Callable[[Report, Words, Random], "Planted | None"]
