"""One look: borders, size and histogram no longer tell films apart, and the chest stays where it
is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from radraft.vision_encoder.look import LONGEST, even, frame
from radraft.vision_encoder.preprocess import square


def film(rows: int = 200, columns: int = 180, seed: int = 0) -> np.ndarray:
    """Brighter to the right and below, grainy."""
    random = np.random.default_rng(seed)
    steps = np.add.outer(np.linspace(0, 60, rows), np.linspace(0, 90, columns))
    return (steps + random.integers(0, 60, (rows, columns)) + 20).astype(np.uint8)


@pytest.mark.parametrize("gray", [0, 255])
def test_a_border_is_taken_off_whatever_its_gray(gray: int) -> None:
    bordered = np.full((240, 200), gray, dtype=np.uint8)
    bordered[30:230, 15:195] = film()
    assert frame(bordered) == (30, 230, 15, 195)
    assert np.array_equal(even(bordered), even(film()))


def test_a_film_without_border_is_not_cut() -> None:
    assert frame(film()) == (0, 200, 0, 180)


def test_no_more_than_a_fifth_of_a_side_is_taken() -> None:
    assert frame(np.zeros((100, 50), dtype=np.uint8)) == (20, 80, 10, 40)


def test_the_histogram_is_the_same_whatever_the_exposure() -> None:
    dark, pale = film(), (film() * 0.5 + 100).astype(np.uint8)
    for one in (dark, pale):
        shares = np.histogram(even(one), bins=8, range=(0, 256))[0] / one.size
        assert shares == pytest.approx(np.full(8, 1 / 8), abs=0.02)


def test_a_large_film_is_reduced_and_a_small_one_left() -> None:
    assert even(film(500, 400)).shape == (LONGEST, round(400 * LONGEST / 500))
    assert even(film(64, 60)).shape == (64, 60)


@given(st.integers(0, 50))
def test_what_is_brighter_stays_brighter(seed: int) -> None:
    given_film = film(seed=seed)
    found = even(given_film).astype(int)
    order = np.argsort(given_film.ravel(), kind="stable")
    assert (np.diff(found.ravel()[order]) >= 0).all()


def test_left_stays_left() -> None:
    found = square(film(), 64, "even").astype(int)
    assert found[:, 40:].mean() > found[:, :24].mean() + 20


def test_an_even_film_made_even_again_hardly_changes() -> None:
    once = even(film())
    assert np.abs(even(once).astype(int) - once.astype(int)).max() <= 2


def test_a_film_of_one_gray_is_the_middle_gray() -> None:
    assert set(np.unique(even(np.full((20, 20), 7, dtype=np.uint8)))) == {128}
