"""What was computed is found again, and only for what it was computed from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radraft.eval.cache import Cache, metrics_sha, versions


def test_a_value_comes_back_with_its_arrays(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "new")
    key = {"lang": "zh", "texts": "ab"}
    assert cache.get(key) is None
    cache.put(key, {"n": [1, None, "影"]}, {"report/x": np.array([1.0, np.nan])})
    found = cache.get(key)
    assert found is not None
    assert found[0] == {"n": [1, None, "影"]}
    assert np.array_equal(found[1]["report/x"], [1.0, np.nan], equal_nan=True)
    assert cache.get({**key, "texts": "ac"}) is None
    assert [path.suffix for path in (tmp_path / "new").iterdir()] == [".npz"]


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 cut", b"not an archive"])
def test_a_damaged_entry_is_computed_again(tmp_path: Path, damage: bytes) -> None:
    cache = Cache(tmp_path)
    cache.put({"a": 1}, {}, {})
    (entry,) = tmp_path.iterdir()
    entry.write_bytes(damage)
    assert cache.get({"a": 1}) is None


def test_half_an_archive_is_computed_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put({"a": 1}, {"x": "y" * 4000}, {"b": np.random.default_rng(0).random(4000)})
    (entry,) = tmp_path.iterdir()
    entry.write_bytes(entry.read_bytes()[: entry.stat().st_size // 2])
    assert cache.get({"a": 1}) is None


def test_without_a_folder_nothing_is_kept() -> None:
    Cache(None).put({"a": 1}, {}, {})
    assert Cache(None).get({"a": 1}) is None


def test_a_folder_that_cannot_be_written_costs_the_cache_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    cache = Cache(tmp_path / "file")
    cache.put({"a": 1}, {}, {})
    assert cache.get({"a": 1}) is None


def test_the_code_that_scores_has_one_hash() -> None:
    assert metrics_sha() == metrics_sha()
    assert len(metrics_sha()) == 64
    assert "numpy" in versions()
