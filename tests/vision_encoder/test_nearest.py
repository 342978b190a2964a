"""Nearest neighbours: exactly, and by an index on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radraft.bench.starter_card.baselines import nearest
from radraft.vision_encoder.nearest import DamagedIndex, Floats, VectorIndex, exact


def unit(count: int, width: int = 32, seed: int = 0) -> Floats:
    made = np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)
    scaled: Floats = made / np.linalg.norm(made, axis=1, keepdims=True)
    return scaled


def filled(vectors: Floats) -> VectorIndex:
    index = VectorIndex.empty(vectors.shape[1])
    index.add(range(100, 100 + len(vectors)), vectors)
    return index


def test_the_baseline_of_evaluations_is_the_exact_search() -> None:
    queries, pool = unit(700, seed=1), unit(500, seed=2)
    expected = (queries @ pool.T).argmax(1)
    assert nearest(queries, pool).tolist() == expected.tolist()
    assert exact(queries, pool, 3)[:, 0].tolist() == expected.tolist()


def test_exact_gives_the_closest_first_and_no_more_than_there_are() -> None:
    pool = unit(4)
    found = exact(pool[2:3], pool, 9)
    cosines = pool @ pool[2]
    assert found.tolist() == [sorted(range(4), key=lambda place: -cosines[place])]


def test_the_index_finds_what_the_exact_search_finds(tmp_path: Path) -> None:
    pool, asked = unit(2000, seed=3), unit(50, seed=4)
    filled(pool).save(tmp_path / "vectors")
    opened = VectorIndex.open(tmp_path / "vectors", frozen=True)
    assert (len(opened), opened.width) == (2000, 32)
    truth = exact(asked, pool, 10) + 100
    found = [[one.key for one in opened.search(vector, 10)] for vector in asked]
    shared = [len({*one} & {*other}) for one, other in zip(found, truth.tolist(), strict=True)]
    assert sum(shared) / (10 * len(asked)) >= 0.95
    best = opened.search(asked[0], 1)[0]
    assert best.likeness == pytest.approx(float(pool[best.key - 100] @ asked[0]), abs=2e-3)


def test_what_was_removed_is_not_found_and_more_can_be_added(tmp_path: Path) -> None:
    pool = unit(20)
    filled(pool).save(tmp_path / "vectors")
    index = VectorIndex.open(tmp_path / "vectors", frozen=False)
    index.remove([103, 999])
    index.add([7], pool[3:4])
    assert len(index) == 20
    assert index.search(pool[3], 1)[0].key == 7


def test_a_damaged_file_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(DamagedIndex):
        VectorIndex.open(tmp_path / "missing", frozen=True)
    (tmp_path / "damaged").write_bytes(b"no index" * 100)
    with pytest.raises(DamagedIndex):
        VectorIndex.open(tmp_path / "damaged", frozen=True)


def test_an_empty_index_finds_nothing() -> None:
    assert VectorIndex.empty(32).search(unit(1)[0], 5) == ()
