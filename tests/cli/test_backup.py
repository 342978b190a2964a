"""`radraft backup`, `restore` and `upgrade` as an administrator runs them."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from pathlib import Path

import pytest

from radraft.core.errors import catalogue
from radraft.core.settings import Settings
from radraft.store import backup_database, migrations
from radraft.store.database import open_store
from tests.backup_children import add_signed
from tests.cli.test_commands import answer, process, radraft

pytestmark = pytest.mark.slow

FIXTURES = Path(__file__).parents[1] / "fixtures" / "stores"


@pytest.fixture
def folder(tmp_path: Path, migrated_folder: Path) -> Path:
    """The data folder of a site with two signed cases."""
    shutil.copytree(migrated_folder, tmp_path / "data")
    store = open_store(Settings(data_dir=tmp_path / "data"))
    add_signed(store, 1)
    add_signed(store, 2)
    store.close()
    return tmp_path / "data"


@pytest.fixture
def early(tmp_path: Path) -> Path:
    """A data folder as an earlier version left it."""
    return shutil.copytree(FIXTURES / "b9e49d5-today", tmp_path / "early")


def schema(folder: Path) -> str:
    with sqlite3.connect(folder / "radraft.db") as database:
        (number,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
    database.close()
    assert isinstance(number, str)
    return number


def events(folder: Path, kind: str) -> list[dict[str, str]]:
    lines = radraft(folder, "audit", "export").stdout.splitlines()
    return [event["details"] for event in map(json.loads, lines) if event["kind"] == kind]


def test_the_drill_a_backup_is_checked_and_put_back_and_the_site_goes_on(
    folder: Path, tmp_path: Path
) -> None:
    made = answer(folder, "backup", tmp_path / "backups")
    assert made["counts"] == {"cases": 2, "signatures": 2, "audit_events": 3}
    assert (made["files"], made["copied"], made["missing_files"]) == (4, 4, [])
    name = Path(made["folder"]).name
    checked = answer(tmp_path / "new", "restore", "--check", tmp_path / "backups")
    assert (checked["ok"], checked["folder"]) == (True, made["folder"])
    assert not (tmp_path / "new").exists()
    back = answer(tmp_path / "new", "restore", tmp_path / "backups")
    assert (back["ok"], back["faults"], back["made_at"]) == (True, {}, made["made_at"])
    assert back["later"] is None
    assert answer(tmp_path / "new", "verify")["ok"]
    assert answer(tmp_path / "new", "audit", "verify")["ok"]
    assert events(folder, "export")[0] == {"backup": name}
    assert {"restored": name} in events(tmp_path / "new", "configuration")


def test_what_is_printed_says_in_both_languages_what_the_backup_holds(
    folder: Path, tmp_path: Path
) -> None:
    done = radraft(folder, "backup", tmp_path / "backups")
    assert done.returncode == 0
    assert "2 cases, 2 signatures" in done.stdout
    assert "站点密钥" in done.stdout
    assert "Keep it encrypted" in done.stdout
    apart = radraft(folder, "backup", "--without-secret", tmp_path / "backups")
    assert "keep site.secret and adapter.key elsewhere" in apart.stdout
    assert "王医生" not in done.stdout + done.stderr
    back = radraft(
        tmp_path / "new", "restore", tmp_path / "backups", "--secret", folder / "site.secret"
    )
    assert back.returncode == 0
    assert "签名和审计全部相符" in back.stdout
    assert "all signatures and the audit hold" in back.stdout


def test_how_far_it_is_is_shown(folder: Path, tmp_path: Path) -> None:
    made = process(folder, "backup", tmp_path / "backups")
    assert (made.returncode, "100%" in made.stderr) == (0, True)
    back = process(tmp_path / "new", "restore", tmp_path / "backups")
    assert (back.returncode, "100%" in back.stderr) == (0, True)


def test_an_older_state_that_is_put_back_says_what_a_later_backup_has_more(
    folder: Path, tmp_path: Path
) -> None:
    first = answer(folder, "backup", tmp_path / "backups")
    store = open_store(Settings(data_dir=folder))
    add_signed(store, 3)
    store.close()
    last = answer(folder, "backup", tmp_path / "backups")
    back = radraft(tmp_path / "new", "restore", first["folder"])
    assert back.returncode == 0
    # The event of the first backup is in the later one too.
    assert "lacks 1 signatures and 2 audit events" in back.stdout
    assert f"更新的备份 {last['folder']}" in back.stdout
    assert "radraft audit verify --export" in back.stdout


def test_what_cannot_be_put_back_ends_with_1_and_a_code(folder: Path, tmp_path: Path) -> None:
    answer(folder, "backup", tmp_path / "backups")

    def code(data: Path, target: Path) -> str:
        found = answer(data, "restore", target, code=1)["error"]
        assert found["message_zh"]
        return str(found["code"])

    assert code(folder, tmp_path / "backups") == "restore_not_empty"
    assert code(tmp_path / "new", tmp_path / "elsewhere") == "backup_none"
    (manifest,) = (tmp_path / "backups").glob("*/manifest.json")
    manifest.write_text(manifest.read_text().replace('"cases": 2', '"cases": 3'))
    assert code(tmp_path / "new", tmp_path / "backups") == "backup_manifest_changed"
    assert not (tmp_path / "new" / "radraft.db").exists()


def test_a_backup_of_what_does_not_hold_is_put_back_and_says_so(
    folder: Path, tmp_path: Path
) -> None:
    change_what_was_signed(folder)
    answer(folder, "backup", tmp_path / "backups")
    back = answer(tmp_path / "new", "restore", tmp_path / "backups", code=1)
    assert (back["ok"], "content_changed" in back["faults"]) == (False, True)
    assert (tmp_path / "new" / "radraft.db").exists()


def test_an_earlier_database_is_backed_up_and_not_upgraded(early: Path, tmp_path: Path) -> None:
    before = schema(early)
    made = answer(early, "backup", tmp_path / "backups")
    assert made["schema"] == before == schema(early)


def test_an_upgrade_says_how_long_the_copy_took_and_then_does_it(early: Path) -> None:
    before = schema(early)
    tried = answer(early, "upgrade", "--copy-only")
    assert (tried["schema_before"], tried["schema"]) == (before, migrations.newest())
    assert (tried["upgraded"], tried["faults"], schema(early)) == (False, {}, before)
    assert tried["seconds_of_copy"] > 0
    done = radraft(early, "upgrade")
    assert done.returncode == 0
    assert f"A copy went from schema {before} to {migrations.newest()}" in " ".join(
        done.stderr.split()
    )
    assert schema(early) == migrations.newest()
    assert backup_database.is_newest(Settings(data_dir=early))
    assert answer(early, "verify")["ok"]


def test_a_database_of_which_a_signature_does_not_hold_is_not_upgraded(early: Path) -> None:
    before = schema(early)
    change_what_was_signed(early)
    found = answer(early, "upgrade", code=1)
    assert found["error"]["code"] == "upgrade_unsound"
    assert "content_changed" in found["faults"]
    assert schema(early) == before


def test_every_code_that_the_administrators_page_names_is_there() -> None:
    page = (Path(__file__).parents[2] / "docs" / "backup.md").read_text(encoding="utf-8")
    table = page.partition("## What can be wrong")[2]
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", table))
    named -= {"pg_dump", "pg_restore"}
    assert named <= set(catalogue())
    ours = {code for code in catalogue() if code.startswith(("backup_", "restore", "upgrade_"))}
    said_beside_a_result = {
        "backup_files_missing", "backup_holds_identity", "backup_holds_secret", "restored_behind",
        "restored_sound",
    }  # fmt: skip
    assert ours - named == said_beside_a_result


def change_what_was_signed(folder: Path) -> None:
    """As somebody could who has the database's file."""
    with sqlite3.connect(folder / "radraft.db") as database:
        triggers = database.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            " AND tbl_name = 'signed_reports'"
        ).fetchall()
        for name, _ in triggers:
            database.execute(f"DROP TRIGGER {name}")
        changed = database.execute(
            "UPDATE signed_reports SET content ="
            " replace(content, '\"version\":1', '\"version\": 1')"
        )
        assert changed.rowcount
        for _, statement in triggers:
            database.execute(statement)
    database.close()
