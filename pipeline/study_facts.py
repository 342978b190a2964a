"""What is known of a case's examination, for the proofreader: no name, no number of a patient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from radraft.reports.checks.values import Prior, StudyFacts
from radraft.reports.values import Laterality
from radraft.store import cases, instances, language_rules, priors
from radraft.studies.values import Acquired, Contrast, Role

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MOST_PRIORS = 1
"""Newest signed earlier reports that are read whole, as a reader compares with the last one; of
older ones only the day counts."""

_SEXES = frozenset({"M", "F"})
_SIDES = {"L": Laterality.LEFT, "R": Laterality.RIGHT, "B": Laterality.BILATERAL}


def study_facts(session: Session, case_id: str) -> StudyFacts:
    """Return what the store knows of the case's examination. NotFound `case_not_found`.

    Of contrast it knows only what the names of MR series say: that one was given, never that none
    was. Studies that came in before their images were listed have no views and no side.
    """
    case = cases.get_case(session, case_id)
    age_years, study_date = cases.age_and_date(session, case_id)
    images = [stored.deid.acquired for stored in instances.of_case(session, case_id)]
    earlier = priors.earlier_reports(session, case_id, most=MOST_PRIORS)
    return StudyFacts(
        modality=case.modality,
        body_part=case.body_part,
        views=tuple(sorted({image.projection for image in images if image.projection})),
        contrast=_contrast(images),
        laterality=_side(images),
        sex=case.sex if case.sex in _SEXES else "",
        age_years=None if age_years is None else float(age_years),
        study_date=study_date,
        reason=case.history,
        # That this store knows none says nothing of the hospital's archive.
        priors=tuple(Prior(report.study_date, report.texts) for report in earlier or ()) or None,
        language_rule=language_rules.of_site(session, case.site).rule,
    )


def _contrast(images: Iterable[Acquired]) -> bool | None:
    return True if any(image.contrast is Contrast.T1_ENHANCED for image in images) else None


def _side(images: Iterable[Acquired]) -> Laterality | None:
    """Return the side that every image is tagged with; None where one has no side or another one,
    since a tag that is missing says nothing."""
    tagged = {
        _SIDES.get(image.laterality)
        for image in images
        if image.role not in {Role.LOCALIZER, Role.DOSE, Role.CAPTURE}
    }
    return tagged.pop() if len(tagged) == 1 else None
