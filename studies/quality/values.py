"""The values of the quality gate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Verdict(StrEnum):
    """What may be done with an image or a study, best first."""

    GOOD = "good"
    USABLE = "usable"
    """Drafted from, with a notice."""
    POOR = "poor"
    """Read by people, not drafted from."""
    REFUSE = "refuse"
    """The pixels plainly are not the study."""


def worst(*verdicts: Verdict) -> Verdict:
    """Return the worst of them; `GOOD` of none."""
    return max(verdicts, key=list(Verdict).index, default=Verdict.GOOD)


def best(*verdicts: Verdict) -> Verdict:
    """Return the best of them; `GOOD` of none."""
    return min(verdicts, key=list(Verdict).index, default=Verdict.GOOD)


@dataclass(frozen=True)
class Reason:
    """One thing that is wrong, with what was measured."""

    code: str
    """A key of `messages/quality.yaml`."""
    severity: Verdict
    """The verdict that this alone gives; `GOOD` is counted for the site and changes nothing."""
    value: float | str | None = None
    """What was found: a number in the rule's unit, or a code of a closed vocabulary."""
    limit: float | str | None = None
    """What it was held against."""


def most_serious_first(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Return each code once, as its most serious reason has it."""
    found: dict[str, Reason] = {}
    rank = list(Verdict).index
    for reason in reasons:
        known = found.get(reason.code)
        if known is None or rank(reason.severity) > rank(known.severity):
            found[reason.code] = reason
    return tuple(sorted(found.values(), key=lambda reason: (-rank(reason.severity), reason.code)))


@dataclass(frozen=True)
class Measures:
    """What the pixels of one image say. Shares are 0 to 1."""

    longest: int
    """Pixels of the longer side, as decoded (at most 2048)."""
    black: float
    """Share of the exposed field that is black beyond telling apart."""
    white: float
    contrast: float
    """From the 2nd to the 98th percentile of the field, as a share of black to white."""
    levels: int
    """Different values in use, up to 256."""
    noise: float
    """Standard deviation as a share of the image's own range."""
    sharpness: float
    """0.25 where nothing fine is left, about 1 where detail goes on to the last pixel."""
    flat: float
    """Share of spots of one and the same gray, neither black nor white."""
    field: float
    """Share of the image within plain borders."""
    corners: float
    """How much brighter the upper corners are than the image, -1 to 1."""


@dataclass(frozen=True)
class ImageQuality:
    """One key image's verdict."""

    image_id: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    measures: Measures
    scores: Mapping[str, float] = field(default_factory=dict)
    """Head -> 0 to 1, what the encoder's embedding says; empty where only rules were run."""


@dataclass(frozen=True)
class StudyQuality:
    """A study's verdict."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    """Of the study and of its images, the worst first, each code once."""
    images: tuple[ImageQuality, ...]
    heads: str | None = None
    """SHA-256 of the heads that looked, None where only rules were run."""


@dataclass(frozen=True, slots=True)
class JudgedStudy:
    """One study for its site's figures: no patient, no case. `operator` is a member of staff."""

    site: str
    at: datetime
    """When it came in."""
    modality: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    device: str
    """Manufacturer, model and station as sent; empty where none of them was."""
    operator: str = field(repr=False)
    """As sent; empty where it was not."""
