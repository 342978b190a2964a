"""A checkpoint folder is known by what is in its files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from radraft.core.errors import SettingsError
from radraft.llm.weights_hash import NOTE, folder_hash


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    (folder / "deep").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"a" * 1000)
    (folder / "deep" / "part.safetensors").write_bytes(b"b" * 1000)
    return folder


def test_other_content_of_the_same_size_and_time_is_another_checkpoint(weights: Path) -> None:
    before = folder_hash(weights)
    for name in ("model.safetensors", "deep/part.safetensors"):
        path = weights / name
        at = path.stat()
        path.write_bytes(b"c" * 1000)
        os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))
        after = folder_hash(weights)
        assert after != before
        before = after


def test_the_same_content_at_another_time_or_place_is_the_same_checkpoint(
    weights: Path, tmp_path: Path
) -> None:
    before = folder_hash(weights)
    os.utime(weights / "model.safetensors", (1, 1))
    assert folder_hash(weights) == before
    copy = tmp_path / "copy"
    weights.rename(copy)
    (copy / NOTE).unlink()
    assert folder_hash(copy) == before


def test_a_file_more_or_less_or_renamed_is_another_checkpoint(weights: Path) -> None:
    found = [folder_hash(weights)]
    (weights / "more.json").write_text("{}")
    found.append(folder_hash(weights))
    (weights / "more.json").rename(weights / "other.json")
    found.append(folder_hash(weights))
    assert len(set(found)) == 3
    (weights / "other.json").unlink()
    assert folder_hash(weights) == found[0]


def test_a_hubs_own_notes_do_not_count(weights: Path) -> None:
    before = folder_hash(weights)
    (weights / ".cache").mkdir()
    (weights / ".cache" / "download.json").write_text("{}")
    (weights / ".gitattributes").write_text("x")
    assert folder_hash(weights) == before


def test_the_note_saves_reading_what_did_not_change(weights: Path) -> None:
    before = folder_hash(weights)
    note = json.loads((weights / NOTE).read_text())
    # A planted hash shows that the second call looks up and does not read.
    note["model.safetensors"][1] = "f" * 64
    (weights / NOTE).write_text(json.dumps(note))
    assert folder_hash(weights) != before


@pytest.mark.parametrize(
    "note", ["", "[]", "{", '{"model.safetensors": 7}', '{"model.safetensors": [1, 2, 3]}', "\0"]
)
def test_a_broken_note_is_made_anew(weights: Path, note: str) -> None:
    before = folder_hash(weights)
    (weights / NOTE).write_text(note)
    assert folder_hash(weights) == before
    assert set(json.loads((weights / NOTE).read_text())) == {
        "config.json",
        "model.safetensors",
        "deep/part.safetensors",
    }


def test_a_note_that_cannot_be_kept_is_done_without(weights: Path) -> None:
    before = folder_hash(weights)
    (weights / NOTE).unlink()
    # Nothing can take the place of a folder that is not empty.
    (weights / NOTE).mkdir()
    (weights / NOTE / "x").write_text("")
    assert folder_hash(weights) == before


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        folder_hash(tmp_path / "nothing")
    assert error.value.code == "checkpoint_not_found"
