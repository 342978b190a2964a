"""`radraft outbox`: the file is checked, what is dead is listed, sent again or dropped."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.store import commitments, outbox as stored
from radraft.store.database import Store, open_store
from tests.builders import add_case
from tests.cli.test_commands import answer, radraft
from tests.pipeline.outbox_site import queued
from tests.store.test_commitments import ask, due_now, send
from tests.ui.api.test_outbox import dead_entry

pytestmark = pytest.mark.slow

TARGETS = """\
targets:
  - name: ris
    kind: hl7
    address: 127.0.0.1:2575
    sites: ["*"]
"""

PACS = """\
targets:
  - name: pacs
    kind: dicom
    address: 127.0.0.1:104
    called_aet: PACS
    sites: ["*"]
    forms: [sr]
    commitment: true
"""


@pytest.fixture
def targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "targets.yaml"
    path.write_text(TARGETS)
    monkeypatch.setenv("RADRAFT_TARGETS", str(path))
    return path


def with_dead(data: Path) -> int:
    store: Store = open_store(Settings(data_dir=data))
    with store.begin() as session:
        case_id = add_case(session, 1)
    entry_id = dead_entry(store, case_id)
    queued(store, 2, "old")
    store.close()
    return entry_id


def test_check_says_what_the_file_names_or_which_line_is_wrong(
    tmp_path: Path, targets: Path
) -> None:
    (ris,) = answer(tmp_path / "data", "outbox", "check")["targets"]
    assert (ris["name"], ris["forms"], ris["when"]) == ("ris", ["oru"], ["corrected", "final"])
    targets.write_text(TARGETS.replace("hl7", "hl8"))
    refused = radraft(tmp_path / "data", "outbox", "check")
    assert refused.returncode == 1
    assert "line 3: kind must be one of" in refused.stderr
    assert "第 3 行" in refused.stderr


def test_check_without_a_file_says_which_setting_names_it(tmp_path: Path) -> None:
    refused = radraft(tmp_path / "data", "outbox", "check")
    assert refused.returncode == 1
    assert "RADRAFT_TARGETS" in refused.stderr


def test_what_is_dead_is_listed_with_its_sentence_and_sent_again(
    tmp_path: Path, targets: Path
) -> None:
    data = tmp_path / "data"
    entry_id = with_dead(data)
    listed = answer(data, "outbox", "list")
    by_name = {target["name"]: target for target in listed["targets"]}
    assert (by_name["ris"]["dead"], by_name["ris"]["orphaned"]) == (1, False)
    assert (by_name["old"]["waiting"], by_name["old"]["orphaned"]) == (1, True)
    assert [entry["code"] for entry in listed["entries"]] == ["", "hl7_refused"]
    assert "NOT IN THE TARGETS FILE" in radraft(data, "outbox", "list").stdout
    assert answer(data, "outbox", "retry", "--target", "ris") == {
        "resent": [entry_id], "overtaken": [],
    }  # fmt: skip
    (entry,) = answer(data, "outbox", "list", "--target", "ris")["entries"]
    assert entry["state"] == "waiting"


def test_what_a_pacs_has_not_committed_itself_to_is_listed_until_it_has(
    tmp_path: Path, targets: Path
) -> None:
    data = tmp_path / "data"
    store = open_store(Settings(data_dir=data))
    with store.begin() as session:
        send(session, add_case(session, 1), 1)
        ask(session, "2.25.100")
        due_now(session)
        ask(session, "2.25.101")
        commitments.note_offer(session, "pacs", offered=False)
    store.close()
    targets.write_text(PACS)
    said = radraft(data, "outbox", "check").stdout
    assert "commitment of PACS at 127.0.0.1:104, which must report to RADRAFT" in said
    listed = answer(data, "outbox", "list")
    (pacs,) = listed["targets"]
    assert (pacs["stored"], pacs["waiting"], pacs["commitment_offered"]) == (1, 0, False)
    (entry,) = listed["entries"]
    assert (entry["state"], entry["code"]) == ("stored", "commitment_no_report")
    assert "60 minutes" in entry["message_en"]
    said = radraft(data, "outbox", "list").stdout
    assert "OFFERS NO STORAGE COMMITMENT" in said
    assert "stored, not committed 1" in said


def test_a_drop_needs_its_reason(tmp_path: Path, targets: Path) -> None:
    data = tmp_path / "data"
    entry_id = str(with_dead(data))
    refused = radraft(data, "outbox", "drop", entry_id, "--reason", " ")
    assert refused.returncode == 1
    assert "outbox_reason_needed" in refused.stderr
    dropped = answer(data, "outbox", "drop", entry_id, "--reason", "entered by hand")
    assert dropped["entry"]["state"] == "dropped"
    unknown = radraft(data, "outbox", "drop", "4711", "--reason", "x")
    assert "outbox_entry_unknown" in unknown.stderr


def test_what_was_signed_before_is_queued_for_a_known_receiver_from_a_day_on(
    tmp_path: Path, targets: Path
) -> None:
    data = tmp_path / "data"
    with_dead(data)
    asked = ("outbox", "enqueue")
    assert answer(data, *asked, "ris", "--since", "2026-01-01")["queued"] == 0
    assert "outbox_target_unknown" in radraft(data, *asked, "no", "--since", "2026-01-01").stderr
    assert "outbox_since_invalid" in radraft(data, *asked, "ris", "--since", "today").stderr


def test_what_a_restore_held_is_released_once_a_person_says_so(
    tmp_path: Path, targets: Path
) -> None:
    data = tmp_path / "data"
    with_dead(data)
    store = open_store(Settings(data_dir=data))
    with store.begin() as session:
        assert stored.hold_all(session) == 1
    store.close()
    assert answer(data, "outbox", "release", "--target", "ris")["released"] == []
    assert len(answer(data, "outbox", "release")["released"]) == 1
    (entry,) = answer(data, "outbox", "list", "--target", "old")["entries"]
    assert entry["state"] == "waiting"
