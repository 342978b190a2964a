"""Signs of life of processes that draft, and what servers that do not draft make of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from radraft.core.errors import DraftingError
from radraft.core.settings import Settings
from radraft.llm.link import LlmLink, LlmState
from radraft.llm.profiles import load_profile
from radraft.pipeline.draft_workers import LOOK_S, TERM_S, WorkerSight, WorkerSigns, counts
from radraft.store import workers
from radraft.store.database import Store
from radraft.store.leases import Owner
from radraft.store.presence import clock
from radraft.store.tables import DraftWorkerRow
from radraft.store.workers import WorkerSign
from tests.processes import until

SIGN = WorkerSign("w-1", "worker-1", TERM_S, 16, "starter", LlmState.READY.value, None)


class Clock:
    """Seconds that go on as a test says."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def beat(store: Store, *signs: WorkerSign) -> None:
    for sign in signs:
        with store.begin() as session:
            workers.beat(session, sign)


def silent_since(store: Store, worker_id: str, seconds: float) -> None:
    with store.begin() as session:
        session.execute(
            update(DraftWorkerRow)
            .where(DraftWorkerRow.worker_id == worker_id)
            .values(beat_at=clock(session) - timedelta(seconds=seconds))
        )


def test_who_gives_signs_of_life_drafts_and_who_ended_does_not(store: Store) -> None:
    other = replace(SIGN, worker_id="w-2", host="worker-2")
    beat(store, SIGN, other, SIGN)
    with store.read() as session:
        assert {worker.sign for worker in workers.living(session)} == {SIGN, other}
    with store.begin() as session:
        workers.end(session, other.worker_id)
    with store.read() as session:
        [left] = workers.living(session)
    assert left.sign == SIGN


def test_who_gives_no_sign_any_more_counts_as_gone_and_is_forgotten_later(store: Store) -> None:
    beat(store, SIGN)
    silent_since(store, SIGN.worker_id, TERM_S)
    with store.read() as session:
        assert workers.living(session) == ()
    silent_since(store, SIGN.worker_id, workers.KEPT.total_seconds() + 1)
    beat(store, replace(SIGN, worker_id="w-2"))
    with store.read() as session:
        assert session.get(DraftWorkerRow, SIGN.worker_id) is None


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ((), LlmState.NO_WORKER),
        (("starting",), LlmState.STARTING),
        (("down",), LlmState.DOWN),
        (("down", "ready", "starting"), LlmState.READY),
        (("down", "starting"), LlmState.STARTING),
    ],
)
def test_of_several_workers_the_best_is_told(
    sqlite_store: Store, states: tuple[str, ...], told: LlmState
) -> None:
    for number, state in enumerate(states):
        beat(sqlite_store, replace(SIGN, worker_id=f"w-{number}", llm=state))
    sight = WorkerSight(sqlite_store)
    assert sight.state() is told
    assert sum(counts(sight.living()).values()) == len(states)


def test_why_no_draft_comes_is_said(sqlite_store: Store) -> None:
    now = Clock()
    sight = WorkerSight(sqlite_store, now)
    problem = sight.problem()
    assert problem is not None
    assert problem.code == "no_draft_worker"
    beat(sqlite_store, replace(SIGN, llm="down", llm_code="llm_unreachable"))
    now.now += LOOK_S
    problem = sight.problem()
    assert problem is not None
    assert (problem.code, "llm_unreachable" in problem.message_en) == ("workers_without_llm", True)
    beat(sqlite_store, SIGN)
    now.now += LOOK_S
    assert sight.problem() is None


def test_a_process_signs_with_the_state_of_its_vllm_and_signs_off(
    store: Store, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "data", llm_url="http://127.0.0.1:9")
    link = LlmLink(settings, load_profile("starter"), pause_s=0.01, patience_s=0.3)
    signs = WorkerSigns(store, Owner(), link, slots=3, model="starter")

    def told() -> list[tuple[str, str | None]]:
        with store.read() as session:
            return [(one.sign.llm, one.sign.llm_code) for one in workers.living(session)]

    link.start()
    signs.start()
    try:
        until(lambda: told() == [("down", "llm_unreachable")])
    finally:
        signs.close()
        link.stop()
    assert told() == []


def test_a_server_without_drafting_uses_the_vllm_of_its_data_folder_or_says_there_is_none(
    tmp_path: Path,
) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    link = LlmLink(settings, load_profile("starter"), starts=False, pause_s=0.01)
    link.start()
    try:
        until(lambda: link.state() is LlmState.DOWN)
        problem = link.problem()
    finally:
        link.stop()
    assert isinstance(problem, DraftingError)
    assert problem.code == "llm_elsewhere"
