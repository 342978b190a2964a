"""Several vLLMs at the wire: which are asked, and what keeps one from being asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from radraft.bench.stub_replica import KEY, OTHER, Fault, StubReplica, serving
from radraft.core.errors import DraftingError, StorageUnavailable
from radraft.core.settings import Settings
from radraft.llm.link import LlmLink, LlmState
from radraft.llm.profiles import load_profile
from radraft.llm.question import ModelCard
from radraft.llm.replicas.drained import DrainedFile
from radraft.llm.replicas.look import listing
from radraft.llm.replicas.router import Replicas, ReplicaState, Timing
from radraft.llm.replicas.survey import survey
from tests.store.adapter_builders import write_adapter

pytestmark = pytest.mark.slow

PROFILE = load_profile("qwen3-vl-8b-instruct")
ONE, TWO = "a-0000000000000001", "a-0000000000000002"
QUICK = Timing(pause=0.02, longest_pause=0.1, patience=2.0)


def until(condition: Callable[[], bool]) -> None:
    """Waits for what threads do; the test's own time limit ends a vain wait."""
    pause = threading.Event()
    while not condition():
        pause.wait(0.01)


class Desk:
    """Two vLLMs and what asks them."""

    def __init__(self, folder: Path, stubs: list[StubReplica]) -> None:
        self.stubs = stubs
        self.wanted: dict[str, Path] = {}
        self.settings = Settings(
            data_dir=folder / "data", llm_url=", ".join(stub.url for stub in stubs), llm_key=KEY
        )

    def ask(self) -> Replicas:
        return Replicas(self.settings, PROFILE, lambda: dict(self.wanted), QUICK)

    def adapter(self, folder: Path, name: str = ONE) -> str:
        self.wanted[name] = write_adapter(folder / name)
        return name


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with serving(1) as first, serving(2) as second:
        yield Desk(tmp_path, [first, second])


@contextmanager
def asking(desk: Desk) -> Iterator[Replicas]:
    replicas = desk.ask()
    replicas.start()
    try:
        until(lambda: all(each.state is not ReplicaState.STARTING for each in replicas.status()))
        yield replicas
    finally:
        replicas.stop()


def states(replicas: Replicas) -> list[ReplicaState]:
    return [each.state for each in replicas.status()]


def codes(replicas: Replicas) -> list[str | None]:
    return [each.problem and each.problem.code for each in replicas.status()]


READY, OUT = ReplicaState.READY, ReplicaState.OUT


@pytest.mark.parametrize("text", ["http://a:1, http://b:2/", " http://a:1 http://b:2 http://a:1 "])
def test_addresses_are_divided_by_commas_or_blanks_and_each_counts_once(text: str) -> None:
    assert Settings(llm_url=text).llm_urls == ("http://a:1", "http://b:2")
    assert Settings(llm_url="http://a:1/").llm_url == "http://a:1"


def test_the_one_with_the_least_to_write_is_asked_next(desk: Desk) -> None:
    with asking(desk) as replicas, ExitStack() as stack:
        until(lambda: states(replicas) == [READY, READY])

        def begin(tokens: int) -> int:
            use = stack.enter_context(replicas.use(None, tokens))
            assert use is not None
            return use.number

        assert [begin(tokens) for tokens in (900, 500, 500, 10, 10)] == [1, 2, 1 + 1, 1, 1]
        assert [each.outstanding_tokens for each in replicas.status()] == [920, 1000]
        stack.close()
        assert [each.outstanding_tokens for each in replicas.status()] == [0, 0]


def test_adapters_are_loaded_before_a_vllm_is_ready_and_again_when_it_comes_back(
    desk: Desk, tmp_path: Path
) -> None:
    name = desk.adapter(tmp_path)
    with asking(desk) as replicas:
        until(lambda: states(replicas) == [READY, READY])
        assert all(name in stub.adapters for stub in desk.stubs)
        second = desk.stubs[1]
        port = second.server_port
        second.kill()
        until(lambda: states(replicas) == [READY, OUT])
        problem = replicas.problem()
        assert problem is not None and problem.code == "llm_replicas_out"
        assert "2: llm_unreachable" in problem.message_en
        assert second.url not in str(problem)
        with serving(2, port) as again:
            until(lambda: states(replicas) == [READY, READY])
            assert name in again.adapters
            assert again.calls == [("/v1/load_lora_adapter", name), ("/v1/completions", name)]
        until(lambda: OUT in states(replicas))


def test_one_that_cannot_be_given_an_adapter_is_left_out_and_named(
    desk: Desk, tmp_path: Path
) -> None:
    desk.stubs[0].fault = Fault.REFUSES_LOADS
    name = desk.adapter(tmp_path)
    with asking(desk) as replicas:
        until(lambda: states(replicas) == [ReplicaState.WITHOUT_ADAPTER, READY])
        assert codes(replicas) == ["adapter_not_loaded", None]
        assert replicas.status()[0].lacks == {name}
        with replicas.use(None, 1) as use, replicas.use(None, 1) as other:
            assert use is not None and other is not None
            assert (use.number, other.number) == (2, 2)
        assert replicas.serving() == 1
        desk.stubs[0].fault = Fault.NONE
        until(lambda: states(replicas) == [READY, READY])


def test_an_adapter_that_none_can_be_given_ends_no_drafting(desk: Desk, tmp_path: Path) -> None:
    name = desk.adapter(tmp_path)
    for stub in desk.stubs:
        stub.fault = Fault.REFUSES_LOADS
    with asking(desk) as replicas:
        until(lambda: states(replicas) == [ReplicaState.WITHOUT_ADAPTER] * 2)
        assert replicas.endpoint() is not None
        assert replicas.serving() == 2
        assert all(name in each.lacks for each in replicas.status())


FAULTS: Mapping[Fault, str] = {
    Fault.HANGS: "llm_no_answer",
    Fault.SICK: "llm_unreachable",
    Fault.REFUSES_KEY: "llm_refused",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_that_is_not_well_keeps_nobody_waiting_and_comes_back(fault: Fault, desk: Desk) -> None:
    with asking(desk) as replicas:
        until(lambda: states(replicas) == [READY, READY])
        desk.stubs[0].fault = fault
        until(lambda: states(replicas) == [OUT, READY])
        assert codes(replicas) == [FAULTS[fault], None]
        endpoint = replicas.endpoint()
        assert endpoint is not None and endpoint.url == desk.stubs[1].url
        if fault is not Fault.HANGS:
            desk.stubs[0].fault = Fault.NONE
            until(lambda: states(replicas) == [READY, READY])


def test_drafts_of_one_that_stays_away_are_given_up(desk: Desk) -> None:
    with asking(desk) as replicas:
        until(lambda: states(replicas) == [READY, READY])
        with replicas.use(None, 1) as use, replicas.use(None, 1) as other:
            assert use is not None and other is not None
            desk.stubs[0].fault = Fault.HANGS
            until(use.lost)
            assert not other.lost()


@pytest.mark.parametrize("what", ["name", "weights"])
def test_another_base_behind_the_address_is_not_asked(what: str, desk: Desk) -> None:
    with asking(desk) as replicas:
        until(lambda: states(replicas) == [READY, READY])
        with replicas.use(None, 1) as use:
            assert use is not None and use.number == 1
            if what == "name":
                desk.stubs[0].base = OTHER
            else:
                desk.stubs[0].root = "/models/other"
            until(lambda: states(replicas) == [OUT, READY])
            # Not even what it began before: nobody knows which of the two writes it.
            assert use.lost()
        assert codes(replicas) == ["llm_other_base", None]


def test_one_that_lies_in_its_drafts_is_believed_ever_more_seldom(desk: Desk) -> None:
    with asking(desk) as replicas:
        until(lambda: states(replicas) == [READY, READY])
        for _ in range(3):
            until(lambda: states(replicas) == [READY, READY])
            before = len(desk.stubs[0].calls)
            with replicas.use(None, 1, but={2}) as use:
                assert use is not None
                use.failed("llm_other_model")
            assert OUT in states(replicas) or len(desk.stubs[0].calls) > before
            # It is tried, not only asked how it is, before it is believed again.
            until(lambda before=before: len(desk.stubs[0].calls) > before)  # type: ignore[misc]
            assert desk.stubs[0].calls[-1][0] == "/v1/completions"


def test_a_drained_one_finishes_and_is_asked_for_nothing_new(desk: Desk, tmp_path: Path) -> None:
    drained = DrainedFile(desk.settings.data_dir)
    url = desk.stubs[0].url
    with asking(desk) as replicas, asking(desk) as another_process:
        until(lambda: states(replicas) == [READY, READY])
        with replicas.use(None, 1) as use:
            assert use is not None and use.number == 1
            drained.change(url, drained=True)
            until(lambda: states(replicas) == [ReplicaState.DRAINED, READY])
            until(lambda: states(another_process) == [ReplicaState.DRAINED, READY])
            assert not use.lost()
        assert replicas.problem() is None
        found = survey(desk.settings, PROFILE, ())
        assert [each.state for each in found] == [ReplicaState.DRAINED, READY]
        name = desk.adapter(tmp_path)
        until(lambda: name in desk.stubs[1].adapters)
        drained.change(url, drained=False)
        until(lambda: states(replicas) == [READY, READY])
        assert name in desk.stubs[0].adapters
    assert url not in (desk.settings.data_dir / "run" / "drained.json").read_text("utf-8")


def test_the_link_is_slower_while_some_are_out_and_down_when_all_are(desk: Desk) -> None:
    link = LlmLink(desk.settings, PROFILE, pause_s=0.02, patience_s=2.0)
    assert link.state() is LlmState.STARTING
    link.start()
    try:
        until(lambda: link.state() is LlmState.READY)
        desk.stubs[0].fault = Fault.SICK
        until(lambda: link.state() is LlmState.SLOWER)
        problem = link.problem()
        assert problem is not None and problem.code == "llm_replicas_out"
        assert link.state().drafts
        desk.stubs[1].fault = Fault.REFUSES_KEY
        until(lambda: link.state() is LlmState.DOWN)
        problem = link.problem()
        assert problem is not None and problem.code == "llm_no_replica"
        assert "1: llm_unreachable, 2: llm_refused" in problem.message_zh
        assert link.endpoint() is None
    finally:
        link.stop()


def test_a_database_that_is_away_keeps_no_vllm_from_drafting(desk: Desk, tmp_path: Path) -> None:
    name = desk.adapter(tmp_path)
    away = threading.Event()
    asked = threading.Semaphore(0)

    def adapters() -> dict[str, Path]:
        asked.release()
        if away.is_set():
            raise StorageUnavailable("archive_unreachable")
        return dict(desk.wanted)

    replicas = Replicas(desk.settings, PROFILE, adapters, QUICK)
    replicas.start()
    try:
        until(lambda: states(replicas) == [READY, READY])
        away.set()
        for _ in range(6):
            asked.acquire()
        assert states(replicas) == [READY, READY]
        desk.stubs[0].adapters.clear()
        until(lambda: name in desk.stubs[0].adapters)
    finally:
        replicas.stop()


def test_two_processes_at_once_load_each_adapter_once(desk: Desk, tmp_path: Path) -> None:
    names = [desk.adapter(tmp_path, ONE), desk.adapter(tmp_path, TWO)]
    with asking(desk) as replicas, asking(desk) as another_process:
        until(lambda: states(replicas) == [READY, READY] == states(another_process))
        for stub in desk.stubs:
            assert sorted(stub.adapters) == names


def card(name: str, root: str | None = None, parent: str | None = None) -> ModelCard:
    return ModelCard(name, root, parent)


HUB = "Qwen/Qwen3-VL-8B-Instruct"


@pytest.mark.parametrize(
    ("cards", "base"),
    [
        ((card(PROFILE.name),), PROFILE.name),
        ((card(PROFILE.name, HUB),), PROFILE.name),
        ((card(PROFILE.name, "/models/any"),), PROFILE.name),
        ((card(HUB, HUB),), HUB),
        ((card(PROFILE.name, "Qwen/Qwen3-VL-4B-Instruct"),), None),
        ((card("gpt"),), None),
        ((card(PROFILE.name, None, "gpt"),), None),
    ],
)
def test_which_listing_is_of_the_profiles_base(
    cards: tuple[ModelCard, ...], base: str | None
) -> None:
    if base is not None:
        assert listing(cards, PROFILE).base.name == base
        return
    with pytest.raises(DraftingError) as error:
        listing(cards, PROFILE)
    assert error.value.code == "llm_other_base"


def test_an_adapter_of_another_folder_is_not_the_one_of_that_name() -> None:
    told = (
        card(PROFILE.name, HUB),
        card(ONE, f"/data/adapters/{ONE}", PROFILE.name),
        card(TWO, f"/data/adapters/{ONE}", PROFILE.name),
    )
    assert listing(told, PROFILE).adapters == {ONE}
