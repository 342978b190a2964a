"""Whether a model may draft a case, and if not, why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from radraft.store import quality
from radraft.studies.quality.values import Verdict

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.llm.profiles import Profile
    from radraft.studies.values import DeidStudy

WITHHELD = {Verdict.POOR: "quality_poor", Verdict.REFUSE: "quality_refused"}
"""Verdicts that nothing is drafted from, and the message code that says so."""


@dataclass(frozen=True)
class Barred:
    """No model may draft the case."""

    why: str
    """Message code."""


def barred(session: Session, profile: Profile, case: DeidStudy) -> Barred | None:
    """Return why no model may draft this case; None where one may."""
    if not profile.covers(case.modality, case.body_part, case.view):
        return Barred("study_not_covered")
    verdict = quality.verdict(session, case.case_id)
    return Barred(WITHHELD[verdict]) if verdict in WITHHELD else None
