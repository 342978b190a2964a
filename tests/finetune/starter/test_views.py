"""The images that pairs are made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radraft.finetune.starter import views
from radraft.finetune.starter.recipe import PairRecipe
from radraft.vision_encoder.train.data import Images, Row
from radraft.vision_encoder.train.recipe import Augment

SIZE = 64


def films(count: int = 24) -> Images:
    random = np.random.default_rng(0)
    rows, answers = [], np.full((count, 2), np.nan, dtype=np.float32)
    for index in range(count):
        split = "train" if index % 2 else "valid"
        rows.append(Row(Path("film.png"), "adults", split, str(index), {"a": index == 1}))
        answers[index, 0] = index == 1
    pixels = random.integers(0, 256, (count, SIZE, SIZE), dtype=np.uint8)
    return Images(tuple(rows), pixels, answers)


def recipe(**changes: object) -> PairRecipe:
    return PairRecipe.model_validate({"count": 10, "shares": {"adults": 1.0}} | changes)


def test_the_same_seed_draws_the_same_view() -> None:
    images = films()
    one, two, other = (views.draw(images, recipe(), Augment(), 5, seed) for seed in (0, 0, 1))
    assert np.array_equal(one.pixels, two.pixels) and one.row == two.row
    assert not np.array_equal(one.pixels, other.pixels)


def test_only_training_films_are_drawn() -> None:
    images = films()
    drawn = [views.draw(images, recipe(), Augment(), n, 0) for n in range(40)]
    assert {images.rows[view.row].split for view in drawn} == {"train"}


def test_the_rare_finding_is_drawn_more_often() -> None:
    images = films()
    drawn = [views.draw(images, recipe(nothing=0.0), Augment(), n, 0).row for n in range(300)]
    others = [drawn.count(row) for row in set(drawn) - {1}]
    assert drawn.count(1) > 2 * np.mean(others)


def test_unchanged_and_unmixed_where_the_recipe_says_so() -> None:
    images = films()
    view = views.draw(images, recipe(changed=0.0, mixed=0.0, nothing=0.0), Augment(), 3, 0)
    assert np.array_equal(view.pixels, images.pixels[view.row])
    assert view.mixed_with is None


@pytest.mark.parametrize("kind", range(4))
def test_nothing_shows_no_lungs(kind: int) -> None:
    film = np.tile(np.arange(SIZE, dtype=np.uint8), (SIZE, 1))
    changed = views.nothing(kind, film, np.random.default_rng(0))
    assert changed.shape == film.shape and changed.dtype == np.uint8
    centre = (slice(16, 48), slice(16, 48))
    assert not np.array_equal(changed[centre], film[centre])


def test_a_set_without_training_films_is_not_drawn_from() -> None:
    images = films()
    drawn = [
        views.draw(images, recipe(shares={"adults": 0.1, "none": 5.0}), Augment(), n, 0).source
        for n in range(20)
    ]
    assert set(drawn) <= {"adults", views.NOTHING}
