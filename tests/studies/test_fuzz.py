"""Mutated files through the code of `radraft study check`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from radraft.core.errors import catalogue
from tests.scale import scaled
from tests.studies import builders
from tests.studies.mutate import CHANGES, mutate, sources

ROOT = Path(__file__).resolve().parents[2]
FILES = scaled(150, full=1000)


def test_a_seed_gives_the_same_mutant_always() -> None:
    files = sources(builders.BUNDLED)
    first = [mutate(seed, files) for seed in range(40)]
    assert first == [mutate(seed, files) for seed in range(40)]
    assert len({one.data for one in first}) == len(first)


@pytest.mark.slow
def test_every_kind_of_change_changes_files() -> None:
    files = sources(builders.BUNDLED)
    changed = {}
    for seed in range(600):
        mutant = mutate(seed, files)
        if len(mutant.changes) == 1:
            differs = mutant.data != mutant.source.read_bytes()
            changed[mutant.changes[0]] = changed.get(mutant.changes[0], False) or differs
    assert {name for name, differs in changed.items() if differs} >= set(CHANGES)


@pytest.mark.slow
@pytest.mark.scaled
def test_mutants_neither_kill_nor_hang_nor_swell() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "radraft.bench.fuzz", "--files", str(FILES), "--bundled", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    result = json.loads(done.stdout)
    assert result["offenders"] == []
    assert done.returncode == 0
    assert result["files"] == FILES
    assert set(result["codes"]) <= {"ok", *catalogue()}
    assert result["codes"]["ok"] > FILES / 10 and len(result["codes"]) > 10
    assert sum(result["peak_mib_over_rest"]) < 1024
