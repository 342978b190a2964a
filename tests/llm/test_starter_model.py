"""The starter's parts: pinned, checked at start-up, named when one is not the right one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from radraft.core.errors import DraftingError
from radraft.llm import checkpoint, pins, starter_model
from radraft.llm.profiles import load_profile
from radraft.vision_encoder.projector import Projector
from radraft.vision_encoder.shipped import load_heads

ROOT = Path(__file__).parents[2]
LIMIT = 40e6
"""Bytes that all shipped weights may take in the repository."""


def test_the_profile_pins_the_shipped_weights() -> None:
    load_profile("starter").check_weights()


def test_the_shipped_weights_are_small_and_fit_each_other() -> None:
    files = pins.files()
    assert sum(path.stat().st_size for path in files.values()) <= LIMIT
    projector = Projector.load(files["projector"])
    assert (projector.dim, projector.width) == (load_heads().dim, checkpoint.WIDTH)
    about = json.loads(files["lora_config"].read_text(encoding="utf-8"))
    assert about["rank"] == load_profile("starter").vllm.max_lora_rank


@pytest.fixture
def copies(tmp_path: Path) -> dict[str, Path]:
    found = pins.files(tmp_path / "trained", tmp_path / "starter")
    for name, path in found.items():
        path.parent.mkdir(exist_ok=True)
        shutil.copy(pins.files()[name], path)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", pins.Pins.model_fields)
@pytest.mark.parametrize("missing", [False, True])
def test_a_file_that_is_not_the_pinned_one_is_named(
    copies: dict[str, Path], name: str, missing: bool
) -> None:
    pinned = load_profile("starter").weights
    assert pinned is not None
    pins.check(pinned, copies)
    path = copies[name]
    if missing:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(DraftingError) as caught:
        pins.check(pinned, copies)
    assert caught.value.code == "starter_weights_changed"
    assert path.name in caught.value.message_zh and path.name in caught.value.message_en


def test_built_waits_for_the_checkpoint(tmp_path: Path) -> None:
    paths = starter_model.paths(tmp_path)
    assert not paths.built()
    assert paths.checkpoint == checkpoint.folder(tmp_path)
    paths.checkpoint.mkdir()
    assert paths.built() and all(path.exists() for path in asdict(paths).values())


@pytest.mark.slow
def test_the_script_changes_the_hashes_and_nothing_else() -> None:
    text = (ROOT / "llm" / "profiles" / "starter.yaml").read_text(encoding="utf-8")
    program = (
        "import json, sys; from radraft.bench.pin_starter import pinned;"
        "text, shas = json.load(sys.stdin); sys.stdout.write(pinned(text, shas))"
    )

    def run(shas: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            input=json.dumps([text, shas]),
            capture_output=True,
            text=True,
            check=False,
        )

    shas = {name: f"{number:064x}" for number, name in enumerate(pins.Pins.model_fields)}
    changed = run(shas).stdout.splitlines()
    assert len(changed) == len(text.splitlines())
    differing = [new for old, new in zip(text.splitlines(), changed, strict=True) if old != new]
    assert differing == [f"  {name}: {sha}" for name, sha in shas.items()]
    assert run({"other": "0" * 64}).returncode != 0
