"""Promotion and roll-back over several vLLMs: on every one that is up before it is confirmed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from radraft.bench.stub_replica import KEY, OTHER, Fault, StubReplica, serving
from radraft.core.errors import RadraftError
from radraft.core.settings import Settings
from radraft.llm.replicas.drained import DrainedFile
from radraft.pipeline import promotion
from radraft.store.database import Store
from tests.pipeline.test_promotion import Desk

pytestmark = pytest.mark.slow


@pytest.fixture
def stubs() -> Iterator[list[StubReplica]]:
    with ExitStack() as stack:
        yield [stack.enter_context(serving(number)) for number in (1, 2, 3)]


@pytest.fixture
def desk(
    sqlite_store: Store, tmp_path: Path, stubs: list[StubReplica], monkeypatch: pytest.MonkeyPatch
) -> Desk:
    monkeypatch.setattr(promotion, "HEALTH_S", 2.0)
    urls = ",".join(stub.url for stub in stubs)
    settings = Settings(data_dir=tmp_path / "data", llm_url=urls, llm_key=KEY)
    return Desk(sqlite_store, settings, tmp_path)


def having(stubs: list[StubReplica], adapter_id: str) -> list[int]:
    return [stub.number for stub in stubs if adapter_id in stub.adapters]


def test_every_vllm_has_it_and_tried_it_before_it_serves(
    desk: Desk, stubs: list[StubReplica]
) -> None:
    adapter_id = desk.shadow(1)
    desk.promote(adapter_id)
    assert desk.serving() == adapter_id
    for stub in stubs:
        assert stub.calls == [
            ("/v1/load_lora_adapter", adapter_id),
            ("/v1/completions", adapter_id),
        ]


def test_where_one_that_is_up_cannot_load_it_nothing_changes(
    desk: Desk, stubs: list[StubReplica]
) -> None:
    adapter_id = desk.shadow(1)
    for fault in (Fault.REFUSES_LOADS, Fault.LISTS_ONLY):
        stubs[1].fault = fault
        with pytest.raises(RadraftError) as error:
            desk.promote(adapter_id)
        assert error.value.code == "adapter_not_on_replica"
        assert error.value.details["replica"] == 2
        assert stubs[1].url not in error.value.message_en
        assert desk.serving() is None
    # Until an administrator takes that one out.
    DrainedFile(desk.settings.data_dir).change(stubs[1].url, drained=True)
    desk.promote(adapter_id)
    assert desk.serving() == adapter_id


@pytest.mark.parametrize("fault", [Fault.HANGS, Fault.SICK, Fault.REFUSES_KEY, None, "base"])
def test_one_that_drafts_nothing_holds_no_promotion_up(
    fault: Fault | str | None, desk: Desk, stubs: list[StubReplica]
) -> None:
    if fault is None:
        stubs[1].kill()
    elif isinstance(fault, Fault):
        stubs[1].fault = fault
    else:
        stubs[1].base = OTHER
    adapter_id = desk.shadow(1)
    desk.promote(adapter_id)
    assert desk.serving() == adapter_id
    assert having(stubs, adapter_id) == [1, 3]


def test_where_all_answer_and_none_can_draft_nothing_is_promoted(
    desk: Desk, stubs: list[StubReplica]
) -> None:
    for stub in stubs:
        stub.fault = Fault.REFUSES_KEY
    adapter_id = desk.shadow(1)
    with pytest.raises(RadraftError) as error:
        desk.promote(adapter_id)
    assert error.value.code == "llm_no_replica"
    assert desk.serving() is None


@pytest.mark.parametrize("fault", [Fault.HANGS, Fault.REFUSES_LOADS])
def test_a_roll_back_is_on_all_others_while_one_does_not_take_it(
    fault: Fault, desk: Desk, stubs: list[StubReplica], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "BACK_S", 3.0)
    first = desk.shadow(1)
    desk.promote(first)
    desk.promote(desk.shadow(2))
    for stub in stubs:
        stub.adapters.clear()
    stubs[0].fault = fault
    assert desk.roll_back() == first == desk.serving()
    assert having(stubs, first) == [2, 3]


def test_where_no_vllm_takes_what_served_before_nothing_changes(
    desk: Desk, stubs: list[StubReplica]
) -> None:
    first, second = desk.shadow(1), None
    desk.promote(first)
    second = desk.shadow(2)
    desk.promote(second)
    for stub in stubs:
        stub.adapters.clear()
        stub.fault = Fault.REFUSES_LOADS
    with pytest.raises(RadraftError) as error:
        desk.roll_back()
    assert error.value.code == "adapter_not_loaded"
    assert desk.serving() == second
