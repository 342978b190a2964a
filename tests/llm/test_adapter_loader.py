"""Loading adapters into a vLLM that serves, restarts, refuses or is gone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from radraft.core.errors import RadraftError
from radraft.llm import adapter_loader
from radraft.llm.endpoint import Endpoint
from tests.llm.adapter_server import AdapterServer, adapter_server
from tests.store.adapter_builders import write_adapter

ONE, TWO = "a-0000000000000001", "a-0000000000000002"
LOAD = "/v1/load_lora_adapter"


@pytest.fixture
def server() -> Iterator[AdapterServer]:
    with adapter_server() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "adapter")


def do(*calls: Callable[[httpx.AsyncClient], Awaitable[object]]) -> list[object]:
    """What the calls give, all begun at once over one client."""

    async def together() -> list[object]:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await asyncio.gather(*(call(client) for call in calls))

    return asyncio.run(together())


def code_of(call: Callable[[httpx.AsyncClient], Awaitable[object]]) -> str:
    with pytest.raises(RadraftError) as error:
        do(call)
    return error.value.code


def test_sixteen_calls_at_once_load_each_adapter_once(server: AdapterServer, folder: Path) -> None:
    def ensure(name: str) -> Callable[[httpx.AsyncClient], Awaitable[None]]:
        return lambda client: adapter_loader.ensure(server.endpoint, name, folder, client)

    do(*(ensure(name) for name in (ONE, TWO) * 8))
    assert server.calls[LOAD] == 2
    assert server.names == {ONE: str(folder), TWO: str(folder)}


def test_a_vllm_that_restarted_gets_it_again(server: AdapterServer, folder: Path) -> None:
    for expected in (1, 2):
        do(lambda client: adapter_loader.ensure(server.endpoint, ONE, folder, client))
        do(lambda client: adapter_loader.ensure(server.endpoint, ONE, folder, client))
        assert server.calls[LOAD] == expected
        server.names.clear()


def test_two_processes_that_load_at_once_both_have_it(server: AdapterServer, folder: Path) -> None:
    # Each process has a client of its own; vLLM answers the second load of a name with 400.
    server.together = threading.Barrier(2)

    def process() -> None:
        do(lambda client: adapter_loader.ensure(server.endpoint, ONE, folder, client))

    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(process) for _ in range(2)]:
            one.result()
    assert server.calls[LOAD] == 2
    assert server.names == {ONE: str(folder)}


def test_loaded_names_all(server: AdapterServer, folder: Path) -> None:
    do(lambda client: adapter_loader.ensure(server.endpoint, ONE, folder, client))
    (names,) = do(lambda client: adapter_loader.loaded(server.endpoint, client))
    assert names == {server.endpoint.model, ONE}


def test_unloading_forgets_and_may_be_said_twice(server: AdapterServer, folder: Path) -> None:
    do(lambda client: adapter_loader.ensure(server.endpoint, ONE, folder, client))
    for _ in range(2):
        do(lambda client: adapter_loader.unload(server.endpoint, ONE, client))
        assert server.names == {}


def test_files_that_vllm_will_not_take(server: AdapterServer, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    assert (
        code_of(lambda client: adapter_loader.ensure(server.endpoint, ONE, nothing, client))
        == "adapter_not_loaded"
    )
    assert (
        code_of(lambda client: adapter_loader.probe(server.endpoint, ONE, client, 30))
        == "adapter_not_loaded"
    )


def test_a_wrong_key_is_refused(server: AdapterServer, folder: Path) -> None:
    wrong = Endpoint(server.endpoint.url, "wrong", "base")
    assert (
        code_of(lambda client: adapter_loader.ensure(wrong, ONE, folder, client)) == "llm_refused"
    )
    assert code_of(lambda client: adapter_loader.probe(wrong, ONE, client, 30)) == "llm_refused"


def test_a_vllm_that_is_gone_is_unreachable(folder: Path) -> None:
    with adapter_server() as running:
        gone = running.endpoint
    assert (
        code_of(lambda client: adapter_loader.ensure(gone, ONE, folder, client))
        == "llm_unreachable"
    )
    assert code_of(lambda client: adapter_loader.loaded(gone, client)) == "llm_unreachable"


def test_a_vllm_that_is_sick_is_unreachable(server: AdapterServer, folder: Path) -> None:
    server.status = 503
    assert (
        code_of(lambda client: adapter_loader.ensure(server.endpoint, ONE, folder, client))
        == "llm_unreachable"
    )


def test_a_loaded_adapter_writes_a_token(server: AdapterServer, folder: Path) -> None:
    do(lambda client: adapter_loader.ensure(server.endpoint, ONE, folder, client))
    do(lambda client: adapter_loader.probe(server.endpoint, ONE, client, 30))
    assert server.calls["/v1/completions"] == 1
