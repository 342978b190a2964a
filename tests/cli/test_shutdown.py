"""SIGTERM ends the service within ten seconds, whatever it is doing, and nothing is left behind.

The process and its signals are real. Ten seconds is the promise itself; nothing else is timed.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.llm import record
from radraft.store import cases, leases
from radraft.store.cases import CaseState
from radraft.store.database import Store, open_store
from tests.llm import fake_vllm
from tests.pipeline.test_draft_worker import Model, served, waiting_case
from tests.scale import rows

pytestmark = pytest.mark.slow

PROMISE_S = 10


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(Settings(data_dir=tmp_path / "data"))
    yield opened
    opened.close()


@contextmanager
def serving(data: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """`radraft serve` as a process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "RADRAFT_DATA_DIR": str(data),
        "RADRAFT_PORT": str(port),
        "RADRAFT_PROFILE": "qwen3-vl-8b-instruct",
        **{f"RADRAFT_{name.upper()}": value for name, value in settings.items()},
    }
    with (data / "out").open("wb") as out:
        child = subprocess.Popen(
            [sys.executable, "-c", "from radraft.cli import main; main()", "serve"],
            env=environment,
            stdout=out,
            stderr=out,
        )
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def until(child: subprocess.Popen[bytes], condition: Callable[[], bool]) -> None:
    """Wait for what the process does; the test's own time limit ends a vain wait."""
    pause = threading.Event()
    while not condition():
        assert child.poll() is None
        pause.wait(0.05)


def announced(data: Path) -> Callable[[], bool]:
    return lambda: b"Workstation:" in (data / "out").read_bytes()


def ends(child: subprocess.Popen[bytes]) -> int:
    child.send_signal(signal.SIGTERM)
    return child.wait(PROMISE_S)


def counts(store: Store) -> dict[CaseState, int]:
    with store.read() as session:
        return {state: number for state, number in cases.counts(session).items() if number}


def held(store: Store) -> int:
    with store.read() as session:
        return len(leases.leases(session))


def vllm_program(folder: Path, mode: str) -> Path:
    """A stand-in for vLLM's Python that behaves as `mode` says."""
    logs = folder / "data" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    (logs / "mode").write_text(mode)
    program = folder / "python"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{fake_vllm.__file__}" "$@"\n')
    program.chmod(0o755)
    return program


def test_drafts_in_progress_are_given_back(store: Store, tmp_path: Path) -> None:
    for number in range(20):
        waiting_case(store, number)
    model = Model(hold=threading.Event())
    with (
        served(model) as endpoint,
        serving(tmp_path / "data", llm_url=endpoint.url, llm_key=endpoint.key) as child,
    ):
        until(child, announced(tmp_path / "data"))
        assert model.asked.acquire(timeout=60)
        assert held(store) > 0
        assert ends(child) == 0
        assert model.hold is not None
        model.hold.set()
    assert counts(store) == {CaseState.RECEIVED: 20}
    assert held(store) == 0


@rows("deaf")
@pytest.mark.parametrize("mode", ["sick", "deaf", "stuck"])
def test_a_vllm_that_starts_or_hangs_ends_with_the_service(
    store: Store, tmp_path: Path, mode: str
) -> None:
    waiting_case(store)
    data = tmp_path / "data"
    program = vllm_program(tmp_path, mode)
    file = record.RecordFile(data)
    with serving(data, vllm_python=str(program)) as child:
        until(child, announced(data))
        until(child, lambda: file.read() is not None)
        started = file.read()
        assert started is not None
        assert ends(child) == 0
    assert not started.running()
    assert held(store) == 0


def test_the_end_may_be_asked_for_before_the_service_has_begun(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    program = vllm_program(tmp_path, "sick")
    file = record.RecordFile(data)
    with serving(data, vllm_python=str(program)) as child:
        until(child, lambda: file.read() is not None)
        assert not announced(data)()
        started = file.read()
        assert started is not None
        assert ends(child) == 0
    assert not started.running()
