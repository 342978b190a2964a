"""Changed key images: what each change keeps and what it takes away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from radraft.core.errors import EvalError
from radraft.eval.looks.donors import Candidate, donors
from radraft.eval.looks.perturb import changed
from radraft.eval.looks.values import Change, Perturbation
from radraft.studies.key_images import image_id
from radraft.studies.values import KeyImages
from tests.llm.cases import make_images

NOISE = Perturbation(Change.NOISE, 5)
MIRRORED = Perturbation(Change.MIRRORED)
SHUFFLED = Perturbation(Change.SHUFFLED)
ANOTHER = Perturbation(Change.ANOTHER)


def images() -> KeyImages:
    made = make_images(2, size=24)
    return replace(
        made, images=tuple(replace(image, image_id=image_id(image.pixels)) for image in made.images)
    )


@pytest.mark.parametrize("change", [Change.BLANK, Change.NOISE, Change.MIRRORED])
def test_a_change_makes_new_images_of_the_same_size_with_ids_of_their_own(change: Change) -> None:
    before = images()
    after = changed(before, Perturbation(change), None)
    assert after.case_id == before.case_id
    assert len(after.images) == len(before.images)
    for old, new in zip(before.images, after.images, strict=True):
        assert new.pixels.shape == old.pixels.shape == new.values.shape
        assert new.pixels.dtype == np.uint8
        assert new.values.dtype == np.int16
        assert new.image_id == image_id(new.pixels) != old.image_id


def test_blank_is_mid_grey() -> None:
    for image in changed(images(), Perturbation(Change.BLANK), None).images:
        assert (image.pixels == 128).all()
        assert (image.values == 128).all()


def test_noise_has_the_same_pixels_in_another_order_and_repeats_itself() -> None:
    before = images()
    after = changed(before, NOISE, None)
    for old, new in zip(before.images, after.images, strict=True):
        assert sorted(new.pixels.ravel()) == sorted(old.pixels.ravel())
        assert (new.pixels != old.pixels).any()
        assert new.pixels.mean() == old.pixels.mean()
        assert new.pixels.std() == pytest.approx(old.pixels.std())
        # Pixels and values stay in step: the viewer's window still gives the pixels.
        assert (new.values == new.pixels).all()
    assert changed(before, NOISE, None) == after
    other = changed(before, Perturbation(Change.NOISE, 6), None)
    assert [o.image_id for o in other.images] != [a.image_id for a in after.images]


def test_mirroring_twice_gives_the_image_back() -> None:
    before = images()
    once = changed(before, MIRRORED, None)
    assert (once.images[0].pixels == before.images[0].pixels[:, ::-1]).all()
    assert (once.images[0].values == before.images[0].values[:, ::-1]).all()
    assert [i.image_id for i in changed(once, MIRRORED, None).images] == [
        i.image_id for i in before.images
    ]


def test_another_patients_images_keep_the_case_and_the_number() -> None:
    donor = replace(make_images(3, case_id="c-donor"), images=make_images(3).images[2:])
    after = changed(images(), ANOTHER, donor)
    assert after.case_id == images().case_id
    assert [i.image_id for i in after.images] == [donor.images[0].image_id] * 2
    with pytest.raises(ValueError, match="donor"):
        changed(images(), SHUFFLED, None)


@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.sampled_from(["frontal", "lateral", "unknown"])),
        min_size=2,
        max_size=20,
    ),
    st.integers(0, 5),
)
def test_nobody_gets_an_image_of_their_own_patient(rows: list[tuple[int, str]], seed: int) -> None:
    candidates = [Candidate(f"i{n}", f"p{p}", view) for n, (p, view) in enumerate(rows)]
    patient = {candidate.item: candidate.patient for candidate in candidates}
    view = {one.item: one.view for one in candidates}
    try:
        given_to = donors(candidates, Perturbation(Change.SHUFFLED, seed))
    except EvalError as error:
        assert error.code == "eval_looks_one_patient"
        most = max(list(patient.values()).count(p) for p in patient.values())
        assert 2 * most > len(candidates)
        return
    assert set(given_to) == set(given_to.values()) == set(patient)
    assert all(patient[a] != patient[b] for a, b in given_to.items())
    assert donors(candidates[::-1], Perturbation(Change.SHUFFLED, seed)) == given_to
    one_each = len(set(patient.values())) == len(patient)
    if one_each and all(list(view.values()).count(v) > 1 for v in view.values()):
        assert all(view[a] == view[b] for a, b in given_to.items())


def test_one_image_for_all_is_of_another_patient_for_its_own() -> None:
    candidates = [Candidate(f"i{n}", f"p{n // 2}", "frontal") for n in range(8)]
    given_to = donors(candidates, ANOTHER)
    patient = {candidate.item: candidate.patient for candidate in candidates}
    assert len(given_to) == 8
    assert all(patient[a] != patient[b] for a, b in given_to.items())
    assert len(set(given_to.values())) == 2
    assert donors(candidates, Perturbation(Change.ANOTHER, 1)) != given_to
    with pytest.raises(EvalError, match="eval_looks_one_patient"):
        donors(candidates[:2], ANOTHER)


def test_changes_of_the_image_itself_need_no_donor() -> None:
    assert donors([Candidate("a", "p", "frontal")], MIRRORED) == {}


def test_a_repeat_changes_nothing_but_the_name() -> None:
    repeat = Perturbation(Change.REPEAT)
    assert changed(images(), repeat, None) == images()
    assert (repeat.name, NOISE.name, MIRRORED.name) == ("repeat", "noise-5", "mirrored")
