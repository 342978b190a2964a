"""`radraft replicas` and what the doctor says of several vLLMs: by number, never by address."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from radraft.bench.stub_replica import KEY, Fault, StubReplica, serving
from radraft.cli.main import app

pytestmark = pytest.mark.slow


@pytest.fixture
def stubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[StubReplica]]:
    with serving(1) as first, serving(2) as second:
        program = tmp_path / "python"
        program.write_text("#!/bin/sh\necho vllm 0.0\n")
        program.chmod(0o755)
        settings = {
            "LLM_URL": f"{first.url}, {second.url}", "LLM_KEY": KEY,
            "DATA_DIR": str(tmp_path / "data"), "PROFILE": "qwen3-vl-8b-instruct",
            "VLLM_PYTHON": str(program),
        }  # fmt: skip
        for name, value in settings.items():
            monkeypatch.setenv(f"RADRAFT_{name}", value)
        yield [first, second]


def run(*words: str) -> tuple[int, Any]:
    result = CliRunner().invoke(app, [*words, "--json"])
    assert "127.0.0.1" not in result.output
    return result.exit_code, json.loads(result.stdout or "null")


def states() -> list[tuple[int, str, str | None]]:
    _, told = run("replicas", "list")
    return [(each["number"], each["state"], each["code"]) for each in told["replicas"]]


def test_each_is_listed_by_its_number_and_one_is_taken_out_and_put_back(
    stubs: list[StubReplica],
) -> None:
    assert states() == [(1, "ready", None), (2, "ready", None)]
    assert run("replicas", "drain", "2")[0] == 0
    stubs[0].fault = Fault.SICK
    assert states() == [(1, "out", "llm_unreachable"), (2, "drained", "llm_replica_drained")]
    assert run("replicas", "list")[0] == 1
    assert run("replicas", "resume", "2")[0] == 0
    assert states() == [(1, "out", "llm_unreachable"), (2, "ready", None)]
    assert run("replicas", "list")[0] == 0


def test_a_number_that_is_none_is_refused(stubs: list[StubReplica]) -> None:
    result = CliRunner().invoke(app, ["replicas", "drain", "3"])
    assert result.exit_code != 0
    assert "replica_unknown" in result.output


def test_the_doctor_warns_of_one_and_has_a_problem_with_all(stubs: list[StubReplica]) -> None:
    def examined() -> tuple[list[str], list[str], list[str], bool]:
        _, found = run("doctor")
        problems, warnings = (
            [each["code"] for each in found[kind] if each["code"].startswith("llm_")]
            for kind in ("problems", "warnings")
        )
        return problems, warnings, found["replicas"], found["llm_answers"]

    assert examined() == ([], [], ["1 ready", "2 ready"], True)
    stubs[1].fault = Fault.REFUSES_KEY
    assert examined() == ([], ["llm_replicas_out"], ["1 ready", "2 out (llm_refused)"], True)
    stubs[0].fault = Fault.SICK
    problems, warnings, _, answers = examined()
    assert (problems, warnings, answers) == (["llm_no_replica"], [], False)
