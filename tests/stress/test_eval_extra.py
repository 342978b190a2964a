"""The eval extra alone, in a fresh environment: no torch, and a file scored with no network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.stress
@pytest.mark.timeout(900)
def test_the_eval_extra_alone_scores_a_file_offline(tmp_path: Path) -> None:
    source = tmp_path / "source"
    wheel = _wheel(tmp_path)
    environment = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", f"{wheel}[eval]"],
        check=True,
    )
    source.mkdir()
    refs, hyps = source / "refs.jsonl", source / "hyps.jsonl"
    refs.write_text(json.dumps({"id": "1", "report": "Small left pleural effusion. No edema."}))
    hyps.write_text(json.dumps({"id": "1", "report": "Left pleural effusion. No edema."}))
    score = ["-m", "radraft.cli", "eval", "score", "--refs", refs, "--hyps", hyps]
    done = subprocess.run(
        [*_without_network(), python, *score, "--lang", "en", "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=source,
        # An empty home: nothing that an earlier run computed.
        env={"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)
    assert "finding_f1_micro" in json.dumps(scores)
    assert "meteor" in json.dumps(scores)
    freeze = [python, "-m", "pip", "list", "--format", "freeze"]
    listed = subprocess.run(freeze, capture_output=True, text=True, check=True)
    heavy = {"torch", "vllm", "transformers", "open_clip_torch", "gradio"}
    assert not heavy & {line.partition("==")[0] for line in listed.stdout.splitlines()}


def _wheel(folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def _without_network() -> list[str]:
    """A network namespace of its own has no way out; it needs the right to make one."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return []
    command = [unshare, "--net", "--map-root-user"]
    tried = subprocess.run([*command, "true"], capture_output=True, check=False)
    return command if tried.returncode == 0 else []
