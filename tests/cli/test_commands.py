"""The command line as a person or a script runs it.

Most tests call the command in this process: what it prints, writes and ends with is the same, and
a process of its own would import everything anew. Where the process is the promise, `process`.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from radraft.cli.main import app

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "demo" / "studies"


@dataclass(frozen=True)
class Done:
    """How a command ended and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


def radraft(data_dir: Path, *arguments: str | Path) -> Done:
    """`radraft ARGUMENTS` in this process."""
    with _own_log():
        result = CliRunner().invoke(
            app,
            [str(argument) for argument in arguments],
            env={"RADRAFT_DATA_DIR": str(data_dir)},
            catch_exceptions=False,
            prog_name="radraft",
        )
    return Done(result.exit_code, result.stdout, result.stderr)


@contextmanager
def _own_log() -> Iterator[None]:
    """The next command, with another data folder, writes a log of its own."""
    root, logger = logging.getLogger(), logging.getLogger("radraft")
    before, level = list(root.handlers), logger.level
    try:
        yield
    finally:
        for handler in set(root.handlers) - set(before):
            root.removeHandler(handler)
            handler.close()
        logger.setLevel(level)


def process(data_dir: Path, *arguments: str | Path) -> Done:
    """`radraft ARGUMENTS` in a process of its own, in which every warning is an error."""
    environment = {
        **os.environ,
        "RADRAFT_DATA_DIR": str(data_dir),
        "PYTHONWARNINGS": "error",
    }
    done = subprocess.run(
        [sys.executable, "-c", "from radraft.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=300,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def answer(data_dir: Path, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
    """What `radraft ARGUMENTS --json` prints; it ends with `code`."""
    return _value(radraft(data_dir, *arguments, "--json"), code)


def _value(done: Done, code: int) -> dict[str, Any]:
    assert done.returncode == code, done.stdout + done.stderr
    value = json.loads(done.stdout)
    assert isinstance(value, dict)
    return value


def ct() -> Path:
    """The one demo study that is no chest radiograph."""
    (path,) = (DEMO / "12").glob("*.dcm")
    return path


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from radraft.cli.main import app; "
        "print(*sorted({m.split('.')[0] for m in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    heavy = {"torch", "gradio", "sqlalchemy", "pydicom", "numpy", "langchain", "pydantic", "httpx"}
    assert not loaded & heavy


def test_a_study_the_model_does_not_cover_gets_a_skeleton_and_a_reason(tmp_path: Path) -> None:
    drafted = answer(tmp_path, "draft", ct())
    assert drafted["covered"] is False
    assert drafted["model"] is None
    assert drafted["report"] == {"findings": [], "impression": []}
    assert drafted["notice"]["zh"]
    assert drafted["notice"]["en"]


def test_ingest_knows_what_it_has_seen(tmp_path: Path) -> None:
    first = answer(tmp_path, "ingest", ct())
    second = answer(tmp_path, "ingest", ct())
    assert second["known"] == first["cases"]
    assert second["cases"] == []


def test_bad_files_do_not_stop_the_good_ones(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "good.dcm").write_bytes(ct().read_bytes())
    (folder / "notes.txt").write_text("not a DICOM file", encoding="utf-8")
    (folder / "empty.dcm").touch()
    result = answer(tmp_path / "data", "draft", folder, code=3)
    assert result["covered"] is False
    assert len(result["rejections"]) == 2
    for rejection in result["rejections"]:
        assert rejection["message_zh"]
        assert rejection["message_en"]


def test_a_single_bad_file_is_an_error_with_its_name(tmp_path: Path) -> None:
    bad = tmp_path / "empty.dcm"
    bad.touch()
    error = _value(process(tmp_path / "data", "draft", bad, "--json"), 1)["error"]
    assert error["file"].endswith("empty.dcm")
    assert error["message_zh"] != error["message_en"]


def test_a_folder_of_bad_files_names_each(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "notes.txt").write_text("not a DICOM file", encoding="utf-8")
    (folder / "empty.dcm").touch()
    result = answer(tmp_path / "data", "ingest", folder, code=1)
    assert {Path(item["file"]).name for item in result["rejections"]} == {"notes.txt", "empty.dcm"}
    assert result["error"]["code"] in {item["code"] for item in result["rejections"]}


def test_an_unknown_case_is_an_error(tmp_path: Path) -> None:
    for arguments in (("show", "c-0000000000000000"), ("draft", "c-0000000000000000")):
        error = answer(tmp_path, *arguments, code=1)["error"]
        assert error["code"] == "case_not_found"


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    for command in ("ingest", "draft"):
        error = answer(tmp_path, command, tmp_path / "nothing.dcm", code=1)["error"]
        assert error["file"].endswith("nothing.dcm")


def test_no_command_signs(tmp_path: Path) -> None:
    done = radraft(tmp_path, "sign", "c-0000000000000000", "--json")
    assert done.returncode == 2


def test_doctor_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADRAFT_VLLM_PYTHON", str(tmp_path / "no-python"))
    monkeypatch.setenv("RADRAFT_CACHE_DIR", str(tmp_path / "no-cache"))
    found = answer(tmp_path, "doctor", code=1)
    assert {problem["code"] for problem in found["problems"]} >= {
        "llm_not_installed",
        "starter_not_built",
    }


@pytest.mark.always
def test_no_identity_in_any_log(tmp_path: Path) -> None:
    from pydicom import dcmread

    (case,) = _value(process(tmp_path, "ingest", ct(), "--json"), 0)["cases"]
    header = dcmread(ct(), stop_before_pixels=True)
    logs = "".join(p.read_text(encoding="utf-8") for p in (tmp_path / "logs").glob("*.log*"))
    assert case in logs
    identities = {header.PatientID, header.StudyInstanceUID, header.AccessionNumber}
    identities |= {part for part in str(header.PatientName).replace("=", "^").split("^") if part}
    assert identities
    for identity in identities:
        assert not identity or str(identity) not in logs


def test_the_printed_help_is_the_documented_one(tmp_path: Path) -> None:
    written = tmp_path / "cli.md"
    words = ["-m", "typer", "radraft.cli.main", "utils", "docs", "--name", "radraft"]
    subprocess.run([sys.executable, *words, "--output", written], check=True, capture_output=True)
    assert written.read_text(encoding="utf-8") == (ROOT / "docs" / "cli.md").read_text(
        encoding="utf-8"
    ), "run `make docs`"
