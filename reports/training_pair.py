"""The values that cross the boundaries of `finetune/`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from radraft.reports.draft import Draft
from radraft.reports.values import Section, SignedReport


class Edit(StrEnum):
    """What the reader did to a drafted sentence."""

    KEPT = "kept"
    REWORDED = "reworded"
    """Other words for the same findings."""
    CORRECTED = "corrected"
    """Other findings, or another certainty or side of one."""
    DELETED = "deleted"
    ADDED = "added"


@dataclass(frozen=True)
class SentenceEdit:
    """One sentence, draft against signed."""

    sentence_id: str
    section: Section
    edit: Edit
    moved: bool
    """Whether it changed section or its order among the sentences that stayed."""
    distance_zh: float
    """Normalised Levenshtein distance by character, 0 same to 1 nothing in common."""
    distance_en: float
    findings: tuple[str, ...] = ()
    """Codes that a correction, deletion or addition changed, sorted."""
    sides: tuple[str, ...] = ()
    """Codes that kept their certainty and changed their side, sorted; only of a correction."""


@dataclass(frozen=True)
class EditStats:
    """All edits of one report and the whole report's normalised edit distances."""

    sentences: tuple[SentenceEdit, ...]
    distance_zh: float
    distance_en: float

    @property
    def distance(self) -> float:
        """The mean of both languages."""
        return (self.distance_zh + self.distance_en) / 2


@dataclass(frozen=True)
class TrainingPair:
    """What a signature teaches: what was asked, what was drafted, what was signed."""

    pair_id: str
    """Canonical hash of the pair's content."""
    case_id: str
    site: str
    request: str
    """Canonical JSON of the draft request's messages, image ids, encoder id and template."""
    request_sha: str | None
    template_sha: str | None
    image_ids: tuple[str, ...]
    encoder_id: str | None
    draft: Draft
    signed: SignedReport
    stats: EditStats
    seconds: float | None
    """From the signer's last opening of the study in the page to the signature; None where it was
    not opened there."""
    split: str
    """`train` or `held_out`, decided by the patient's reference so that no patient is in both."""
