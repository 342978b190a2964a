"""Life of the managed process, with a stand-in for vLLM's program where faults are needed."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from radraft.core.errors import DraftingError
from radraft.core.settings import Settings
from radraft.llm import process, record
from radraft.llm.profiles import Profile, load_profile
from radraft.llm.server import ManagedServer, Timing, connect
from tests.llm.test_profiles import write

pytestmark = pytest.mark.slow

FAST = Timing(poll=0.02, check=0.05, probe=0.2, first_delay=0.01, longest_delay=0.1)


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return load_profile(write(tmp_path))


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    program = tmp_path / "python"
    fake = Path(__file__).with_name("fake_vllm.py")
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{fake}" "$@"\n')
    program.chmod(0o755)
    yield Settings(data_dir=tmp_path / "data", vllm_python=program, start_timeout_s=30)
    left = record.RecordFile(tmp_path / "data").read()
    if left is not None:
        process.stop(left.pid, left.created)


@pytest.fixture
def server(settings: Settings, profile: Profile) -> Iterator[ManagedServer]:
    made = ManagedServer(settings, profile, FAST)
    yield made
    made.stop()


def set_mode(settings: Settings, mode: str) -> None:
    folder = settings.data_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mode").write_text(mode)


def until(condition: Callable[[], bool]) -> None:
    """Waits for what another process does; the test's own time limit ends a vain wait."""
    pause = threading.Event()
    while not condition():
        pause.wait(0.02)


def session(pid: int) -> list[int]:
    return [each.pid for each in process.members(pid, record.created(pid))]


def ready(server: ManagedServer) -> int:
    server.start()
    server.wait_ready()
    assert server.pid is not None
    return server.pid


def test_starts_and_stops_the_whole_group(server: ManagedServer, settings: Settings) -> None:
    steps: list[tuple[str, float]] = []
    server.start(lambda *step: steps.append(step))
    server.wait_ready(lambda *step: steps.append(step))
    assert steps[-1] == ("ready", 1.0)
    assert server.alive()
    pid = server.pid
    assert pid is not None
    until(lambda: len(session(pid)) == 2)
    members = session(pid)
    server.stop()
    assert not any(psutil.pid_exists(each) for each in members)
    assert not (settings.data_dir / "run" / "vllm.json").exists()
    assert not server.alive()


def test_the_key_is_private(server: ManagedServer, settings: Settings) -> None:
    pid = ready(server)
    file = settings.data_dir / "run" / "vllm.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((settings.data_dir / "logs" / "vllm.log").stat().st_mode) == 0o600
    key = server.endpoint.key
    assert json.loads(file.read_text())["key"] == key
    assert len(key) >= 32
    for each in session(pid):
        assert key not in " ".join(psutil.Process(each).cmdline())
    assert key not in (settings.data_dir / "logs" / "vllm.log").read_text()


def test_a_killed_server_is_restarted_at_the_same_place(server: ManagedServer) -> None:
    first = ready(server)
    endpoint = server.endpoint
    server.watch()
    os.kill(first, signal.SIGKILL)
    until(lambda: server.pid not in {None, first} and server.alive())
    assert server.endpoint == endpoint
    assert not psutil.pid_exists(first) or not record.is_running(first, 0)


def test_the_engine_left_behind_by_a_killed_server_is_stopped_too(server: ManagedServer) -> None:
    first = ready(server)
    until(lambda: len(session(first)) == 2)
    (engine,) = set(session(first)) - {first}
    os.kill(engine, signal.SIGSTOP)
    server.watch()
    os.kill(first, signal.SIGKILL)
    until(lambda: server.pid not in {None, first} and server.alive())
    assert not psutil.pid_exists(engine)


@pytest.mark.parametrize("mode", ["sick", "stuck"])
def test_a_server_that_runs_but_does_not_work_is_restarted(
    server: ManagedServer, settings: Settings, mode: str
) -> None:
    first = ready(server)
    set_mode(settings, mode)
    server.watch()
    until(lambda: server.pid != first)
    set_mode(settings, "ok")
    until(lambda: server.pid is not None and server.alive())


def test_another_server_object_uses_the_running_one_and_leaves_it(
    server: ManagedServer, settings: Settings, profile: Profile
) -> None:
    first = ready(server)
    code = (
        "import sys; from radraft.core.settings import Settings;"
        "from radraft.llm.server import connect;"
        "from radraft.llm.profiles import load_profile;"
        "settings = Settings(data_dir=sys.argv[1], vllm_python=sys.argv[2]);\n"
        "with connect(settings, load_profile(sys.argv[3])) as endpoint: print(endpoint.url)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, settings.data_dir, settings.vllm_python,
         settings.data_dir.parent / "mine.yaml"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == server.endpoint.url
    assert server.alive()
    assert server.pid == first


def test_a_server_left_by_a_killed_owner_is_taken_over(
    settings: Settings, profile: Profile
) -> None:
    code = (
        "import os, sys; from radraft.core.settings import Settings;"
        "from radraft.llm.server import ManagedServer;"
        "from radraft.llm.profiles import load_profile;"
        "settings = Settings(data_dir=sys.argv[1], vllm_python=sys.argv[2]);"
        "server = ManagedServer(settings, load_profile(sys.argv[3]));"
        "server.start(); server.wait_ready(); print(server.pid, flush=True);"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, settings.data_dir, settings.vllm_python,
         settings.data_dir.parent / "mine.yaml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    left = int(done.stdout)
    assert psutil.pid_exists(left)
    with connect(settings, profile) as endpoint:
        found = record.RecordFile(settings.data_dir).read()
        assert found is not None
        assert (found.pid, found.owner_pid) == (left, os.getpid())
        assert endpoint.url == f"http://127.0.0.1:{found.port}"
    assert not record.is_running(left, found.created)


def test_a_server_of_another_profile_without_owner_is_replaced(
    settings: Settings, profile: Profile, tmp_path: Path, server: ManagedServer
) -> None:
    first = ready(server)
    file = record.RecordFile(settings.data_dir)
    found = file.read()
    assert found is not None
    file.write(record.Record(**{**vars(found), "owner_pid": 1, "owner_created": 1.0}))
    other = profile.model_copy(update={"context_tokens": 8192})
    with connect(settings, other):
        assert not record.is_running(first, found.created)


def test_a_stale_record_never_costs_another_process_its_life(
    server: ManagedServer, settings: Settings
) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        stale = record.Record(
            pid=bystander.pid,
            created=record.created(bystander.pid) - 100,
            port=1,
            key="old",
            profile_hash="old",
            owner_pid=bystander.pid,
            owner_created=1.0,
        )
        record.RecordFile(settings.data_dir).write(stale)
        ready(server)
        assert process.stop(stale.pid, stale.created)
        assert bystander.poll() is None
        found = record.RecordFile(settings.data_dir).read()
        assert found is not None
        assert found.pid == server.pid
    finally:
        bystander.communicate()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": -1, "x": 2}'])
def test_a_damaged_record_is_no_record(
    server: ManagedServer, settings: Settings, text: str
) -> None:
    (settings.data_dir / "run").mkdir(parents=True)
    (settings.data_dir / "run" / "vllm.json").write_text(text)
    assert ready(server)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory", "out_of_memory"),
        ("OSError: libc10.so: cannot open shared object file", "broken_install"),
        ("api_server.py: error: unrecognized arguments: --x", "bad_arguments"),
        ("something else", "unknown"),
    ],
)
def test_a_failed_start_tells_its_category_not_its_text(
    server: ManagedServer, settings: Settings, line: str, reason: str
) -> None:
    set_mode(settings, f"crash:{line}")
    server.start()
    with pytest.raises(DraftingError) as caught:
        server.wait_ready()
    assert caught.value.code == "llm_start_failed"
    assert caught.value.details == {"reason": reason}
    assert line not in str(caught.value)
    assert not (settings.data_dir / "run" / "vllm.json").exists()


def test_a_start_that_takes_too_long_is_given_up(settings: Settings, profile: Profile) -> None:
    set_mode(settings, "sick")
    patient = settings.model_copy(update={"start_timeout_s": 0.5})
    server = ManagedServer(patient, profile, FAST)
    server.start()
    with pytest.raises(DraftingError) as caught:
        server.wait_ready()
    assert caught.value.details == {"reason": "timeout"}
    assert record.RecordFile(settings.data_dir).read() is None


def test_without_vllm_it_says_how_to_install_it(settings: Settings, profile: Profile) -> None:
    absent = settings.model_copy(update={"vllm_python": Path("no/such/python")})
    with pytest.raises(DraftingError) as caught, connect(absent, profile):
        pass
    assert caught.value.code == "llm_not_installed"
    assert "make vllm" in caught.value.message_zh


def test_an_external_vllm_is_used_as_it_is(
    server: ManagedServer, settings: Settings, profile: Profile
) -> None:
    outside = settings.model_copy(update={"llm_url": "http://127.0.0.1:9"})
    with pytest.raises(DraftingError) as caught, connect(outside, profile):
        pass
    assert caught.value.code == "llm_unreachable"


def test_the_watch_outlives_a_start_that_the_system_refuses(
    server: ManagedServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    first = ready(server)
    program = settings.vllm_python
    text = program.read_text()
    # Nothing can be started by an interpreter that is not there.
    program.write_text("#!/nonexistent/interpreter\n")
    server.watch()
    os.kill(first, signal.SIGKILL)
    until(lambda: "did not restart (FileNotFoundError)" in caplog.text)
    program.write_text(text)
    until(lambda: server.pid not in {None, first} and server.alive())
