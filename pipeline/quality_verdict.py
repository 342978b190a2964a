"""A case's image quality as its reader is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from radraft.core.errors import NotFound
from radraft.store import quality
from radraft.studies.quality.texts import said
from radraft.studies.quality.values import Reason, Verdict


@dataclass(frozen=True)
class Remark:
    """One thing that is wrong with the images, and what to correct at the scanner."""

    code: str
    severity: Verdict
    zh: str
    en: str


@dataclass(frozen=True)
class QualityRemarks:
    """The verdict and what led to it, the most serious first."""

    verdict: Verdict
    remarks: tuple[Remark, ...]


def quality_remarks(session: Session, case_id: str) -> QualityRemarks | None:
    """Return what was found wrong with the case's images; None where nobody judged them."""
    try:
        found = quality.of_case(session, case_id)
    except NotFound:
        return None
    return QualityRemarks(found.verdict, remarks_of(found.reasons))


def remarks_of(reasons: Iterable[Reason]) -> tuple[Remark, ...]:
    """Return what a person is told of `reasons`, in their order; nothing of those that change
    nothing."""
    wrong = [reason for reason in reasons if reason.severity is not Verdict.GOOD]
    return tuple(Remark(reason.code, reason.severity, *said(reason)) for reason in wrong)
