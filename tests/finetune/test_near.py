from __future__ import annotations

import numpy as np
import pytest

from radraft.core.errors import NotFound
from radraft.finetune import near as module
from radraft.finetune.near import SAME, near, vectors
from radraft.store.database import Store
from radraft.vision_encoder import stored
from radraft.vision_encoder.values import ImageEmbedding

ENCODER = "encoder@0123456789abcdef"


def at(cosine: float) -> list[float]:
    """A unit vector at that cosine from (1, 0)."""
    return [cosine, float(np.sqrt(1 - cosine**2))]


def put(store: Store, image_id: str, vector: list[float]) -> None:
    embedding = ImageEmbedding(
        image_id, np.zeros((1, 2), np.float32), np.array(vector, dtype=np.float32)
    )
    store.objects.put(stored.key(ENCODER, image_id), stored.dump(embedding, ENCODER))


def test_stored_vectors_in_the_order_asked_and_of_unit_length(sqlite_store: Store) -> None:
    put(sqlite_store, "a", [3.0, 4.0])
    put(sqlite_store, "b", [0.0, 1.0])
    found = vectors(sqlite_store.objects, ENCODER, ["b", "a", "b"])
    assert np.allclose(found, np.array([[0.0, 1.0], [0.6, 0.8], [0.0, 1.0]]))
    assert vectors(sqlite_store.objects, ENCODER, []).shape[0] == 0


@pytest.mark.parametrize("damaged", [False, True])
def test_an_image_without_a_whole_embedding_is_refused(sqlite_store: Store, damaged: bool) -> None:
    put(sqlite_store, "a", [1.0, 0.0])
    if damaged:
        sqlite_store.objects.put(stored.key(ENCODER, "b"), b"torn")
    with pytest.raises(NotFound, match="object_not_found"):
        vectors(sqlite_store.objects, ENCODER, ["a", "b"])


def test_the_limit_is_where_the_same_picture_begins() -> None:
    picture = np.array([[1.0, 0.0]], dtype=np.float32)
    others = np.array([at(SAME - 1e-4), at(SAME + 1e-4), [1.0, 0.0]], dtype=np.float32)
    assert near(picture, others) == ((0, 1), (0, 2))
    assert near(others, picture) == ((1, 0), (2, 0))


def test_blocks_leave_no_pair_out() -> None:
    """More rows than two blocks, in any place of which a copy may stand."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(2 * module.BLOCK + 3, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    places = [0, module.BLOCK - 1, module.BLOCK, 2 * module.BLOCK, 2 * module.BLOCK + 2]
    assert near(rows, rows[places]) == tuple((row, at) for at, row in enumerate(places))


def test_nothing_is_near_nothing() -> None:
    some = np.array([[1.0, 0.0]], dtype=np.float32)
    assert near(some, np.zeros((0, 0), dtype=np.float32)) == ()
    assert near(np.zeros((0, 2), dtype=np.float32), some) == ()
