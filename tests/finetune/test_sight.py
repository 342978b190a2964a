from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from radraft.core.errors import EncodingError
from radraft.finetune.sight import Sight, sight
from radraft.store.database import Store
from radraft.vision_encoder import stored
from radraft.vision_encoder.heads import Heads
from radraft.vision_encoder.values import ImageEmbedding

ENCODER = "encoder@0123456789abcdef"
HEADS = Heads(
    ("pleural_effusion", "cardiomegaly"),
    2,
    np.array([[1, 0], [0, 2]], dtype=np.float32),
    np.array([-3, 1], dtype=np.float32),
)


def keep(store: Store, image_id: str, grid: npt.ArrayLike) -> None:
    """`grid` (rows, columns, 2)."""
    tokens = np.asarray(grid, dtype=np.float32).reshape(-1, 2)
    pooled = np.ones(2, dtype=np.float32) / np.float32(2**0.5)
    data = stored.dump(ImageEmbedding(image_id, tokens, pooled), ENCODER)
    store.objects.put(stored.key(ENCODER, image_id), data)


def one_side(columns: int, column: int, value: float) -> npt.NDArray[np.float64]:
    grid = np.zeros((columns, columns, 2))
    grid[:, column, 0] = value
    return grid


def test_the_patients_left_is_the_pictures_right(sqlite_store: Store) -> None:
    keep(sqlite_store, "a" * 64, one_side(4, 3, 4.0))
    keep(sqlite_store, "b" * 64, one_side(4, 0, 4.0))
    left = sight(sqlite_store.objects, ENCODER, HEADS, ["a" * 64])
    right = sight(sqlite_store.objects, ENCODER, HEADS, ["b" * 64])
    # A quarter of the tokens are 4, half of those of one side; the bias counts once.
    assert left["pleural_effusion"] == Sight(logit=-2.0, left=2.0)
    assert right["pleural_effusion"] == Sight(logit=-2.0, left=-2.0)
    assert left["cardiomegaly"] == Sight(logit=1.0, left=0.0)


def test_a_middle_column_is_on_neither_side(sqlite_store: Store) -> None:
    keep(sqlite_store, "a" * 64, one_side(3, 1, 9.0))
    assert sight(sqlite_store.objects, ENCODER, HEADS, ["a" * 64])["pleural_effusion"].left == 0.0


def test_each_head_takes_its_surest_image(sqlite_store: Store) -> None:
    keep(sqlite_store, "a" * 64, one_side(2, 1, 8.0))
    keep(sqlite_store, "b" * 64, one_side(2, 0, 2.0))
    both = sight(sqlite_store.objects, ENCODER, HEADS, ["b" * 64, "a" * 64])
    assert both["pleural_effusion"] == Sight(logit=1.0, left=8.0)


def test_what_is_not_stored_is_not_seen(sqlite_store: Store) -> None:
    keep(sqlite_store, "a" * 64, one_side(2, 1, 8.0))
    sqlite_store.objects.put(stored.key(ENCODER, "b" * 64), b"damaged")
    found = sight(sqlite_store.objects, ENCODER, HEADS, ["a" * 64, "b" * 64, "c" * 64])
    assert found["pleural_effusion"].left == 8.0
    assert sight(sqlite_store.objects, ENCODER, HEADS, ["b" * 64, "c" * 64]) == {}


def test_tokens_that_are_no_square_have_no_sides(sqlite_store: Store) -> None:
    keep(sqlite_store, "a" * 64, np.zeros((2, 3, 2)))
    with pytest.raises(EncodingError) as caught:
        sight(sqlite_store.objects, ENCODER, HEADS, ["a" * 64])
    assert caught.value.code == "projector_grid"
