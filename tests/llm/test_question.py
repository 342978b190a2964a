"""Small questions to whatever answers at vLLM's address, at the wire."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from radraft.core.errors import DraftingError
from radraft.llm import adapter_loader
from radraft.llm.endpoint import Endpoint, Probe, served_model
from radraft.llm.question import ask, ask_and_wait, client
from tests.llm.odd_server import BAD, LOST, MODELS, SLOW, OddServer, at_once, odd_server, whole

ROOT = Path(__file__).parents[2]
SHORT_S = 0.3
"""Patience with an answer that never ends."""


def code_of(url: str, patience_s: float) -> str:
    with pytest.raises(DraftingError) as error:
        served_model(url, "secret", "starter", patience_s)
    return error.value.code


@pytest.mark.parametrize("name", BAD)
def test_an_odd_answer_is_an_error_with_a_code(name: str) -> None:
    with odd_server(BAD[name]) as server:
        assert code_of(server.url, 60) == "llm_bad_answer"


@pytest.mark.parametrize("name", LOST)
def test_a_broken_connection_is_an_error_with_a_code(name: str) -> None:
    with odd_server(LOST[name]) as server:
        assert code_of(server.url, 60) == "llm_unreachable"


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_an_answer_that_goes_on_for_ever_ends_at_one_deadline(name: str) -> None:
    with odd_server(SLOW[name]) as server:
        assert code_of(server.url, SHORT_S) == "llm_no_answer"


@pytest.mark.slow
@pytest.mark.parametrize("name", [*BAD, *LOST, *SLOW])
def test_no_odd_answer_passes_for_a_loaded_adapter(name: str) -> None:
    odd = {**BAD, **LOST, **SLOW}[name]

    async def loaded(url: str) -> object:
        async with client() as own:
            async with asyncio.timeout(60):
                return await adapter_loader.loaded(
                    Endpoint(url, "secret", "starter"), own, patience_s=SHORT_S
                )

    with odd_server(odd) as server, pytest.raises(DraftingError):
        asyncio.run(loaded(server.url))


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_a_probe_of_one_that_drips_says_no(name: str) -> None:
    with odd_server(SLOW[name]) as server:
        assert not Probe(Endpoint(server.url, "", "starter"), SHORT_S).healthy()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:99999", "llm_unreachable"),
        ("http://[::1", "llm_unreachable"),
        ("ftp://127.0.0.1", "llm_unreachable"),
        ("", "llm_unreachable"),
        ("http://", "llm_unreachable"),
    ],
)
def test_an_address_that_is_none_is_unreachable(url: str, code: str) -> None:
    assert code_of(url, 60) == code


def test_the_key_does_not_follow_a_redirect() -> None:
    with odd_server(at_once(whole(MODELS))) as elsewhere:
        moved = whole(b"", f"location: {elsewhere.url}/v1/models", status="307 Temporary Redirect")
        with odd_server(at_once(moved)) as server:
            assert code_of(server.url, 60) == "llm_refused"
            assert not Probe(Endpoint(server.url, "secret", "starter")).healthy()
        assert elsewhere.requests == []


def test_an_answer_of_the_largest_size_is_read_and_no_longer_one() -> None:
    async def size(url: str, most: int) -> int:
        async with client() as own:
            answer = await ask(own, "GET", url, key="", patience_s=60, most=most)
            return len(answer.body)

    with odd_server(at_once(whole(b"x" * 1000))) as server:
        assert asyncio.run(size(server.url, 1000)) == 1000
        with pytest.raises(DraftingError) as error:
            asyncio.run(size(server.url, 999))
        assert error.value.code == "llm_bad_answer"


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[OddServer]:
    """A proxy that the environment names for everything; notes what passes through it."""
    with odd_server(at_once(whole(MODELS))) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, server.url)
            monkeypatch.setenv(name.upper(), server.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield server


async def _loaded(url: str) -> None:
    async with client() as own:
        await adapter_loader.loaded(Endpoint(url, "secret", "served"), own)


@pytest.mark.parametrize(
    "question",
    [
        lambda url: served_model(url, "secret", "starter"),
        lambda url: Probe(Endpoint(url, "secret", "served")).healthy(),
        lambda url: Probe(Endpoint(url, "secret", "served")).stuck(60),
        lambda url: ask_and_wait("GET", url, key="secret", patience_s=60),
        lambda url: asyncio.run(_loaded(url)),
    ],
    ids=["models", "health", "token", "ask", "adapters"],
)
def test_a_question_with_its_key_goes_past_the_environments_proxy(
    proxy: OddServer, question: Callable[[str], object]
) -> None:
    with odd_server(at_once(whole(MODELS))) as server:
        question(server.url)
        assert server.requests
        assert all(b"Bearer secret" in request for request in server.requests)
    assert proxy.requests == []


@pytest.mark.slow
def test_every_http_client_of_the_product_ignores_the_environments_proxies() -> None:
    made = 0
    rooms = ("studies", "reports", "llm", "exchange", "store", "pipeline", "eval", "finetune")
    for path in (path for room in (*rooms, "ui", "cli") for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if not isinstance(node.func.value, ast.Name) or node.func.value.id != "httpx":
                continue
            # `httpx.get` and its like take the environment's proxies.
            assert node.func.attr not in {"get", "post", "put", "request", "stream"}, path
            if node.func.attr in {"Client", "AsyncClient"}:
                made += 1
                given = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert given.get("trust_env") == "False", f"{path}:{node.lineno}"
    assert made
