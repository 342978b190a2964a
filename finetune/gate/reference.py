"""What a candidate's drafts are compared with: what was signed here, or the archive's reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from radraft.reports.values import Lang, Report

REFERENCE = "reference"
"""In `GateRecord.tested`, and in the detail of the check of the edit distance: which it was."""


class Reference(StrEnum):
    """Who wrote the reports that a candidate is compared by."""

    SIGNED = "signed"
    """People who signed them here."""
    ARCHIVE = "archive"
    """Another system's authors; nobody signed them here."""


def reference_of(told: Mapping[str, Any]) -> Reference:
    """Return the reference that `GateRecord.tested`, or a check's detail, names."""
    return Reference(told.get(REFERENCE, Reference.SIGNED))


class FrozenReport(Protocol):
    """A report of a held-out patient that drafts of its study are compared with."""

    @property
    def pair_id(self) -> str:
        """Canonical hash of what it says and of which images."""

    @property
    def case_id(self) -> str:
        """The study's."""

    @property
    def image_ids(self) -> tuple[str, ...]:
        """Its key images."""

    @property
    def encoder_id(self) -> str | None:
        """By whose embeddings the images are known again."""

    @property
    def asserted(self) -> Report:
        """What people assert, in `langs`."""

    @property
    def langs(self) -> tuple[Lang, ...]:
        """The languages that it is in."""


@dataclass(frozen=True)
class ArchivedReference:
    """`FrozenReport` of the archive."""

    pair_id: str
    case_id: str
    patient_ref: str = field(repr=False)
    image_ids: tuple[str, ...]
    encoder_id: str | None
    asserted: Report = field(repr=False)
    langs: tuple[Lang, ...]
