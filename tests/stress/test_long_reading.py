"""Fifty readers work for two hours: nothing is refused, and the server keeps its memory."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from radraft.bench.department import drafted_patient, served, together
from radraft.bench.department_studies import fill, settle
from radraft.core.settings import Settings
from radraft.store.database import open_store
from tests.postgres import Cluster
from tests.ui import people, seed

pytestmark = [pytest.mark.stress, pytest.mark.postgres, pytest.mark.timeout(3 * 3600)]

MINUTES = float(os.environ.get("RADRAFT_READING_MINUTES", "120"))
STRETCHES = 8
READERS, STUDIES = 50, 20_000
EVERY_S = 6.0
"""Between what a reader does, as in `make bench-department`."""
GROWTH_MIB = 64
"""More than that from the second stretch to the last is memory that nobody gives back: 50 readers
held 40 to 60 MiB more than one, once."""


def test_two_hours_of_fifty_readers_take_no_more_memory_than_the_first_minutes(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.create("long")
    settings = Settings(data_dir=tmp_path / "data", database_url=cluster.url("long"))
    store = open_store(settings)
    fill(store, STUDIES)
    seconds = round(60 * MINUTES / STRETCHES)
    choice = Random(3)
    drafted = [
        seed.add(store, 10_000_000 + number, patient=drafted_patient(choice, number))
        for number in range(max(READERS, round(60 * MINUTES) * READERS // 60))
    ]
    settle(store)
    secrets = [people.session_of(store, f"reader {number}") for number in range(READERS)]
    store.close()
    share = len(drafted) // STRETCHES
    memory: list[float] = []
    refused: Counter[str] = Counter()
    answers = 0
    with served(settings.data_dir, settings.database_url, STUDIES) as server:
        for stretch in range(STRETCHES):
            studies = drafted[stretch * share : (stretch + 1) * share]
            asked = asyncio.run(together(server, secrets, studies, seconds, EVERY_S))
            memory.append(server.memory())
            answers += sum(map(len, asked.took.values()))
            refused += asked.refused
            with capsys.disabled():
                print(f"\n{answers} answers, {memory[-1]:.0f} MiB", end="", flush=True)
    cluster.drop("long")
    assert not refused
    assert answers > READERS * STRETCHES
    assert memory[-1] <= memory[1] + GROWTH_MIB, memory
