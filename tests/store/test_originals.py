"""Files that studies came as, in object storage."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from radraft.core.errors import NotFound
from radraft.store import originals
from radraft.store.objects import Objects

SIZE = 32 << 20


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects.open("", tmp_path / "objects")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.dcm"
    path.write_bytes(bytes(range(256)) * (SIZE // 256))
    return path


def peak(work: Callable[[], object]) -> int:
    """Return the most bytes that Python objects took at once while `work` ran."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_original_is_kept_and_fetched_without_being_held_whole(
    objects: Objects, large: Path, tmp_path: Path
) -> None:
    keys: list[str] = []
    assert peak(lambda: keys.append(originals.put(objects, "c-1", large))) < SIZE // 4
    fetched = tmp_path / "fetched.dcm"
    assert peak(lambda: objects.get_file(keys[0], fetched)) < SIZE // 4
    assert fetched.read_bytes() == large.read_bytes()
    assert fetched.stat().st_mode & 0o077 == 0


def test_the_same_bytes_have_one_key_and_other_bytes_another(
    objects: Objects, tmp_path: Path
) -> None:
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    for path, content in ((one, b"a"), (same, b"a"), (other, b"b")):
        path.write_bytes(content)
    keys = [originals.put(objects, "c-1", path) for path in (one, same, other)]
    assert keys[0] == keys[1] != keys[2]


def test_what_is_not_there_leaves_no_file(objects: Objects, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        objects.get_file("originals/c-1/none.dcm", tmp_path / "none")
    assert not (tmp_path / "none").exists()
