"""The GPU script, as far as a machine without a GPU can tell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from radraft.bench import gpu
from radraft.bench.gpu import Part, Row
from radraft.finetune.train.text import Tokenizer
from radraft.llm.checkpoint import starter_hash
from tests.finetune.train.conftest import PER_IMAGE, base, projector, tokenizer

__all__ = ["base", "projector", "tokenizer"]

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "bench" / "gpu.sh"
MEASURED = Row("first", "2.0 drafts/s", "3 rounds", "a stand-in")


def part(code: str, share: float = 0.5, rows: tuple[str, ...] = ("first", "second")) -> Part:
    """A part whose process runs `code`, with `rows` the file for its rows."""
    start = "import pathlib, sys; rows = pathlib.Path(sys.argv[1])\n"
    return Part("stand-in", share, rows, (sys.executable, "-c", start + code))


def writes(row: Row) -> str:
    """The code that measures `row`."""
    line = json.dumps(vars(row)) + "\n"
    return f"rows.write_text({line!r}, encoding='utf-8')\n"


def reasons(found: list[Row]) -> dict[str, str]:
    return {row.what: row.figure for row in found}


def soon(seconds: float = 60.0) -> float:
    return time.monotonic() + gpu.GRACE_S + seconds


@pytest.mark.slow
def test_without_a_gpu_the_script_says_so_and_ends_with_2(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    environment = os.environ | {"PYTHON": sys.executable, "OUT": str(tmp_path / "out")}
    done = subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("No CUDA GPU to measure on: torch ")
    assert done.stderr.endswith("sees none. Nothing was measured.\n")
    assert done.stdout == ""
    assert not (tmp_path / "out").exists()


def test_a_python_without_torch_is_said_to_have_none(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "torch.py").write_text("raise ImportError('it is not there')\n", encoding="utf-8")
    environment = os.environ | {"PYTHON": sys.executable, "PYTHONPATH": str(bare)}
    done = subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, check=False)
    # The script puts src before what the caller names, and there is no torch in src.
    assert done.returncode == 2
    assert "cannot import torch (it is not there)" in done.stderr


def test_a_python_that_is_not_there_is_named() -> None:
    environment = os.environ | {"PYTHON": "/nowhere/python"}
    done = subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "There is no Python at /nowhere/python.\n"


def test_the_script_is_bash() -> None:
    assert subprocess.run(["bash", "-n", SCRIPT], check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import not_there_at_all", "ModuleNotFoundError: No module named 'not_there_at_all'"),
        (
            "class OutOfMemoryError(RuntimeError): pass\nraise OutOfMemoryError('CUDA | full')",
            "OutOfMemoryError: CUDA | full",
        ),
        ("sys.exit('the weights are missing')", "the weights are missing"),
        ("sys.exit(3)", "it said nothing"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL"),
        ("", "the part ended without it"),
    ],
)
def test_a_part_that_cannot_run_is_a_row_that_says_why(
    code: str, reason: str, tmp_path: Path
) -> None:
    found = gpu.run_part(part(writes(MEASURED) + code), 60.0, tmp_path)
    assert found[0] == MEASURED
    assert reasons(found[1:]) == {"second": f"not measured: {reason}"}


def test_an_error_of_radraft_is_shown_by_its_code(tmp_path: Path) -> None:
    code = "from radraft.core.errors import DraftingError\nraise DraftingError('starter_missing')"
    found = gpu.run_part(part(code), 60.0, tmp_path)
    assert found[0].figure.startswith("not measured: DraftingError: starter_missing: ")


def test_one_part_that_fails_ends_no_other(tmp_path: Path) -> None:
    failing, well = part("raise MemoryError", rows=("lost",)), part(writes(MEASURED))
    text = gpu.measure([failing, well], soon(), tmp_path, "A machine.")
    assert text.splitlines()[0] == "A machine."
    assert "| lost | not measured: MemoryError |  | stand-in |" in text
    assert "| first | 2.0 drafts/s | 3 rounds | a stand-in |" in text
    assert "| second | not measured: the part ended without it |  | stand-in |" in text
    assert (tmp_path / "gpu.md").read_text(encoding="utf-8") == text


@pytest.mark.slow
def test_a_part_over_its_time_is_ended_with_all_it_began_and_its_rows_stay(tmp_path: Path) -> None:
    """As vLLM is: a process in a session of its own, whose parent does not end it."""
    pid_file = tmp_path / "pid"
    code = (
        "import signal, subprocess, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "sleeper = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
        "child = subprocess.Popen(sleeper, start_new_session=True)\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(child.pid))\n"
        f"{writes(MEASURED)}"
        "time.sleep(600)\n"
    )
    found = gpu.run_part(part(code), 5.0, tmp_path)
    assert found[0] == MEASURED
    assert reasons(found[1:]) == {"second": "not measured: time limit of 5 s"}
    # An orphan is reaped by whoever took it on; until then it is dead but listed.
    status = Path(f"/proc/{pid_file.read_text()}/stat")
    assert not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"


def test_after_the_deadline_nothing_is_begun(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    parts = [part(f"pathlib.Path({str(begun)!r}).touch()")] * 2
    text = gpu.measure(parts, time.monotonic() + gpu.GRACE_S - 1, tmp_path, "A machine.")
    assert not begun.exists()
    assert text.count("not measured: no time was left") == 4


def test_the_parts_leave_the_last_one_time() -> None:
    *first, last = gpu.PARTS
    assert sum(each.share for each in first) <= 0.6
    assert {each.name for each in gpu.PARTS} == set(gpu.MEASURES)
    assert last.name == "drafting"


def test_what_a_part_is_told_to_end_by_lets_it_stop_its_vllm(tmp_path: Path) -> None:
    """SIGTERM leaves through `finally`."""
    code = (
        "import sys, time; from radraft.bench import gpu\n"
        "def rows():\n"
        "    try:\n"
        "        print('waiting', flush=True); time.sleep(600); yield\n"
        "    finally:\n"
        "        print('stopped', flush=True)\n"
        "gpu.MEASURES['starter'] = rows\n"
        "gpu.main()\n"
    )
    command = [sys.executable, "-c", code, "--part", "starter", "--rows", str(tmp_path / "rows")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "waiting\n"
        child.send_signal(signal.SIGTERM)
        assert child.stdout.read() == "stopped\n"
    assert child.returncode == 1


@pytest.mark.slow
def test_the_encoder_is_measured_on_whatever_device_there_is() -> None:
    found = list(gpu.embedding(2))
    assert tuple(row.what for row in found) == gpu.PARTS[1].rows
    assert all(float(row.figure.split()[0]) > 0 for row in found)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_a_training_step_is_measured_on_whatever_device_there_is(
    stage: str, base: Path, projector: Path, tokenizer: Tokenizer
) -> None:
    from radraft.finetune.adapt.recipe import load_recipe

    adapt = load_recipe("adapt")
    plan = (adapt.sft_plan if stage == "sft" else adapt.dpo_plan)(8, adapt.lora)
    # The tiny vocabulary has fewer words than the recipe draws.
    plan = plan.model_copy(update={"words": 0, "precision": "fp32"})
    pairs = gpu.made_up_pairs(tokenizer, projector, PER_IMAGE, 8)
    assert tokenizer.image_id in pairs.train[0].prompt
    row = gpu.trained("a stage", plan, pairs, base, projector, steps=8)
    assert float(row.figure.removesuffix(" samples/s")) > 0
    assert row.n == f"3 steps of {plan.batch}"
    assert f": {stage}, rank 16" in row.ran


@pytest.mark.stress
@pytest.mark.slow
def test_drafting_is_measured_from_the_profile_to_more_drafts_than_httpx_has_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wire alone is a fake: intake, encoder, prompts, store and the managed server are real."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    fake = Path(__file__).with_name("drafting_vllm.py")
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{fake}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    weights = tmp_path / "cache" / f"starter-{starter_hash()}"
    weights.mkdir(parents=True)
    monkeypatch.setenv("RADRAFT_VLLM_PYTHON", str(python))
    monkeypatch.setenv("RADRAFT_CACHE_DIR", str(weights.parent))
    found = list(gpu.drafting(at_once=(1, 120), pairs=2))
    last = gpu.PARTS[-1].rows
    wanted = {what.replace("256 at once", "120 at once") for what in last if what[:2] != "16"}
    assert {row.what for row in found} == wanted
    assert len(found) == len(wanted)
    assert not any("not measured" in row.figure for row in found)
    (through,) = (row for row in found if row.what == "120 at once, through radraft")
    assert float(through.figure.removesuffix(" drafts/s")) > 0
    assert through.n.startswith("120 drafts of ")


def test_a_cell_stays_one_cell() -> None:
    text = gpu.render("A machine.", [Row("a|b", "1\n2", "n", "r" * 300)])
    assert text.splitlines()[-1] == f"| a\\|b | 1 2 | n | {'r' * 200} |"
