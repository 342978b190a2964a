"""What the extractor gives."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from radraft.reports.values import Certainty, Laterality


class Change(StrEnum):
    """Change over time that a report states of a finding."""

    NEW = "new"
    INCREASED = "increased"
    DECREASED = "decreased"
    STABLE = "stable"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Mention:
    """One statement about one finding in a text."""

    code: str
    """A code of `reports/findings/codes.yaml`."""
    polarity: Certainty
    laterality: Laterality | None = None
    anatomy: str | None = None
    """A code of `reports/findings/anatomy.yaml`."""
    change: Change | None = None
    size_mm: tuple[float, ...] = ()
    """Sizes in the order the text gives them, in millimetres."""
    percent: float | None = None
    """Of the lung that a pneumothorax has compressed, of a vessel's narrowing: 0 to 100, the upper
    end of a range; None where the text gives none."""
    volume_ml: float | None = None
    """Volume of a bleeding or a fluid, the upper end of a range; None where the text gives none."""
    start: int = 0
    """Span of the words that name the finding, in characters of the text given."""
    end: int = 0
