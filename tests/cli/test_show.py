"""`radraft show` of an unsigned report says how much of it a machine wrote."""

from __future__ import annotations

import shutil
from pathlib import Path

from radraft.core.settings import Settings
from radraft.store.database import open_store
from tests.cli.test_commands import answer, radraft
from tests.ui import seed


def test_an_unsigned_report_is_shown_as_ai_generated(tmp_path: Path, migrated_folder: Path) -> None:
    folder = shutil.copytree(migrated_folder, tmp_path / "data")
    store = open_store(Settings(data_dir=folder))
    case_id = seed.add(store)
    store.close()
    printed = radraft(folder, "show", case_id).stdout
    assert "AI 生成：6 句尚无医师确认，报告未签发。" in printed
    assert "AI-generated: no doctor stands yet for 6 of these sentences. Not signed." in printed
    shown = answer(folder, "show", case_id)
    assert shown["ai_generated"] == ["f1", "f2", "f3", "f4", "i1", "i2"]
