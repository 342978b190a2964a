"""Frames that are kept on disk: bounded, shared by processes, and never wrong."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from radraft.pipeline.frame_cache import FrameCache
from tests import children

SECRET = b"a secret of a test"


def cache(folder: Path, most: int = 1 << 20) -> FrameCache:
    return FrameCache(folder, SECRET, most=most, spare=0)


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_what_was_put_is_got_and_names_say_nothing(tmp_path: Path) -> None:
    kept = cache(tmp_path)
    kept.put("c-0000000000000001", "1 i-0000000000000001 0 full", b"values")
    assert kept.get("c-0000000000000001", "1 i-0000000000000001 0 full") == b"values"
    assert kept.get("c-0000000000000002", "1 i-0000000000000001 0 full") is None
    names = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")]
    assert names
    assert not any("0000000000000001" in name for name in names)
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.rglob("*"))


def test_the_oldest_go_where_it_would_grow_over_its_bound(tmp_path: Path) -> None:
    kept = cache(tmp_path, most=100_000)
    for number in range(200):
        kept.put("c-1", str(number), bytes(2_000))
        # One that is asked for all the time stays.
        assert kept.get("c-1", "0") is not None, number
    assert size(tmp_path) <= 100_000 * (1 + 1 / 32) + 2_004
    assert kept.get("c-1", "199") is not None
    assert kept.get("c-1", "1") is None


def test_nothing_is_kept_where_there_is_no_room(tmp_path: Path) -> None:
    none = cache(tmp_path, most=0)
    none.put("c-1", "x", b"values")
    full = FrameCache(tmp_path, SECRET, most=1 << 20, spare=1 << 60)
    full.put("c-1", "x", b"values")
    assert none.get("c-1", "x") is None
    assert size(tmp_path) == 0


def test_a_damaged_file_is_as_none(tmp_path: Path) -> None:
    kept = cache(tmp_path)
    kept.put("c-1", "x", b"the values of a frame")
    (path,) = (path for path in tmp_path.glob("*/*") if path.is_file())
    for damage in (path.read_bytes()[:-3], b"", os.urandom(30)):
        path.write_bytes(damage)
        assert kept.get("c-1", "x") is None
        assert not path.exists()
        kept.put("c-1", "x", b"the values of a frame")
    assert kept.get("c-1", "x") == b"the values of a frame"


def test_a_case_is_forgotten_and_the_others_stay(tmp_path: Path) -> None:
    kept = cache(tmp_path)
    kept.put("c-1", "x", b"1")
    kept.put("c-2", "x", b"2")
    kept.forget("c-1")
    kept.forget("c-3")
    assert (kept.get("c-1", "x"), kept.get("c-2", "x")) == (None, b"2")


def filled(folder: Path, worker: int) -> int:
    """How many answers were neither none nor what was put under that name."""
    kept = cache(folder, most=60_000)
    wrong = 0
    for number in range(120):
        name = str(number % 40)
        kept.put("c-1", name, name.encode() * 1_000)
        found = kept.get("c-1", str((number * 7 + worker) % 40))
        wrong += found is not None and found != str((number * 7 + worker) % 40).encode() * 1_000
    return wrong


def test_several_processes_share_it(tmp_path: Path) -> None:
    with ProcessPoolExecutor(3, mp_context=children.context) as pool:
        assert list(pool.map(filled, [tmp_path] * 3, range(3))) == [0, 0, 0]
    assert size(tmp_path) <= 60_000 + 3 * (60_000 / 32 + 2_004)
    assert not list(tmp_path.rglob("*.*.*"))
