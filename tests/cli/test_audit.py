"""`radraft audit` over a store that was tampered with."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from radraft.core.settings import Settings
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind
from radraft.store import audit
from radraft.store.database import open_store
from tests.cli.test_commands import answer, radraft
from tests.store import tampering

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path, migrated_folder: Path) -> Path:
    shutil.copytree(migrated_folder, tmp_path / "data")
    store = open_store(Settings(data_dir=tmp_path / "data"))
    for number in range(4):
        actor = AuditActor("王芳", "u-1", "10.0.0.7")
        event = AuditEvent(AuditKind.VIEW, datetime.now(UTC), actor, case_id=f"c-{number}")
        with store.begin() as session:
            audit.append(session, event)
    store.close()
    return tmp_path / "data"


def test_an_audit_that_holds_ends_with_0(folder: Path) -> None:
    found = answer(folder, "audit", "verify")
    assert (found["ok"], found["events"], found["findings"]) == (True, 5, [])
    printed = radraft(folder, "audit", "verify")
    assert printed.returncode == 0
    assert "All 5 events hold." in printed.stdout
    assert "完好" in printed.stdout


def test_what_was_changed_is_named_and_ends_with_1(folder: Path) -> None:
    settings = Settings(data_dir=folder)
    tampering.unprotect(settings, "audit_events")
    tampering.run(settings, "UPDATE audit_events SET name = '李' WHERE sequence = 2")
    printed = radraft(folder, "audit", "verify", "--json")
    # Without its triggers radraft does not open the store at all.
    assert printed.returncode != 0
    assert json.loads(printed.stdout)["error"]["code"] == "append_only_missing"
    radraft(folder, "verify", "--reinstate")
    printed = radraft(folder, "audit", "verify")
    assert printed.returncode == 1
    assert "audit_row_changed: 1" in printed.stdout
    assert "event 2" in printed.stdout


def test_an_export_is_held_against_what_is_there_later(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    assert answer(folder, "audit", "export", "--out", str(path))["events"] == 6
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [line["sequence"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[1]["name"] == "王芳"
    # That it was exported is the last event.
    assert (lines[5]["kind"], lines[5]["name"][:12]) == ("export", "command line")
    assert answer(folder, "audit", "verify", "--export", str(path))["ok"]
    lines[2]["head"] = "0" * 64
    path.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    printed = radraft(folder, "audit", "verify", "--export", str(path))
    assert printed.returncode == 1
    assert "audit_export_differs: 1" in printed.stdout


def test_an_export_as_dicom_is_one_message_a_line(folder: Path) -> None:
    printed = radraft(folder, "audit", "export", "--format", "dicom", "--after", "4")
    assert printed.returncode == 0
    roots = [ElementTree.fromstring(line) for line in printed.stdout.splitlines()]
    assert [root.tag for root in roots] == ["AuditMessage", "AuditMessage"]


def test_a_file_that_is_there_is_not_written_over(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text("kept", "utf-8")
    printed = radraft(folder, "audit", "export", "--out", str(path), "--json")
    assert printed.returncode != 0
    assert json.loads(printed.stdout)["error"]["code"] == "audit_export_not_written"
    assert path.read_text("utf-8") == "kept"


def test_what_is_no_export_is_said_so(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.txt"
    path.write_text("not an export\n", "utf-8")
    printed = radraft(folder, "audit", "verify", "--export", str(path), "--json")
    assert printed.returncode != 0
    assert json.loads(printed.stdout)["error"]["code"] == "audit_export_unreadable"


def test_an_end_that_was_changed_stops_everything_until_somebody_says_to_go_on(
    folder: Path,
) -> None:
    settings = Settings(data_dir=folder)
    tampering.run(settings, "UPDATE audit_head SET seal = 'x'")
    printed = radraft(folder, "audit", "verify", "--json")
    assert printed.returncode == 1
    assert json.loads(printed.stdout)["counts"] == {"audit_end_unsealed": 1}
    refused = radraft(folder, "audit", "reseal", "--reason", "", "--json")
    assert json.loads(refused.stdout)["error"]["code"] == "audit_reason_invalid"
    assert answer(folder, "audit", "reseal", "--reason", "row damaged, copy kept")["event"] == 6
    assert answer(folder, "audit", "verify")["ok"]
