"""What passes between the stages of the starter's evaluation and its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from radraft.eval.values import Drafted, IntArray
from radraft.reports.values import LANGS, Lang


@dataclass(frozen=True)
class Figure:
    """A value with its 95% bootstrap interval over patients."""

    value: float | None
    """None where it is undefined: nothing to find, and nothing found."""
    low: float | None
    high: float | None
    """None where too few resamples define the value."""


@dataclass(frozen=True)
class System:
    """Reports for every item of a set, from the model or from a baseline."""

    name: str
    zh: tuple[str, ...]
    en: tuple[str, ...]
    """One text an item, in the set's order."""

    def texts(self, lang: Lang) -> tuple[str, ...]:
        """The reports in `lang`."""
        return self.zh if lang == "zh" else self.en


def system(name: str, drafts: Sequence[Drafted]) -> System:
    """Drafts as texts; one that failed states nothing."""

    zh, en = (tuple(draft.text(lang) for draft in drafts) for lang in LANGS)
    return System(name, zh, en)


@dataclass(frozen=True)
class Known:
    """A labelled image of a training split: what majority and retrieval draw from."""

    key: str
    """Stem of the image's file."""
    findings: Mapping[str, bool]
    """Finding code -> there or not, as a report would state it; what is not known is missing."""
    note: str = ""
    """Free text that came with the image."""


@dataclass(frozen=True)
class Example:
    """A drafted report that is wrong."""

    source: str
    key: str
    image: str
    """Path of the image below the data folder."""
    labelled: tuple[str, ...]
    """Finding codes labelled present; empty where the label is normal."""
    kind: str
    """`missed`, `invented` or `both`."""
    zh: str
    en: str


def groups(patients: Sequence[str]) -> tuple[IntArray, ...]:
    """Positions of each patient's items; a patient is what the bootstrap draws."""
    import numpy as np

    places: dict[str, list[int]] = {}
    for place, patient in enumerate(patients):
        places.setdefault(patient, []).append(place)
    return tuple(np.array(places[name], dtype=np.int64) for name in sorted(places))
