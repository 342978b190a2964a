"""Which image is a retake of which."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from radraft.studies.quality.values import Verdict
from radraft.studies.retakes import WITHIN, Exposure, find_retakes

START = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)
POOR = Exposure(
    arrival_id=1,
    at=START,
    device=("north", "DR1", "ROOM1"),
    sop_uid="1.2.1",
    study_uid="1.2",
    patient_id="MADE-UP-1",
    accession="A1",
    modality="DX",
    body_part="CHEST",
    view="PA",
    laterality="",
    verdict=Verdict.POOR,
)


def later(number: int = 2, minutes: float = 3, **changed: Any) -> Exposure:
    """A good take of the same, so many minutes after the poor one."""
    made: dict[str, Any] = {
        "arrival_id": number,
        "sop_uid": f"1.2.{number}",
        "at": START + timedelta(minutes=minutes),
        "verdict": Verdict.GOOD,
    }
    return replace(POOR, **made | changed)


def test_a_good_take_of_the_same_after_a_poor_one_replaces_it() -> None:
    assert find_retakes([POOR, later()]) == {2: 1}


def test_the_order_in_which_they_are_told_says_nothing() -> None:
    assert find_retakes([later(), POOR]) == {2: 1}


@pytest.mark.parametrize("verdict", [Verdict.GOOD, Verdict.USABLE, None])
def test_what_was_not_poor_is_not_replaced(verdict: Verdict | None) -> None:
    assert find_retakes([replace(POOR, verdict=verdict), later()]) == {}


@pytest.mark.parametrize(
    "changed",
    [
        {"device": ("north", "DR2", "ROOM1")},
        {"device": ("north", "DR1", "ROOM2")},
        {"device": ("south", "DR1", "ROOM1")},
        {"modality": "CR"},
        {"body_part": "ABDOMEN"},
        {"view": "LL"},
        {"view": ""},
        {"laterality": "L"},
        {"study_uid": "9.9", "patient_id": "MADE-UP-2"},
        {"study_uid": "9.9", "accession": "A2"},
        {"study_uid": "9.9", "accession": ""},
        {"sop_uid": "1.2.1"},
        {"minutes": WITHIN.total_seconds() / 60 + 1},
    ],
)
def test_another_image_is_no_retake(changed: dict[str, Any]) -> None:
    assert find_retakes([POOR, later(**changed)]) == {}


def test_another_study_of_the_same_patient_and_order_may_hold_the_retake() -> None:
    assert find_retakes([POOR, later(study_uid="9.9")]) == {2: 1}


@pytest.mark.parametrize("side", ["", "U"])
def test_of_a_paired_part_without_a_side_nobody_knows(side: str) -> None:
    hand = replace(POOR, body_part="HAND", laterality=side)
    assert find_retakes([hand, later(body_part="HAND", laterality=side)]) == {}
    left = replace(POOR, body_part="HAND", laterality="L")
    assert find_retakes([left, later(body_part="HAND", laterality="L")]) == {2: 1}


def test_slices_are_not_retaken() -> None:
    assert find_retakes([replace(POOR, modality="CT"), later(modality="CT")]) == {}


def test_of_three_takes_the_third_replaces_the_second() -> None:
    second = later(2, 2, verdict=Verdict.POOR)
    assert find_retakes([POOR, second, later(3, 4)]) == {2: 1, 3: 2}


@given(st.lists(st.sampled_from(Verdict), max_size=12), st.data())
def test_nothing_is_replaced_twice_or_by_what_came_before(
    verdicts: list[Verdict], data: st.DataObject
) -> None:
    takes = [later(n, n, verdict=verdict) for n, verdict in enumerate(verdicts, start=1)]
    found = find_retakes(data.draw(st.permutations(takes)))
    assert found == find_retakes(takes)
    assert len(set(found.values())) == len(found)
    assert all(before < after for after, before in found.items())
    by_id = {take.arrival_id: take for take in takes}
    assert all(by_id[before].verdict in {Verdict.POOR, Verdict.REFUSE} for before in found.values())
