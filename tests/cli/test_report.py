"""`radraft report warnings`: what became of each check's warnings."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.service import Service
from radraft.reports.dismissal import DismissalReason
from radraft.store.database import open_store
from tests import builders
from tests.cli.test_commands import answer

pytestmark = pytest.mark.slow


def fill(data: Path) -> None:
    """One warning that a reader dismissed as wrong, and one that he left."""
    settings = Settings(data_dir=data)
    store = open_store(settings)
    service = Service(store, settings, load_profile("starter"))
    for number in (1, 2):
        with store.begin() as session:
            case_id = builders.add_drafted(session, number)
        working = service.case_view(case_id).working
        first, *others = working.report.findings
        first = first.reworded(zh="左肺见结节影。", en="")
        report = replace(working.report, findings=(first, *others))
        service.save(case_id, report, base_revision=1, actor=builders.actor("林清"))
        (warning,) = [
            w for w in service.proofreader.of_case(case_id) if w.issue.code == "language_missing"
        ]
        if number == 1:
            service.proofreader.dismiss(
                case_id,
                warning.key,
                base_revision=2,
                reason=DismissalReason.WRONG_WARNING,
                text="",
                actor=builders.actor("林清"),
            )
    store.close()


def test_counts_and_shares_are_printed_by_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    fill(data)
    found = answer(data, "report", "warnings")
    assert found["limit"] == {"share": 0.5, "least": 30}
    (row,) = [row for row in found["checks"] if row["check"] == "language_missing"]
    assert (row["found"], row["mended"], row["dismissed"], row["open"]) == (2, 0, 1, 1)
    assert (row["dismissed_share"], row["dismissed_wrong_warning"]) == (0.5, 1)
    assert not row["over_limit"]
    monkeypatch.setenv("RADRAFT_DISMISSED_LIMIT", "0.4")
    monkeypatch.setenv("RADRAFT_DISMISSED_LEAST", "2")
    again = answer(data, "report", "warnings", "--site", row["site"])
    assert [row["check"] for row in again["checks"] if row["over_limit"]] == ["language_missing"]
    printed = subprocess.run(
        [sys.executable, "-m", "radraft.cli", "report", "warnings", "--lang", "zh"],
        env=os.environ | {"RADRAFT_DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "language_missing" in printed
    assert "超过本站点的限值 40" in printed


def test_a_site_that_is_not_there_is_named_in_the_refusal(tmp_path: Path) -> None:
    refused = answer(tmp_path / "data", "report", "warnings", "--site", "nowhere", code=1)
    assert refused["error"]["code"] == "warnings_site_unknown"
