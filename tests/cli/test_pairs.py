"""`radraft pairs export` and `archive export`: what they write, and who knows of it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.cli.test_commands import answer
from tests.cli.test_eval_ask import exports


def test_training_pairs_do_not_leave_unnoticed(tmp_path: Path, migrated_folder: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(migrated_folder, folder)
    value = answer(folder, "pairs", "export", tmp_path / "pairs.jsonl")
    assert Path(value["path"]).is_file() and Path(value["preferences_path"]).is_file()
    assert exports(folder) == 1
    refused = answer(folder, "pairs", "export", tmp_path / "no folder" / "pairs.jsonl", code=1)
    assert refused["error"]["code"] == "cannot_write"
    assert exports(folder) == 2


def test_archived_reports_do_not_leave_unnoticed(tmp_path: Path, migrated_folder: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(migrated_folder, folder)
    chosen = ("--kinds", "image,impression", "--pixels")
    value = answer(folder, "archive", "export", tmp_path / "set.jsonl", *chosen)
    assert Path(value["path"]).is_file() and Path(value["card"]).is_file()
    assert value["kinds"] == {"image": {}, "impression": {}}
    assert exports(folder) == 1
    refused = answer(folder, "archive", "export", tmp_path / "no" / "set.jsonl", code=1)
    assert refused["error"]["code"] == "cannot_write"
    assert exports(folder) == 2
