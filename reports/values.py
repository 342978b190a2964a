"""The report: sections of sentences, each a statement in both languages and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

Lang = Literal["zh", "en"]
LANGS: tuple[Lang, Lang] = ("zh", "en")
"""In display order."""


class Section(StrEnum):
    """Sections of a report: findings (影像所见) and impression (诊断意见)."""

    FINDINGS = "findings"
    IMPRESSION = "impression"


class Origin(StrEnum):
    """Who wrote a sentence as it stands."""

    MODEL = "model"
    TEMPLATE = "template"
    PERSON = "person"


class Laterality(StrEnum):
    """Side a statement is about."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"


class Certainty(StrEnum):
    """How sure a statement is about its finding."""

    PRESENT = "present"
    ABSENT = "absent"
    UNCERTAIN = "uncertain"


_SURENESS = {Certainty.ABSENT: 0, Certainty.UNCERTAIN: 1, Certainty.PRESENT: 2}


def outranks(certainty: Certainty, known: Certainty | None) -> bool:
    """Whether `certainty` counts before `known` of the same finding: present before uncertain
    before absent, and any before None."""
    return known is None or _SURENESS[certainty] > _SURENESS[known]


class ReportState(StrEnum):
    """Lifecycle of a report; `reports/lifecycle.py` holds the transition table."""

    DRAFTED = "drafted"
    IN_REVIEW = "in_review"
    SIGNED = "signed"
    AMENDED = "amended"


class Coverage(StrEnum):
    """Whether a model drafted the report, and if not, why not."""

    DRAFTED = "drafted"
    NOT_COVERED = "not_covered"
    FAILED = "failed"
    NOT_DRAFTED = "not_drafted"
    """A person began the report before any model drafted it."""


@dataclass(frozen=True)
class Evidence:
    """A key image that a sentence rests on."""

    image_id: str
    support: float | None
    """Log-probability of the sentence, Chinese and English together, gained by showing this image
    where all of the study's are blank, in nats; None while it was not measured."""


@dataclass(frozen=True)
class Sentence:
    """One statement in Chinese and English. Ids stay the same through every edit."""

    id: str
    zh: str
    en: str
    origin: Origin
    finding: str | None = None
    anatomy: str | None = None
    laterality: Laterality | None = None
    certainty: Certainty | None = None
    evidence: tuple[Evidence, ...] = ()
    kept: bool = False
    """A reader kept it as it stands although the image does not support it."""

    @property
    def support(self) -> float | None:
        """The most that any one image supports it, in nats; None where that was not measured."""
        measured = [one.support for one in self.evidence if one.support is not None]
        return max(measured, default=None)


@dataclass(frozen=True)
class Report:
    """A report's content, language-neutral at its core."""

    case_id: str
    findings: tuple[Sentence, ...]
    impression: tuple[Sentence, ...]

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """All sentences in reading order."""
        return self.findings + self.impression


@dataclass(frozen=True)
class SignedReport:
    """A frozen version. `content_sha` is the canonical hash of every other field as it is stored
    (`codec.signed_to_json`), the schema's number among them."""

    case_id: str
    version: int
    """1 for the first signature; an amendment adds one."""
    report: Report
    draft_sha: str | None
    """`Draft.request_sha` of the draft it began as; None where a person wrote from the skeleton."""
    author: str
    reviewer: str | None
    signed_at: datetime
    """UTC."""
    supersedes: str | None
    """`content_sha` of the version before, which chains the versions; None for the first."""
    content_sha: str
