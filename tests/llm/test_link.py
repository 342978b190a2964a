"""The link to vLLM: whatever answers there, it lives on and says how things stand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.llm import record
from radraft.llm.link import LlmLink, LlmState
from radraft.llm.profiles import load_profile
from tests.llm.odd_server import BAD, LOST, MODELS, SLOW, OddServer, at_once, odd_server, whole

ODD = {**BAD, **LOST, **SLOW}
WELL = at_once(whole(MODELS))


@contextmanager
def link(settings: Settings) -> Iterator[LlmLink]:
    made = LlmLink(settings, load_profile("starter"), pause_s=0.01, patience_s=0.3)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def until(condition: Callable[[], bool]) -> None:
    """Waits for what the link's thread does; the test's own time limit ends a vain wait."""
    pause = threading.Event()
    while not condition():
        pause.wait(0.01)


def external(tmp_path: Path, server: OddServer) -> Settings:
    return Settings(data_dir=tmp_path / "data", llm_url=server.url)


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_an_odd_answer_takes_the_link_down_with_a_reason_and_a_good_one_up_again(
    name: str, tmp_path: Path
) -> None:
    with odd_server(WELL) as server, link(external(tmp_path, server)) as linked:
        until(lambda: linked.state() is LlmState.READY)
        endpoint = linked.endpoint()
        assert endpoint is not None
        assert endpoint.model == "served"
        assert linked.problem() is None
        server.answer = ODD[name]
        until(lambda: linked.state() is LlmState.DOWN)
        assert linked.endpoint() is None
        problem = linked.problem()
        assert problem is not None
        assert problem.code in {"llm_bad_answer", "llm_no_answer", "llm_unreachable"}
        assert problem.message_zh
        server.answer = WELL
        until(lambda: linked.state() is LlmState.READY)
        assert linked.problem() is None


def test_a_server_that_starts_none_uses_the_vllm_of_its_data_folder(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    made = LlmLink(settings, load_profile("starter"), starts=False, pause_s=0.01, patience_s=0.3)
    made.start()
    try:
        until(lambda: (problem := made.problem()) is not None and problem.code == "llm_elsewhere")
        with odd_server(WELL) as server:
            port = int(server.url.rpartition(":")[2])
            pid, began = record.me()
            file = record.RecordFile(tmp_path)
            file.write(record.Record(pid, began, port, "key", "hash", pid, began))
            until(lambda: made.state() is LlmState.READY)
            endpoint = made.endpoint()
            assert endpoint is not None
            assert (endpoint.url, endpoint.key, endpoint.model) == (server.url, "key", "starter")
            file.remove(pid)
            until(lambda: made.state() is LlmState.DOWN)
    finally:
        made.stop()


def test_an_address_that_is_none_and_a_key_that_cannot_be_sent_do_not_end_the_link(
    tmp_path: Path,
) -> None:
    settings = Settings(data_dir=tmp_path, llm_url="http://127.0.0.1:1", llm_key="密钥")
    with link(settings) as linked:
        until(lambda: linked.state() is LlmState.DOWN)
        problem = linked.problem()
        assert problem is not None
        assert problem.code in {"llm_unreachable", "llm_link_broken"}
        assert linked.is_alive()


def test_a_vllm_that_cannot_be_started_says_why(tmp_path: Path) -> None:
    lost = tmp_path / "profile.yaml"
    text = (
        Path(__file__).parents[2] / "llm" / "profiles" / "qwen3-vl-8b-instruct.yaml"
    ).read_text()
    gone = tmp_path / "gone"
    lost.write_text(
        "\n".join(
            f"base: {{kind: path, path: {gone}}}" if line.startswith("base:") else line
            for line in text.splitlines()
        )
    )
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    settings = Settings(data_dir=tmp_path / "data", vllm_python=program)
    made = LlmLink(settings, load_profile(str(lost)), pause_s=0.01, patience_s=0.3)
    made.start()
    try:
        until(lambda: made.state() is LlmState.DOWN)
        problem = made.problem()
        assert problem is not None
        assert problem.code == "checkpoint_not_found"
        assert made.is_alive()
    finally:
        made.stop()
