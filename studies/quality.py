"""Decides whether a study can be drafted from."""

from __future__ import annotations

from radraft.errors import StudyRejected
from radraft.studies.values import CheckedStudy, Study


def check(study: Study) -> CheckedStudy:
    """The study with what reading noticed. StudyRejected "no_drawable_image" without any image."""
    drawable = [one for one in study.instances if one.frames and one.rows and one.columns]
    if not drawable:
        raise StudyRejected("no_drawable_image")
    return CheckedStudy(study, study.issues)
