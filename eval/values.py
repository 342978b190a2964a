"""What passes between the steps of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radraft.reports.values import Certainty, Lang

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]


NOT_COVERED = "not_covered"
WITHHELD = "withheld_by_quality"

NOTHING = "∅"
"""What a draft that could not be had is scored as. No tokenizer finds it in a report and it states
no finding: n-gram overlap 0, every finding missed, none hallucinated."""


class Better(StrEnum):
    """Direction of a measure."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


@dataclass(frozen=True)
class Measure:
    """One number with its exact meaning."""

    name: str
    """Stable key, snake_case; says the definition apart from others of the same family."""
    better: Better
    definition: str
    """One sentence: formula or source, tokenisation, range."""


class Scores(Protocol):
    """Scores of a set of report pairs, in the set's order.

    Sufficient statistics are kept per report, so that any resampling of reports can be scored
    without reading a text again.
    """

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What `corpus` gives, in display order."""

    @property
    def per_report(self) -> Mapping[str, FloatArray]:
        """Sentence-level (per report) values by measure name, shape (n,); NaN where undefined."""

    def corpus(self, index: IntArray | None = None) -> dict[str, float]:
        """Corpus values over the reports at `index` (with repeats), or over all.

        NaN where a measure is undefined there (no positives, no text)."""


@dataclass(frozen=True)
class Pair:
    """A reference report and a hypothesis in one language. Texts are never empty."""

    id: str
    ref: str
    hyp: str


@dataclass(frozen=True)
class SetCard:
    """Where a set comes from."""

    name: str
    source: str
    licence: str
    split: str
    sha256: str
    """Of the set's items in canonical form, images included by their own hash."""
    note: str = ""


@dataclass(frozen=True)
class SetItem:
    """One study of a set with what is known of it."""

    id: str
    study: Path
    """A DICOM file or folder, as `radraft ingest` takes it."""
    labels: Mapping[str, Certainty] = field(default_factory=dict)
    """Finding codes that were labelled; a code that is not here is not known."""
    report_zh: str | None = None
    report_en: str | None = None
    has_prior: bool = False
    """Whether an earlier examination was there to compare with."""

    def report(self, lang: Lang) -> str | None:
        """The reference report in `lang`, where there is one."""
        return self.report_zh if lang == "zh" else self.report_en


@dataclass(frozen=True)
class EvalSet:
    """Items with their card."""

    card: SetCard
    items: tuple[SetItem, ...]


@dataclass(frozen=True)
class Drafted:
    """A draft of one item. Texts are sentences in reading order, findings then impression."""

    id: str
    zh: tuple[str, ...]
    en: tuple[str, ...]
    support: tuple[float | None, ...] = ()
    """Image support of each sentence in nats, where it was measured."""
    failed: str | None = None
    """Code of the error where nothing could be drafted; `NOT_COVERED` where the profile does not
    cover the study, `WITHHELD` where the quality gate keeps it from the model."""

    def text(self, lang: Lang) -> str:
        """Return the draft as one text, a sentence a line; `NOTHING` where there is none."""
        return "\n".join(self.zh if lang == "zh" else self.en).strip() or NOTHING
