"""The starter on a real vLLM that is killed; with a stand-in: `tests/llm/test_server.py`."""

from __future__ import annotations

import os
import signal
import threading

import psutil
import pytest

from radraft.llm import process, record
from radraft.llm.profiles import Profile
from radraft.llm.server import ManagedServer
from radraft.reports.values import Coverage
from tests.integration.test_vllm_starter import result, run
from tests.llm.cases import make_request

pytestmark = [pytest.mark.stress, pytest.mark.vllm, pytest.mark.timeout(1800)]


def test_a_killed_vllm_comes_back_at_the_same_endpoint(
    starter_server: ManagedServer, starter_profile: Profile
) -> None:
    endpoint, first = starter_server.endpoint, starter_server.pid
    assert first is not None
    before = process.members(first, record.created(first))
    assert len(before) >= 2
    os.kill(first, signal.SIGKILL)
    (down,) = run([make_request(starter_profile)], starter_profile, endpoint)
    assert result(down).error_code in {"llm_unreachable", "llm_cut_off"}
    pause = threading.Event()
    while starter_server.pid in {None, first} or not starter_server.alive():
        pause.wait(0.5)
    gone, _ = psutil.wait_procs(before, timeout=0)
    assert len(gone) == len(before)
    (again,) = run([make_request(starter_profile)], starter_profile, endpoint)
    assert result(again).coverage is Coverage.DRAFTED
