"""Which slices stand for a stack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from radraft.studies.choose import slices
from radraft.studies.choose.stacks import Plane, Slot, plane, stacks
from radraft.studies.values import Acquired, Contrast, DeidInstance, View


def stack_of(places: list[float]) -> list[Slot]:
    one = DeidInstance("i", Path(), len(places), View.NONE)
    return [Slot(one, number, place) for number, place in enumerate(places)]


@given(st.lists(st.floats(-500, 500), min_size=1, max_size=80, unique=True), st.integers(1, 12))
def test_spread_covers_what_there_is(places: list[float], most: int) -> None:
    slots = stack_of(sorted(places))
    found = slices.spread(slots, most)
    assert 1 <= len(found) <= most
    assert list(found) == sorted(found, key=lambda slot: slot.place)
    if len(slots) <= most:
        assert list(found) == slots


def test_targets_are_the_middles_of_equal_parts() -> None:
    slots = stack_of([float(n) for n in range(61)])
    assert slices.targets(slots, 3) == (10.0, 30.0, 50.0)
    assert slices.targets(slots, 1) == (30.0,)
    assert [slot.frame for slot in slices.nearest(slots, 29.6)[:2]] == [30, 29]


def test_slices_that_differ_are_chosen_over_more_of_the_same() -> None:
    # Three kinds of anatomy; the middle one fills most of the stack.
    kinds = np.repeat(np.eye(3), (4, 12, 4), axis=0)
    noise = np.random.default_rng(3).normal(0, 0.02, kinds.shape)
    picked = slices.representatives([float(n) for n in range(20)], kinds + noise, 3)
    assert sorted(int(kinds[one].argmax()) for one in picked) == [0, 1, 2]


def test_one_odd_slice_at_the_end_does_not_stand_for_the_rest() -> None:
    vectors = np.vstack([np.tile([1.0, 0.0], (19, 1)), [[-1.0, 0.0]]])
    (picked,) = slices.representatives([float(n) for n in range(20)], vectors, 1)
    assert 4 <= picked <= 15


def test_what_is_fixed_stays_and_the_others_are_chosen_around_it() -> None:
    vectors = np.ones((30, 4))
    places = [float(n) for n in range(30)]
    picked = slices.representatives(places, vectors, 3, fixed=(2,))
    assert picked[0] == 2 and len(set(picked)) == 3
    assert min(abs(one - 2) for one in picked[1:]) >= 6
    assert slices.representatives(places[:2], np.zeros((2, 4)), 5) in {(0, 1), (1, 0)}


AXES = {
    Plane.AXIAL: ((1, 0, 0, 0, 1, 0), 2, -1.0),
    Plane.CORONAL: ((1, 0, 0, 0, 0, -1), 1, 1.0),
    Plane.SAGITTAL: ((0, 1, 0, 0, 0, -1), 0, 1.0),
}


@pytest.mark.parametrize("cut", AXES)
@pytest.mark.parametrize("flipped", [False, True])
def test_stacks_are_read_head_to_feet_front_to_back_right_to_left(
    cut: Plane, flipped: bool
) -> None:
    orientation, axis, direction = AXES[cut]
    if flipped:
        orientation = (*orientation[3:], *orientation[:3])
    along = [30.0, -10.0, 50.0, 10.0]
    instances = []
    for number, millimetres in enumerate(along):
        position = [1.0, 2.0, 3.0]
        position[axis] = millimetres
        said = Acquired(
            position=tuple(position), orientation=tuple(float(one) for one in orientation)
        )
        instances.append(DeidInstance(f"i{number}", Path(), 1, View.NONE, acquired=said))
    (stack,) = stacks(instances)
    assert stack.plane is cut and stack.measured and stack.reach == 60.0
    found = [along[int(slot.instance.instance_ref[1:])] for slot in stack.slots]
    assert found == sorted(along, reverse=direction < 0)


def test_nonsense_in_the_orientation_is_no_plane() -> None:
    assert plane((0, 0, 0, 0, 0, 0)) is Plane.UNKNOWN
    assert plane((1, 0, 0, 1, 0, 0)) is Plane.UNKNOWN
    assert plane((1e9, 0, 0, 0, 1e9, 0)) is Plane.UNKNOWN
    assert plane(None) is Plane.UNKNOWN


def test_one_place_again_and_again_reaches_nowhere() -> None:
    said = Acquired(position=(0, 0, 5.0), orientation=(1, 0, 0, 0, 1, 0), thickness=10.0)
    waiting = [DeidInstance(f"i{n}", Path(), 1, View.NONE, acquired=said) for n in range(20)]
    (stack,) = stacks(waiting)
    assert stack.reach == 0.0 and len(stack.slots) == 20


def test_of_several_b_values_the_strongest_is_shown() -> None:
    def at(number: int, height: float, contrast: Contrast) -> DeidInstance:
        said = Acquired(position=(0, 0, height), orientation=(1, 0, 0, 0, 1, 0), contrast=contrast)
        return DeidInstance(f"i{number}", Path(), 1, View.NONE, acquired=said)

    for contrast, wanted in ((Contrast.DIFFUSION, "i3"), (Contrast.T2, "i1")):
        members = [at(n, height, contrast) for n, height in enumerate((5.0, 0.0, 5.0, 0.0))]
        (stack,) = stacks(members)
        assert slices.nearest(stack.slots, 0.0)[0].instance.instance_ref == wanted
