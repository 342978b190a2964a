"""Drafting with two vLLMs of which one is killed, hangs, lies or breaks off: every case is drafted
once, and by whom its draft names."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from radraft.bench.stub_replica import BASE, KEY, Fault, StubReplica, serving
from radraft.core.settings import Settings
from radraft.llm.endpoint import Endpoint
from radraft.llm.replicas.router import Replicas, ReplicaState, Timing
from radraft.pipeline import promotion
from radraft.pipeline.adapter_router import Router
from radraft.pipeline.claims import Claims
from radraft.pipeline.draft_batch import draft_many
from radraft.pipeline.draft_worker import Worker
from radraft.reports.draft import Draft
from radraft.reports.values import Coverage
from radraft.store import drafts
from radraft.store.database import Store
from radraft.store.leases import Owner
from radraft.store.tables import DraftRow
from tests.llm.test_replicas import until
from tests.pipeline.test_draft_worker import waiting_case
from tests.scale import scaled
from tests.site import PROFILE, Site
from tests.store.adapter_builders import SITE

pytestmark = [pytest.mark.slow, pytest.mark.scaled]

QUICK = Timing(pause=0.05, longest_pause=0.2, patience=3.0)
STUDIES = scaled(48, full=500)
BY = re.compile(r"By (\S+) on (\d)\.")


class Department:
    """A site of two vLLMs."""

    def __init__(self, store: Store, folder: Path, stubs: list[StubReplica]) -> None:
        self.stubs = stubs
        urls = " ".join(stub.url for stub in stubs)
        self.settings = Settings(
            data_dir=folder / "data", llm_url=urls, llm_key=KEY, draft_timeout_s=60
        )
        self.store = store
        self.site = Site(store, self.settings, folder)

    @contextmanager
    def asking(self) -> Iterator[Replicas]:
        """What one process knows of both."""
        router = Router(self.store, self.settings.adapters_dir)
        replicas = Replicas(self.settings, PROFILE, lambda: router.serving(PROFILE), QUICK)
        replicas.start()
        try:
            until(lambda: all(each.state is READY for each in replicas.status()))
            yield replicas
        finally:
            replicas.stop()

    def draft(self, *case_ids: str, timeout_s: float = 60.0) -> tuple[Draft, ...]:
        settings = self.settings.model_copy(update={"draft_timeout_s": timeout_s})
        with self.asking() as replicas:
            endpoint = replicas.endpoint()
            assert endpoint is not None
            self.spoil()
            outcomes = asyncio.run(
                draft_many(
                    case_ids,
                    store=self.store,
                    settings=settings,
                    profile=PROFILE,
                    endpoint=endpoint,
                    vision=None,
                    again=True,
                )
            )
        assert [outcome.error for outcome in outcomes] == [None] * len(case_ids)
        return tuple(outcome.draft for outcome in outcomes if outcome.draft is not None)

    def spoil(self, fault: Fault | None = None) -> None:
        """Have the first do wrong from now on."""
        if fault is None:
            fault, self._next = self._next, Fault.NONE
        self.stubs[0].fault = fault

    _next = Fault.NONE

    def next_fault(self, fault: Fault) -> None:
        """Have the first do so once both are known to be well."""
        self._next = fault


READY = ReplicaState.READY


@pytest.fixture
def department(sqlite_store: Store, tmp_path: Path) -> Iterator[Department]:
    with serving(1) as first, serving(2) as second:
        yield Department(sqlite_store, tmp_path, [first, second])


def writer(made: Draft) -> tuple[str, int]:
    """Who wrote it and where, by the text itself; the draft must name the same."""
    assert made.coverage is Coverage.DRAFTED, made.error_code
    (words,) = {sentence.en for sentence in made.report.sentences}
    match = BY.fullmatch(words)
    assert match is not None
    assert match[1] == (made.adapter_id or BASE)
    return match[1], int(match[2])


FAULTS = (
    Fault.HANGS, Fault.STUCK, Fault.HALF, Fault.LIES, Fault.NAMELESS, Fault.REFUSES_KEY,
    Fault.SICK, Fault.FAILS_REPORTS, Fault.LISTS_ONLY,
)  # fmt: skip


def test_both_draft_at_once(department: Department) -> None:
    serving_now = department.site.serving(1)
    ids = [waiting_case(department.store, number) for number in range(1, 17)]
    found = set(map(writer, department.draft(*ids)))
    assert found == {(serving_now, 1), (serving_now, 2)}


@pytest.mark.parametrize(
    ("fault", "adapted"), [*((fault, True) for fault in FAULTS), (Fault.LIES, False)]
)
def test_what_one_does_wrong_is_drafted_by_the_other(
    fault: Fault, adapted: bool, department: Department
) -> None:
    wanted = department.site.serving(1) if adapted else BASE
    department.next_fault(fault)
    ids = [waiting_case(department.store, number) for number in range(1, 7)]
    # What is stuck is waited for so long, and no longer.
    timeout_s = 10.0 if fault is Fault.STUCK else 60.0
    assert {*map(writer, department.draft(*ids, timeout_s=timeout_s))} == {(wanted, 2)}


def test_a_base_that_was_exchanged_behind_the_address_drafts_nothing(
    department: Department,
) -> None:
    wanted = department.site.serving(1)
    first = department.stubs[0]
    ids = [waiting_case(department.store, number) for number in range(1, 7)]
    with department.asking() as replicas:
        endpoint = replicas.endpoint()
        assert endpoint is not None
        # The same name, other weights, and the adapters of the old one loaded again.
        first.root, first.seconds = "Qwen/Qwen3-VL-4B-Instruct", 0.2
        outcomes = asyncio.run(
            draft_many(
                ids, store=department.store, settings=department.settings, profile=PROFILE,
                endpoint=endpoint, vision=None,
            )
        )  # fmt: skip
    made = [outcome.draft for outcome in outcomes if outcome.draft is not None]
    assert {*map(writer, made)} == {(wanted, 2)}
    assert first.reports == []


def test_without_the_adapter_on_any_vllm_the_base_drafts_and_is_named(
    department: Department,
) -> None:
    for stub in department.stubs:
        stub.fault = Fault.REFUSES_LOADS
    case_id = waiting_case(department.store)
    router = Router(department.store, department.settings.adapters_dir)
    replicas = Replicas(department.settings, PROFILE, lambda: router.serving(PROFILE), QUICK)
    department.site.serving(1)
    replicas.start()
    try:
        until(lambda: all(each.lacks for each in replicas.status()))
        endpoint = replicas.endpoint()
        assert endpoint is not None
        (outcome,) = asyncio.run(
            draft_many(
                [case_id], store=department.store, settings=department.settings, profile=PROFILE,
                endpoint=endpoint, vision=None,
            )
        )  # fmt: skip
    finally:
        replicas.stop()
    assert outcome.draft is not None
    assert writer(outcome.draft)[0] == BASE


@contextmanager
def worker(department: Department, replicas: Replicas) -> Iterator[Worker]:
    made = Worker(
        department.store,
        PROFILE,
        endpoint=replicas.endpoint,
        vision=lambda: None,
        router=Router(department.store, department.settings.adapters_dir),
        slots=4,
        vllms=2,
        timeout_s=60.0,
        claims=Claims(department.store, owner=Owner(term_s=60)),
    )
    made.start()
    try:
        yield made
    finally:
        made.stop()
        made.join(60)


def test_sentences_of_a_vllm_that_went_away_are_no_longer_shown(department: Department) -> None:
    first, second = department.stubs
    first.seconds = second.seconds = 600.0
    with department.asking() as replicas, worker(department, replicas) as drafting:
        case_id = waiting_case(department.store)
        drafting.wake()

        def shown() -> list[str]:
            return [sentence.sentence.en for sentence in drafting.partial(case_id)]

        until(lambda: shown() == [f"By {BASE} on 1."])
        first.kill()
        until(lambda: shown() == [f"By {BASE} on 2."])
        second.seconds = 0.0
        second.ending.set()


def drafted(store: Store) -> int:
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(DraftRow)) or 0


@pytest.mark.timeout(1800)
def test_none_is_lost_and_none_by_a_wrong_adapter_while_one_is_killed_and_another_promoted(
    department: Department, sqlite_store: Store
) -> None:
    """Two that draft at once, as a server and a worker do, each with its own sight of the vLLMs;
    one vLLM is killed and started again, while an adapter is promoted and taken back."""
    old, port = department.site.serving(1), department.stubs[0].server_port
    new = department.site.shadow(2)
    for stub in department.stubs:
        stub.seconds = 0.05
    ids = [waiting_case(sqlite_store, number) for number in range(1, STUDIES + 1)]

    def settled(part: float) -> None:
        until(lambda: drafted(sqlite_store) >= part * STUDIES)

    settings = department.settings
    with (
        department.asking() as replicas,
        department.asking() as others,
        worker(department, replicas) as one,
        worker(department, others) as two,
    ):
        one.wake()
        two.wake()
        settled(0.2)
        department.stubs[0].kill()
        settled(0.4)
        promotion.promote(new, store=sqlite_store, settings=settings, profile=PROFILE, by="Dr. Li")
        assert new in department.stubs[1].adapters
        with serving(1, port, 0.05) as again:
            settled(0.7)
            until(lambda: {old, new} & again.adapters.keys() != set())
            promotion.roll_back(
                SITE, store=sqlite_store, settings=settings, profile=PROFILE, by="Dr. Li",
                reason="worse",
            )  # fmt: skip
            settled(1.0)
            until(lambda: bool(again.reports))
    found = []
    with sqlite_store.read() as session:
        for case_id in ids:
            stored = drafts.latest(session, case_id)
            assert stored is not None
            found.append(writer(stored.draft))
    assert drafted(sqlite_store) == STUDIES
    assert {name for name, _ in found} == {old, new}
    assert {number for _, number in found} == {1, 2}


def test_a_single_vllm_that_answers_in_anothers_name_drafts_nothing(
    sqlite_store: Store, tmp_path: Path
) -> None:
    with serving(1) as only:
        only.fault = Fault.LIES
        (outcome,) = asyncio.run(
            draft_many(
                [waiting_case(sqlite_store)], store=sqlite_store,
                settings=Settings(data_dir=tmp_path / "data"), profile=PROFILE,
                endpoint=Endpoint(only.url, KEY, BASE), vision=None,
            )
        )  # fmt: skip
    assert outcome.draft is not None
    assert (outcome.draft.coverage, outcome.draft.error_code) == (
        Coverage.FAILED,
        "llm_other_model",
    )
    assert outcome.draft.report.sentences == ()
