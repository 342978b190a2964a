"""`radraft worker` beside `radraft serve --no-worker`, as processes on one database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from radraft.bench.stub_vllm import StubVllm, serving
from radraft.core.settings import Settings
from radraft.reports.values import Coverage
from radraft.store import cases, drafts, leases, workers
from radraft.store.cases import CaseState
from radraft.store.database import Store, open_store
from tests.pipeline.test_draft_worker import waiting_case
from tests.processes import Program, answers, free_port, until

pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(Settings(data_dir=tmp_path / "data"))
    yield opened
    opened.close()


@contextmanager
def worker(folder: Path, model: StubVllm, **settings: str) -> Iterator[Program]:
    program = Program(folder, ("worker",), {"llm_url": model.url, **settings})
    program.start()
    try:
        yield program
    finally:
        program.kill()


def state(store: Store, case_id: str) -> CaseState:
    with store.read() as session:
        return cases.get_case(session, case_id).state


def test_a_worker_drafts_what_a_server_without_one_took_in(store: Store, tmp_path: Path) -> None:
    folder, port, health = tmp_path / "data", free_port(), free_port()
    server = Program(folder, ("serve", "--no-worker"), {"port": str(port)})
    server.start()
    try:
        ready = f"http://127.0.0.1:{port}/health/ready"
        until(lambda: answers(ready), alive=lambda: server.is_alive)
        case_id = waiting_case(store)
        told = httpx.get(ready, trust_env=False).json()
        assert (told["llm"], state(store, case_id)) == ("no_worker", CaseState.RECEIVED)
        with serving() as model, worker(folder, model, worker_port=str(health)) as drafting:
            until(
                lambda: state(store, case_id) is CaseState.DRAFTED, alive=lambda: drafting.is_alive
            )
            until(lambda: httpx.get(ready, trust_env=False).json()["llm"] == "ready")
            until(lambda: answers(f"http://127.0.0.1:{health}/health/ready"))
            figures = httpx.get(f"http://127.0.0.1:{health}/metrics", trust_env=False).text
            assert 'radraft_drafts_total{outcome="drafted"} 1.0' in figures
            assert 'radraft_draft_workers{llm="ready"} 1.0' in figures
            page = httpx.get(f"http://127.0.0.1:{health}/api/session", trust_env=False)
            assert page.status_code == 404
            assert drafting.end() == 0
        with store.read() as session:
            assert workers.living(session) == ()
            made = drafts.latest(session, case_id)
        assert made is not None
        assert made.draft.coverage is Coverage.DRAFTED
        assert server.is_alive
    finally:
        server.kill()


def test_a_worker_that_is_ended_gives_back_what_it_was_drafting(
    store: Store, tmp_path: Path
) -> None:
    with serving(seconds=3600) as model, worker(tmp_path / "data", model) as drafting:
        case_id = waiting_case(store)
        until(lambda: model.asked == 1, alive=lambda: drafting.is_alive)
        assert state(store, case_id) is CaseState.DRAFTING
        assert drafting.end() == 0
    assert state(store, case_id) is CaseState.RECEIVED
    with store.read() as session:
        assert leases.leases(session) == ()


def test_a_worker_is_not_ready_without_its_vllm(store: Store, tmp_path: Path) -> None:
    health = free_port()
    settings = {"llm_url": "http://127.0.0.1:9", "worker_port": str(health)}
    drafting = Program(tmp_path / "data", ("worker",), settings)
    drafting.start()
    try:
        live = f"http://127.0.0.1:{health}/health/live"
        until(lambda: answers(live), alive=lambda: drafting.is_alive)
        answer = httpx.get(f"http://127.0.0.1:{health}/health/ready", trust_env=False)
        assert (answer.status_code, answer.json()["ready"]) == (503, False)
        assert answer.json()["database"] == "ok"
    finally:
        drafting.kill()


def test_no_worker_and_no_llm_are_two_things(tmp_path: Path) -> None:
    program = Program(tmp_path / "data", ("serve", "--no-worker", "--no-llm"), {})
    program.start()
    assert program.child is not None
    assert program.child.wait(60) == 1
    assert "serve_options" in program.said() or "--no-worker" in program.said()
