"""`radraft serve` and `radraft worker` on one PostgreSQL over two vLLMs, of which one is killed and
started again while an adapter is promoted and taken back: every study once, by whom it names."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from radraft.bench.stub_replica import BASE, KEY, serving
from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline import promotion
from radraft.store import adapter_copies, adapters, drafts, leases
from radraft.store.database import Store, open_store
from radraft.store.tables import DraftRow
from tests.postgres import Cluster
from tests.processes import PROFILE, Program, answers, free_port, until
from tests.scale import scaled
from tests.site import Site
from tests.store.adapter_builders import SITE
from tests.waiting import add_waiting, machine

pytestmark = [
    pytest.mark.postgres, pytest.mark.stress, pytest.mark.timeout(1800),
]  # fmt: skip

STUDIES = scaled(64, full=500)
BY = re.compile(r"By (\S+) on (\d)\.")
MODEL = load_profile(PROFILE)


@pytest.fixture
def settings(cluster: Cluster, migrated: tuple[str, Path], tmp_path: Path) -> Iterator[Settings]:
    template, made_with = migrated
    cluster.create("replicas", template)
    folder = tmp_path / "first"
    folder.mkdir()
    shutil.copy(made_with / "site.secret", folder)
    objects = f"file://{tmp_path / 'objects'}"
    yield Settings(data_dir=folder, database_url=cluster.url("replicas"), objects_url=objects)
    cluster.drop("replicas")


def drafted(store: Store) -> int:
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(DraftRow)) or 0


def test_two_processes_lose_none_and_none_is_by_a_wrong_adapter(
    settings: Settings, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        store = open_store(settings)
        stack.callback(store.close)
        first = stack.enter_context(serving(1, seconds=0.3))
        second = stack.enter_context(serving(2, seconds=0.3))
        several = f"{first.url} {second.url}"
        shared = {
            "database_url": settings.database_url, "objects_url": settings.objects_url,
            "llm_url": several, "llm_key": KEY, "lease_s": "5",
        }  # fmt: skip
        made = [
            Program(
                machine(settings, tmp_path, "server"), ("serve",),
                {**shared, "port": str(free_port())},
            ),
            Program(
                machine(settings, tmp_path, "worker"), ("worker",),
                {**shared, "worker_port": str(free_port())},
            ),
        ]  # fmt: skip
        here = settings.model_copy(update={"llm_url": several, "llm_key": SecretStr(KEY)})
        site = Site(store, here, tmp_path)
        old, new = site.serving(1), site.shadow(2)
        for name in (old, new):
            with store.read() as session:
                adapter = adapters.get(session, name)
            adapter_copies.keep(store.objects, here.adapters_dir, adapter)
        for program in made:
            stack.callback(program.kill)
            program.start()
        for program in made:
            until(
                lambda program=program: answers(f"{program.url}/health/ready"),  # type: ignore[misc]
                alive=lambda program=program: program.is_alive,  # type: ignore[misc]
            )
        ids = add_waiting(store, range(1, STUDIES + 1))

        def settled(part: float) -> None:
            until(
                lambda: drafted(store) >= part * STUDIES,
                alive=lambda: all(program.is_alive for program in made),
            )

        settled(0.2)
        port = first.server_port
        first.kill()
        settled(0.4)
        promotion.promote(new, store=store, settings=here, profile=MODEL, by="Dr. Li")
        again = stack.enter_context(serving(1, port, 0.3))
        settled(0.7)
        promotion.roll_back(
            SITE, store=store, settings=here, profile=MODEL, by="Dr. Li", reason="worse"
        )
        settled(1.0)
        until(lambda: bool(again.reports) or old in again.adapters)
        found = []
        with store.read() as session:
            assert leases.leases(session) == ()
            for case_id in ids:
                stored = drafts.latest(session, case_id)
                assert stored is not None and stored.draft.error_code is None
                (words,) = {each.en for each in stored.draft.report.sentences}
                match = BY.fullmatch(words)
                assert match is not None
                assert match[1] == (stored.draft.adapter_id or BASE)
                found.append((match[1], int(match[2])))
        assert drafted(store) == STUDIES
        assert {name for name, _ in found} <= {old, new}
        assert {number for _, number in found} == {1, 2}
