"""Two app servers and three draft workers on one PostgreSQL, each killed again and again: every
study is drafted exactly once."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from radraft.bench import stub_vllm
from radraft.core.settings import Settings
from radraft.reports import codec
from radraft.reports.values import Coverage
from radraft.store import cases, leases
from radraft.store.cases import CaseState
from radraft.store.database import Store, open_store
from radraft.store.tables import DraftRow
from tests.postgres import Cluster
from tests.processes import Program, answers, free_port, until
from tests.scale import scaled
from tests.waiting import add_waiting, machine

pytestmark = [
    pytest.mark.stress, pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(1800),
]  # fmt: skip

SERVERS, WORKERS = 2, 3
KILLS = scaled(5, full=5 * (SERVERS + WORKERS))
AT_A_TIME = scaled(16, full=80)
"""Studies that come in before each kill, so that it falls into the middle of the work."""
STUDIES = KILLS * AT_A_TIME
LEASE_S = 5
"""Short: each kill leaves up to 16 studies whose leases have to expire."""
DRAFT_S = 1.0


@pytest.fixture
def settings(cluster: Cluster, migrated: tuple[str, Path], tmp_path: Path) -> Iterator[Settings]:
    template, made_with = migrated
    cluster.create("killed", template)
    folder = tmp_path / "first"
    folder.mkdir()
    shutil.copy(made_with / "site.secret", folder)
    objects = f"file://{tmp_path / 'objects'}"
    yield Settings(data_dir=folder, database_url=cluster.url("killed"), objects_url=objects)
    cluster.drop("killed")


def programs(settings: Settings, root: Path, model: str) -> list[Program]:
    """Each on a machine of its own, all on one database and one place of objects."""
    shared = {"database_url": settings.database_url, "objects_url": settings.objects_url}
    made = [
        Program(
            machine(settings, root, f"server-{number}"),
            ("serve", "--no-worker"),
            {**shared, "port": str(free_port())},
        )
        for number in range(SERVERS)
    ]
    made += [
        Program(
            machine(settings, root, f"worker-{number}"),
            ("worker",),
            {
                **shared,
                "llm_url": model,
                "lease_s": str(LEASE_S),
                "worker_port": str(free_port()),
            },
        )
        for number in range(WORKERS)
    ]
    return made


def drafted(store: Store) -> int:
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(DraftRow)) or 0


def unsettled(store: Store) -> int:
    with store.read() as session:
        counts = cases.state_counts(session, CaseState.RECEIVED, CaseState.DRAFTING)
    return sum(counts.values())


def told_by(server: Program, state: str) -> int:
    """How many studies a server counts in a state, as Prometheus reads it."""
    text = httpx.get(f"{server.url}/metrics", trust_env=False, timeout=60).text
    found = re.search(rf'^radraft_cases{{state="{state}"}} (\S+)$', text, re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


def test_each_study_is_drafted_once_while_every_process_is_killed_in_turn(
    settings: Settings, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        store = open_store(settings)
        stack.callback(store.close)
        case_ids: list[str] = []
        model = stack.enter_context(stub_vllm.serving(DRAFT_S))
        made = programs(settings, tmp_path, model.url)
        for program in made:
            stack.callback(program.kill)
            program.start()
        for number, program in enumerate(islice(cycle(made), KILLS)):
            wait_ready(program)
            first = 1 + number * AT_A_TIME
            case_ids += add_waiting(store, range(first, first + AT_A_TIME))
            some = drafted(store) + AT_A_TIME // 4
            until(lambda some=some: drafted(store) >= some or unsettled(store) == 0)  # type: ignore[misc]
            program.kill()
            program.start()
        until(lambda: unsettled(store) == 0)
        for program in made:
            wait_ready(program)
        for server in made[:SERVERS]:
            assert (told_by(server, "drafted"), told_by(server, "failed")) == (STUDIES, 0)
        for program in made:
            assert program.end() == 0, program.said()
        check(store, tuple(case_ids))
        print(
            f"{STUDIES} studies, {KILLS} kills, {model.asked} drafts asked of the model, "
            f"{model.asked - STUDIES} of them anew, {model.most_at_once} at once"
        )


def wait_ready(program: Program) -> None:
    until(lambda: answers(f"{program.url}/health/ready"), alive=lambda: program.is_alive)


def check(store: Store, case_ids: tuple[str, ...]) -> None:
    with store.read() as session:
        rows = session.execute(select(DraftRow.case_id, DraftRow.content)).all()
        assert leases.leases(session) == ()
    assert Counter(row.case_id for row in rows) == Counter(case_ids)
    assert {codec.draft_from_json(row.content).coverage for row in rows} == {Coverage.DRAFTED}
