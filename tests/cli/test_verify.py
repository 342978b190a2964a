"""`radraft verify` over a store that was tampered with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.store.database import open_store
from tests.cli.test_commands import answer, radraft
from tests.store import tampering
from tests.store.tampering import signed, signed_again

pytestmark = pytest.mark.slow

FIXTURES = Path(__file__).parents[1] / "fixtures" / "stores"


@pytest.fixture
def folder(tmp_path: Path, migrated_folder: Path) -> Path:
    shutil.copytree(migrated_folder, tmp_path / "data")
    return tmp_path / "data"


def test_all_that_holds_ends_with_0_and_says_how_fast(folder: Path) -> None:
    store = open_store(Settings(data_dir=folder))
    signed(store, 1)
    signed(store, 2)
    store.close()
    found = answer(folder, "verify")
    assert (found["ok"], found["signatures"], found["findings"]) == (True, 2, [])
    assert (found["inherited"], found["heads_not_sent"], found["clock_back"]) == (0, None, 0)
    assert found["signatures_per_s"] > 0
    printed = radraft(folder, "verify")
    assert printed.returncode == 0
    assert "Everything holds." in printed.stdout
    assert "全部相符" in printed.stdout
    assert "signatures/s" in printed.stdout


def test_what_does_not_hold_is_printed_by_case_and_version_and_ends_with_1(folder: Path) -> None:
    settings = Settings(data_dir=folder)
    store = open_store(settings)
    bad = signed(store, 1)
    gone = signed_again(store, signed(store, 2).case_id)
    store.close()
    tampering.change_text(settings, bad.case_id, "所见f1", "大量气胸")
    tampering.delete_version(settings, gone, everywhere=False)
    found = answer(folder, "verify", code=1)
    assert not found["ok"]
    told = {(one["fault"], one["case_id"], one["version"]) for one in found["findings"]}
    assert told >= {("content_changed", bad.case_id, 1), ("version_missing", gone.case_id, 2)}
    assert found["counts"]["trigger_missing"] == len(
        [one for one in found["findings"] if one["fault"] == "trigger_missing"]
    )
    text = json.dumps(found, ensure_ascii=False)
    assert "王医生" not in text
    assert "大量气胸" not in text
    assert "PLANTED" not in text
    printed = radraft(folder, "verify")
    assert printed.returncode == 1
    assert "! content_changed: 1" in printed.stdout
    assert f"  - case_id {bad.case_id}  version 1" in printed.stdout


def test_a_cut_chain_shows_against_the_log_and_against_lines_taken_from_syslog(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "heads.log"
    settings = Settings(data_dir=folder, signature_log=f"file:{log}")
    store = open_store(settings)
    first = signed(store)
    second = signed_again(store, first.case_id)
    store.close()
    tampering.delete_version(settings, second, everywhere=True)
    assert answer(folder, "verify", "--reinstate")["ok"]
    found = answer(folder, "verify", "--log", log, code=1)
    assert [one["fault"] for one in found["findings"]] == ["sent_head_missing"]
    monkeypatch.setenv("RADRAFT_SIGNATURE_LOG", f"file:{log}")
    found = answer(folder, "verify", code=1)
    assert [one["fault"] for one in found["findings"]] == ["sent_head_missing"]
    assert (found["heads_compared"], found["heads_not_sent"]) == (2, 0)
    found = answer(folder, "verify", "--log", tmp_path / "none", code=1)
    assert "signature_log_unreadable" in found["counts"]


def test_heads_that_were_not_sent_are_counted_and_break_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = f"file:{tmp_path / 'none' / 'heads.log'}"
    store = open_store(Settings(data_dir=folder, signature_log=log))
    signed(store, 1)
    signed(store, 2)
    store.close()
    monkeypatch.setenv("RADRAFT_SIGNATURE_LOG", log)
    found = answer(folder, "verify")
    assert (found["ok"], found["heads_not_sent"]) == (True, 2)
    problems = answer(folder, "doctor", code=1)["problems"]
    assert "signature_heads_unsent" in [problem["code"] for problem in problems]


def test_missing_triggers_fail_until_they_are_made_anew_on_demand(folder: Path) -> None:
    settings = Settings(data_dir=folder)
    tampering.unprotect(settings, "signed_reports")
    refused = answer(folder, "show", "c-0000000000000000", code=1)
    assert refused["error"]["code"] == "append_only_missing"
    assert answer(folder, "verify", code=1)["counts"] == {"trigger_missing": 3}
    made = answer(folder, "verify", "--reinstate")
    assert len(made["reinstated_triggers"]) == 3
    told = [json.loads(line) for line in radraft(folder, "audit", "export").stdout.splitlines()]
    done = [event["details"] for event in told if event["kind"] == "configuration"]
    assert done == [{"reinstated_triggers": "3"}]
    assert answer(folder, "verify")["ok"]


def test_what_was_signed_before_the_chain_is_counted_with_the_time_it_was_sealed(
    tmp_path: Path,
) -> None:
    shutil.copytree(FIXTURES / "1588ca4-first", tmp_path / "data")
    found = answer(tmp_path / "data", "verify")
    assert (found["ok"], found["inherited"]) == (True, found["signatures"])
    assert found["sealed_at"]
    printed = radraft(tmp_path / "data", "verify")
    assert "cannot vouch for the time before" in printed.stdout


def test_a_broken_report_is_named_and_its_text_is_not_printed(folder: Path) -> None:
    settings = Settings(data_dir=folder)
    store = open_store(settings)
    bad, good = signed(store, 1), signed(store, 2)
    store.close()
    tampering.change_text(settings, bad.case_id, "所见f1", "大量气胸")
    answer(folder, "verify", "--reinstate", code=1)
    shown = answer(folder, "show", bad.case_id)
    assert shown["report"] is None
    assert shown["broken"] == [{"case_id": bad.case_id, "version": 1, "fault": "content_changed"}]
    assert "must not be relied upon" in shown["warning"]["en"]
    assert "不可作为诊疗依据" in shown["warning"]["zh"]
    printed = radraft(folder, "show", bad.case_id).stdout
    assert "must not be relied upon" in printed
    assert "所见f" not in printed
    assert "气胸" not in printed
    whole = answer(folder, "show", good.case_id)
    assert (whole["warning"], whole["broken"]) == (None, [])
    assert whole["report"]["findings"]
