"""The starter's checkpoint built anew, by two processes at once."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from radraft.llm import checkpoint
from tests.llm.test_checkpoint import assert_whole

pytestmark = [pytest.mark.stress, pytest.mark.timeout(1800)]


def test_two_processes_build_one_checkpoint_from_the_weights(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        first, second = pool.map(checkpoint.build, [tmp_path, tmp_path])
    assert first == second == tmp_path / f"starter-{checkpoint.starter_hash()}"
    assert sorted(item.name for item in tmp_path.iterdir()) == [first.name, "starter.lock"]
    assert_whole(first, checkpoint.build_base(tmp_path))
