"""kill -9 at any moment: the same command goes on and ends with the same files."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.finetune.adapt.values import Base
from radraft.store import adapters
from radraft.store.database import open_store
from tests.scale import scaled

from . import killed
from .world import contents, recipe

pytestmark = pytest.mark.slow
HOW = recipe(
    sft={"epochs": 1, "batch": 4, "learning_rate": 0.01},
    dpo={"epochs": 1, "batch": 4, "learning_rate": 0.001},
    checkpoint_every=1,
)
Attempt = Callable[..., int]


@pytest.fixture(scope="module")
def attempts() -> Attempt:
    pool = multiprocessing.get_context("spawn").Pool(1, initializer=killed.load)
    try:
        yield lambda *arguments: pool.apply(killed.attempt, arguments)
    finally:
        pool.terminate()
        pool.join()


def made(settings: Settings) -> list[dict[str, str]]:
    """The files of every registered adapter; each one's are all there and unchanged."""
    store = open_store(settings)
    try:
        with store.read() as session:
            found = adapters.adapters(session)
    finally:
        store.close()
    assert all(contents(settings, one) == dict(one.files) for one in found)
    return [dict(one.files) for one in found]


def survives(attempt: Attempt, settings: Settings, base: Base, parts: int, tmp_path: Path) -> None:
    def fresh(name: str) -> Settings:
        folder = tmp_path / name
        shutil.copytree(settings.data_dir, folder)
        return Settings(data_dir=folder)

    whole = fresh("whole")
    moments = attempt(whole, base, whole.data_dir / "run", HOW, None)
    (wanted,) = made(whole)
    for part in range(parts):
        at = 1 + (moments - 1) * part // (parts - 1)
        cut = fresh(f"cut-{at}")
        run = cut.data_dir / "run"
        assert attempt(cut, base, run, HOW, at) == -1
        assert made(cut) in ([], [wanted])
        assert attempt(cut, base, run, HOW, None) >= 0, f"killed at {at} of {moments}"
        assert made(cut) == [wanted]


@pytest.mark.scaled
def test_a_run_killed_at_any_moment_goes_on(
    attempts: Attempt, settings: Settings, ground: Base, tmp_path: Path
) -> None:
    survives(attempts, settings, ground, scaled(2, full=15), tmp_path)
