"""What a study's header says against drafting from it."""

from __future__ import annotations

from radraft.core.errors import StudyRejected
from radraft.studies.quality import series, tags
from radraft.studies.quality.values import Reason, most_serious_first
from radraft.studies.values import CheckedStudy, Study


def check(study: Study) -> CheckedStudy:
    """Return the study with what reading noticed and what its tags and series lack.

    StudyRejected "no_drawable_image" without any image.
    """
    drawable = [
        instance
        for instance in study.instances
        if instance.frames and instance.rows and instance.columns
    ]
    if not drawable:
        raise StudyRejected("no_drawable_image")
    found: tuple[Reason, ...] = (*tags.reasons(study), *series.reasons(study))
    return CheckedStudy(study, study.issues, most_serious_first(found))
