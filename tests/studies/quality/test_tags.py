"""What the header lacks or contradicts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from radraft.core.errors import StudyRejected
from radraft.studies.quality import check
from radraft.studies.quality.values import Verdict
from radraft.studies.values import Instance, Study, Technique
from tests.builders import make_study

SPACED = Technique(modality="CR", pixel_spacing=(0.15, 0.15), photometric="MONOCHROME2")


def good(**changes: Any) -> Study:
    """A chest film whose header says everything."""
    made = make_study(1)
    return replace(made, instances=(replace(made.instances[0], technique=SPACED),), **changes)


def image(study: Study, **changes: Any) -> Study:
    """`study` with its image changed."""
    return replace(study, instances=(replace(study.instances[0], **changes),))


def technique(study: Study, **changes: Any) -> Study:
    """`study` with what its image says of its making changed."""
    return image(study, technique=replace(study.instances[0].technique, **changes))


def codes(study: Study) -> dict[str, Verdict]:
    return {reason.code: reason.severity for reason in check(study).reasons}


def test_a_whole_header_has_no_fault() -> None:
    assert codes(good()) == {}


def test_a_study_without_an_image_is_refused() -> None:
    with pytest.raises(StudyRejected) as error:
        check(image(good(), frames=0))
    assert error.value.code == "no_drawable_image"


@pytest.mark.parametrize(
    ("code", "study"),
    [
        ("quality_age_missing", good(age_years=None)),
        ("quality_age_contradicts", good(age_years=12)),
        ("quality_age_impossible", good(age_years=140)),
        ("quality_sex_missing", good(patient=replace(good().patient, sex=""))),
        ("quality_body_part_missing", good(body_part="", description="")),
        ("quality_body_part_unknown", good(body_part="TORAX")),
        ("quality_body_part_contradicts", good(body_part="HAND", description="CHEST PA")),
        ("quality_laterality_missing", good(body_part="KNEE", description="")),
        ("quality_view_missing", image(good(), view_position="")),
        ("quality_spacing_missing", technique(good(), pixel_spacing=None)),
        ("quality_photometric", technique(good(), photometric="RGB")),
        ("quality_burned_in", technique(good(), burned_in="YES")),
        ("quality_secondary_capture", image(good(), sop_class_uid="1.2.840.10008.5.1.4.1.1.7")),
        ("quality_modality_contradicts", image(good(), sop_class_uid="1.2.840.10008.5.1.4.1.1.2")),
        ("quality_spacing_missing_slices", technique(good(modality="CT"), pixel_spacing=None)),
    ],
)
def test_each_fault_is_said_once(code: str, study: Study) -> None:
    found = [reason.code for reason in check(study).reasons]
    assert found.count(code) == 1


def test_what_is_only_counted_stands_last() -> None:
    study = technique(good(age_years=None), pixel_spacing=None)
    assert [reason.severity for reason in check(study).reasons] == [Verdict.USABLE, Verdict.GOOD]


def test_a_side_that_was_sent_is_enough() -> None:
    assert codes(technique(good(body_part="KNEE", description=""), laterality="L")) == {}


def test_ages_may_be_rounded() -> None:
    assert "quality_age_contradicts" not in codes(good(age_years=55))


def test_an_age_comes_from_the_date_of_birth_alone() -> None:
    born = replace(good().patient, birth_date=date(2026, 3, 3))
    assert "quality_age_contradicts" not in codes(good(patient=born, age_years=0))


def test_kinds_of_projection_are_one() -> None:
    assert codes(good(modality="DX")) == {}


def test_the_first_instance_is_not_the_only_one() -> None:
    study = good()
    other: Instance = replace(study.instances[0], sop_instance_uid="1.2.3", view_position="")
    assert "quality_view_missing" in codes(replace(study, instances=(*study.instances, other)))
