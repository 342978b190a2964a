"""The worker process: limits, death and restart."""

from __future__ import annotations

import os
import resource
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from radraft.core.errors import StudyRejected
from radraft.studies import _protocol
from radraft.studies._child import Worker, WorkerLost
from radraft.studies._limits import START_SECONDS
from radraft.studies.decode import Decoder
from tests.studies import builders


def _pid(worker: Worker) -> int:
    assert worker._process is not None
    return worker._process.pid


@pytest.mark.slow
def test_hung_worker_is_killed_and_replaced(tmp_path: Path) -> None:
    path = str(builders.write(builders.radiograph(), tmp_path / "a.dcm"))
    with Worker() as worker:
        assert worker.call("header", seconds=30, path=path)[0]["rows"] == 32
        hung = _pid(worker)
        os.kill(hung, signal.SIGSTOP)
        with pytest.raises(WorkerLost) as caught:
            worker.call("header", seconds=0.05, path=path)
        assert caught.value.reason == "timeout"
        with pytest.raises(ProcessLookupError):
            os.kill(hung, 0)
        assert worker.call("header", seconds=30, path=path)[0]["rows"] == 32
        assert _pid(worker) != hung
        last = _pid(worker)
    with pytest.raises(ProcessLookupError):
        os.kill(last, 0)


@pytest.mark.slow
def test_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    path = str(builders.write(builders.radiograph(), tmp_path / "a.dcm"))
    with Worker() as worker:
        worker.call("header", seconds=30, path=path)
        # It cannot raise this limit again for its next request, and dies of that.
        resource.prlimit(_pid(worker), resource.RLIMIT_CPU, (5, 5))
        with pytest.raises(WorkerLost) as caught:
            worker.call("header", seconds=30, path=path)
        assert caught.value.reason == "crashed"
        assert worker.call("header", seconds=30, path=path)[0]["rows"] == 32


def test_its_start_is_not_the_time_of_a_file(tmp_path: Path) -> None:
    asked: list[tuple[str, float]] = []

    class Listening(Worker):
        def call(
            self, op: str, *, seconds: float, **arguments: Any
        ) -> tuple[dict[str, Any], bytes]:
            asked.append((op, seconds))
            return super().call(op, seconds=seconds, **arguments)

    path = str(builders.write(builders.radiograph(), tmp_path / "a.dcm"))
    with Listening() as worker:
        for _ in range(2):
            assert worker.call("header", seconds=30, path=path)[0]["rows"] == 32
    # It was waited for before the file's time began, and once.
    assert asked == [("header", 30), ("ready", START_SECONDS), ("header", 30)]


def test_one_worker_reads_many_files(tmp_path: Path) -> None:
    paths = [
        str(builders.write(builders.radiograph(number=n), tmp_path / f"{n}.dcm"))
        for n in range(1, 4)
    ]
    with Worker() as worker:
        worker.call("header", seconds=30, path=paths[0])
        first = _pid(worker)
        for path in paths:
            worker.call("header", seconds=30, path=path)
        assert _pid(worker) == first


def test_secrets_of_the_environment_stay_with_the_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RADRAFT_LLM_KEY", "do-not-pass-on")
    with Worker() as worker:
        worker.call(
            "header",
            seconds=30,
            path=str(builders.write(builders.radiograph(), tmp_path / "a.dcm")),
        )
        environment = Path(f"/proc/{_pid(worker)}/environ").read_bytes()
    assert b"do-not-pass-on" not in environment


def test_decoding_too_slowly_has_its_code(tmp_path: Path) -> None:
    path = builders.write(builders.radiograph(), tmp_path / "a.dcm")
    with Decoder(seconds=0.0) as decoder, pytest.raises(StudyRejected) as caught:
        decoder.frame(path, 0)
    assert caught.value.code == "decode_timeout"


def test_messages_too_long_are_refused() -> None:
    assert _protocol.lengths(_protocol.PREFIX.pack(10, 20)) == (10, 20)
    for prefix in ((_protocol.MAX_JSON + 1, 0), (0, _protocol.MAX_BLOB + 1)):
        with pytest.raises(ValueError, match="too long"):
            _protocol.lengths(_protocol.PREFIX.pack(*prefix))
    with pytest.raises(ValueError, match="not a JSON object"):
        _protocol.unpack(b"[1]")


@pytest.mark.slow
def test_a_worker_answers_a_process_with_more_than_a_thousand_files_open(tmp_path: Path) -> None:
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 1300:
        pytest.skip("this machine allows too few open files")
    path = builders.write(builders.radiograph(), tmp_path / "film.dcm")
    with ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1300, hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (before, hard))
        for _ in range(1100):
            stack.enter_context(Path(os.devnull).open("rb"))
        with Worker() as worker:
            header, _ = worker.call("header", seconds=30, path=str(path))
    assert header["rows"] == 32
