"""The values that cross the boundaries of `finetune.archive_set`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

TRAIN, VALID, HELD_OUT = "train", "valid", "held_out"
VALID_PERCENT = 5
"""Of the patients that train: they say when to stop."""
MOST_SAME = 20
"""How often one text may stand among the examples of one kind, unless a person says otherwise."""


class Kind(StrEnum):
    """What an example teaches."""

    IMAGE = "image"
    """The report of the study's key images."""
    IMPRESSION = "impression"
    """The impression of given findings: text alone."""
    TRANSLATION = "translation"
    """A sentence in the other language: text alone."""
    PRIOR = "prior"
    """The report of the key images beside the earlier report of the same patient."""

    @property
    def has_images(self) -> bool:
        """Return whether its prompt shows key images."""
        return self in (Kind.IMAGE, Kind.PRIOR)


class Reason(StrEnum):
    """Why a report, or one example of it, is left out."""

    UNREADABLE = "unreadable"
    """Its row, or that of its study, is damaged."""
    EMPTY = "empty"
    """Nothing in it but marks, numbers and what was taken out."""
    ADDENDUM = "addendum"
    """It was added to: the two together are not how a report is written."""
    IDENTIFIED = "identified"
    """Today's rules still find identity in it."""
    MIXED_LANGUAGES = "mixed_languages"
    """Sentences of both languages that are not each other's translation."""
    NO_IMAGES = "no_images"
    NO_PIXELS = "no_pixels"
    """A picture is gone from the store, or, where the pictures go with the set, damaged."""
    NOT_COVERED = "not_covered"
    """The profile's model does not draft such studies."""
    POOR = "poor"
    """Its images were judged too poor to draft from."""
    LEAKED = "leaked"
    """Shows the picture of a held-out patient: the same, or nearly so by its embedding."""
    LEAKED_TEXT = "leaked_text"
    """Word for word the report of a held-out patient, and of few others."""
    LEAKED_PRIOR = "leaked_prior"
    """Its earlier report is that of a held-out patient."""
    DUPLICATE = "duplicate"
    """The picture of another study with the same text."""
    REPEATED = "repeated"
    """Its text stands often enough already."""
    NO_FINDINGS = "no_findings"
    NO_IMPRESSION = "no_impression"
    ONE_LANGUAGE = "one_language"
    """There is no text of it in the other language."""
    NOT_ALIGNED = "not_aligned"
    """The two languages have another number of sentences, or do not say the same."""
    NO_PRIOR = "no_prior"
    """No earlier study of the patient is known, or a person has yet to say whose it is."""
    PRIOR_UNREPORTED = "prior_unreported"
    """Earlier studies have no report, or none in a language of this one."""
    PRIOR_ELSEWHERE = "prior_elsewhere"
    """The earlier report is another site's."""


@dataclass(frozen=True)
class SetSettings:
    """What a person chose."""

    kinds: tuple[Kind, ...] = (Kind.IMAGE,)
    addenda: bool = False
    """Take reports with addenda too, joined as one text."""
    most_same: int = MOST_SAME
    """How often one text may stand among the train examples of one kind; 0: any number."""
    other_sites: bool = False
    """Let an earlier report be another site's."""
    pixels: bool = False
    """Write the pictures beside the set."""


@dataclass(frozen=True)
class ArchiveSetCount:
    """What was written, and why the rest was not."""

    examples: int
    """To train on, those that say when to stop among them."""
    held_out: int
    """Reports to evaluate with."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """By reason: reports, or of a kind that not all give, `kind: reason`."""
    kinds: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Examples of each kind: `train`, `valid`, `held_out`."""
    images: int = 0
    """Different key images of the written examples."""
    without_embedding: int = 0
    """Key images that no copy could be found of: no embedding of them is stored."""


Example = dict[str, Any]
"""One line, in the form of `finetune.export`."""


def drawn(patient_ref: str) -> int:
    """Return a number of a patient, 0 to 2^64, that says nothing else of him."""
    digest = hashlib.sha256(f"valid:{patient_ref}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def share_of(patient_ref: str, least: int = 0) -> str:
    """Return `valid` for a twentieth of the patients that train, and for whoever drew no more than
    `least`; else `train`."""
    return VALID if drawn(patient_ref) <= max(least, 2**64 * VALID_PERCENT // 100) else TRAIN
