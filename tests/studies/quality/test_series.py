"""Slices: thin enough, and all there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from radraft.studies.quality import check
from radraft.studies.quality.values import Reason
from radraft.studies.values import Instance, Study, Technique
from tests.builders import make_study

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def slices(places: Iterable[float], series: str = "1.1", **changes: Any) -> list[Instance]:
    """One slice at each of `places` (mm)."""
    thickness = changes.pop("thickness", 5.0)
    kind = changes.pop("kind", ("ORIGINAL", "PRIMARY", "AXIAL"))
    one = make_study(1).instances[0]
    return [
        replace(
            one,
            sop_instance_uid=f"{series}.{number}",
            series_uid=series,
            instance_number=number,
            sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
            technique=Technique(
                modality="CT",
                image_type=kind,
                pixel_spacing=(0.7, 0.7),
                slice_thickness=thickness,
                position=(0.0, 0.0, place),
                orientation=AXIAL,
            ),
            **changes,
        )
        for number, place in enumerate(places, start=1)
    ]


def study(instances: Sequence[Instance], body_part: str = "CHEST") -> Study:
    return replace(make_study(1), modality="CT", body_part=body_part, instances=tuple(instances))


def reasons(instances: Sequence[Instance], body_part: str = "CHEST") -> dict[str, Reason]:
    return {reason.code: reason for reason in check(study(instances, body_part)).reasons}


WHOLE = [5.0 * n for n in range(50)]


def test_a_whole_series_has_no_fault() -> None:
    assert reasons(slices(WHOLE)) == {}


def test_a_gap_says_how_wide_and_how_much_is_missing() -> None:
    found = reasons(slices(place for n, place in enumerate(WHOLE) if n not in {20, 21}))
    assert found["quality_slice_gap"].value == pytest.approx(3)
    assert found["quality_slices_missing"].value == pytest.approx(2 / 50)
    assert found["quality_slices_missing"].severity.value == "usable"
    many = reasons(slices(place for n, place in enumerate(WHOLE) if not 20 <= n < 30))
    assert many["quality_slices_missing"].severity.value == "poor"


def test_without_places_the_numbers_say_what_is_missing() -> None:
    numbered = [
        replace(one, technique=replace(one.technique, position=None)) for one in slices(WHOLE)
    ]
    assert reasons(numbered) == {}
    found = reasons([one for one in numbered if one.instance_number != 7])
    assert found["quality_slices_missing"].value == pytest.approx(1 / 50)


def test_thickness_is_held_against_the_body_part() -> None:
    thick = slices(WHOLE, thickness=8.0)
    found = reasons(thick)["quality_slices_thick"]
    assert (found.value, found.limit, found.severity.value) == (8.0, 5.0, "usable")
    assert reasons(slices(WHOLE, thickness=11.0))["quality_slices_thick"].severity.value == "poor"
    assert "quality_slices_thick" not in reasons(thick, "HIP")


def test_the_best_series_counts() -> None:
    thick = slices(WHOLE, "1.1", thickness=10.0)
    assert "quality_slices_thick" in reasons(thick)
    assert reasons([*thick, *slices(WHOLE, "1.2", thickness=1.25)]) == {}


def test_localisers_and_derived_images_are_no_series() -> None:
    scout = slices([0.0, 300.0], "1.9", kind=("ORIGINAL", "PRIMARY", "LOCALIZER"))
    assert reasons([*scout, *slices(WHOLE)]) == {}
    assert reasons(scout) == {}


def test_phases_at_one_place_are_no_gap() -> None:
    twice = [place for place in WHOLE for _ in range(2)]
    assert reasons(slices(twice)) == {}


def test_a_short_range_and_single_slices() -> None:
    found = reasons(slices(WHOLE[:12]))
    assert found["quality_series_short"].value == pytest.approx(55)
    assert found["quality_series_short"].limit == pytest.approx(160)
    assert reasons(slices(WHOLE[:3]))["quality_few_slices"].value == 3


def test_frames_of_an_enhanced_image_are_not_counted_as_slices() -> None:
    assert reasons(slices([0.0], frames=120)) == {}
