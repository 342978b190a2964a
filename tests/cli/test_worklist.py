"""`radraft worklist rebuild`, and what is said while a list is filled after an upgrade."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.store.database import open_store
from tests.builders import add_case
from tests.cli.test_commands import answer, radraft

pytestmark = pytest.mark.slow

FIXTURES = Path(__file__).parents[1] / "fixtures" / "stores"


def change(folder: Path, *statements: str) -> None:
    """Run SQL past radraft."""
    with sqlite3.connect(folder / "radraft.db") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_list_that_is_not_kept_is_refused_until_it_is_rebuilt(
    tmp_path: Path, migrated_folder: Path
) -> None:
    folder = shutil.copytree(migrated_folder, tmp_path / "data")
    store = open_store(Settings(data_dir=folder))
    with store.begin() as session:
        case_id = add_case(session, 1)
        add_case(session, 2)
    store.close()
    change(
        folder,
        "DROP TRIGGER worklist_case",
        f"UPDATE cases SET state = 'failed' WHERE case_id = '{case_id}'",
    )
    refused = answer(folder, "show", case_id, code=1)
    assert refused["error"]["code"] == "worklist_triggers_missing"
    assert "radraft worklist rebuild" in refused["error"]["message_en"]
    # What only examines opens it all the same.
    assert answer(folder, "verify")["ok"]
    mended = answer(folder, "worklist", "rebuild")
    assert mended == {"studies": 2, "changed": 1, "triggers": ["worklist_case"]}
    again = radraft(folder, "worklist", "rebuild")
    assert (again.returncode, again.stdout) == (
        0,
        "2 studies listed, 0 of them were not listed, or otherwise\n",
    )
    assert "Filling the worklist" in again.stderr


def test_a_rebuild_passes_over_no_missing_protection_of_what_was_signed(
    tmp_path: Path, migrated_folder: Path
) -> None:
    folder = shutil.copytree(migrated_folder, tmp_path / "data")
    change(folder, "DROP TRIGGER signed_reports_no_update", "DROP TRIGGER worklist_case")
    refused = answer(folder, "worklist", "rebuild", code=1)
    assert refused["error"]["code"] == "append_only_missing"


def test_an_upgrade_says_how_far_the_list_is_filled_and_logs_it(tmp_path: Path) -> None:
    folder = shutil.copytree(FIXTURES / "b9e49d5-today", tmp_path / "data")
    with sqlite3.connect(folder / "radraft.db") as connection:
        [(case_id, studies)] = connection.execute("SELECT min(case_id), count(*) FROM cases")
    connection.close()
    shown = radraft(folder, "show", case_id)
    assert shown.returncode == 0
    assert f"{studies}/{studies}" in shown.stderr
    log = (folder / "logs" / "radraft.log").read_text(encoding="utf-8")
    assert f"worklist_filling: {studies} of {studies} studies" in log
    assert "worklist" not in radraft(folder, "show", case_id).stderr
