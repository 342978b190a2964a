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
from radraft.finetune.adapt.base import trainable
from radraft.llm import checkpoint, pins, starter_model
from radraft.llm.launch import model_path
from radraft.llm.profiles import Profile, load_profile
from radraft.pipeline.draft_batch import load_vision_model
from radraft.vision_encoder import shipped
from radraft.vision_encoder.projector import Projector
from radraft.vision_encoder.shipped import EDITIONS, Edition, load_heads
from tests.scale import rows

ROOT = Path(__file__).parents[2]
LIMIT = 40e6
"""Bytes that the shipped weights of an edition may take in the repository."""


def test_each_edition_has_a_profile_that_names_it() -> None:
    assert starter_model.PROFILES.keys() == set(EDITIONS)
    for edition, name in starter_model.PROFILES.items():
        assert load_profile(name).edition == edition


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_profile_pins_the_shipped_weights(edition: Edition) -> None:
    load_profile(starter_model.PROFILES[edition]).check_weights()


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_shipped_weights_are_small_and_fit_each_other(edition: Edition) -> None:
    files = pins.files(edition)
    assert sum(path.stat().st_size for path in files.values()) <= LIMIT
    projector = Projector.load(files["projector"])
    heads = load_heads(files["heads"].parent)
    assert (projector.dim, projector.width) == (heads.dim, checkpoint.WIDTH)
    about = json.loads(files["lora_config"].read_text(encoding="utf-8"))
    profile = load_profile(starter_model.PROFILES[edition])
    assert about["rank"] == profile.vllm.max_lora_rank


def test_the_editions_share_no_file_and_the_second_has_no_text_tower() -> None:
    first, second = pins.files(1), pins.files(2)
    assert first.keys() - second.keys() == {"text"}
    assert second.keys() - first.keys() == {"vocabulary"}
    assert not set(first.values()) & set(second.values())
    assert first["encoder"].read_bytes() != second["encoder"].read_bytes()
    assert shipped.encoder_id(second["encoder"].parent).startswith("radraft_cxr2@")


@pytest.fixture(params=EDITIONS)
def edition(request: pytest.FixtureRequest) -> Edition:
    chosen: Edition = request.param
    return chosen


@pytest.fixture
def moved(edition: Edition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """The edition's profile, its files copied to where a test may damage them."""
    for path in pins.files(edition).values():
        copy = tmp_path / path.parent.name / path.name
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(path, copy)
    for folders in (shipped.FOLDERS, pins.STARTER):
        monkeypatch.setitem(folders, edition, tmp_path / folders[edition].name)  # type: ignore[arg-type]
    assert all(path.is_relative_to(tmp_path) for path in pins.files(edition).values())
    return load_profile(starter_model.PROFILES[edition])


@pytest.mark.slow
@rows("1-False-encoder", "2-False-heads", "2-True-lora")
@pytest.mark.parametrize("name", pins.Pins.model_fields)
@pytest.mark.parametrize("missing", [False, True])
def test_a_file_that_is_not_the_pinned_one_is_named(
    moved: Profile, edition: Edition, tmp_path: Path, name: str, missing: bool
) -> None:
    files = pins.files(edition)
    if name not in files:
        assert (edition, name) in {(2, "text"), (1, "vocabulary")}
        return
    moved.check_weights()
    path = files[name]
    if missing:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b" ")
    for use in (
        moved.check_weights,
        lambda: starter_model.build(tmp_path / "cache", edition=edition),
        lambda: load_vision_model(moved),
        lambda: trainable(moved, tmp_path / "cache"),
        lambda: model_path(moved, tmp_path / "cache", None),
    ):
        with pytest.raises(DraftingError) as caught:
            use()
        assert caught.value.code == "starter_weights_changed"
        named = f"{path.parent.name}/{path.name}"
        assert named in caught.value.message_zh and named in caught.value.message_en
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("edition", EDITIONS)
def test_built_waits_for_the_checkpoint(tmp_path: Path, edition: Edition) -> None:
    paths = starter_model.paths(tmp_path, edition)
    assert not paths.built()
    assert paths.checkpoint == checkpoint.folder(tmp_path, edition)
    paths.checkpoint.mkdir()
    assert paths.built() and all(path.exists() for path in asdict(paths).values())


@pytest.mark.slow
@rows("2")
@pytest.mark.parametrize("edition", EDITIONS)
def test_the_script_changes_the_hashes_and_nothing_else(edition: Edition) -> None:
    name = f"{starter_model.PROFILES[edition]}.yaml"
    text = (ROOT / "llm" / "profiles" / name).read_text(encoding="utf-8")
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

    shas = {name: f"{number:064x}" for number, name in enumerate(pins.files(edition))}
    changed = run(shas).stdout.splitlines()
    assert len(changed) == len(text.splitlines())
    differing = [new for old, new in zip(text.splitlines(), changed, strict=True) if old != new]
    assert differing == [f"  {name}: {sha}" for name, sha in shas.items()]
    assert run({"other": "0" * 64}).returncode != 0
