"""`radraft alerts`: what is open, and the register."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.reports.alerts import AlertMove, AlertStep, Channel
from radraft.store import alerts
from radraft.store.database import open_store
from tests.builders import NAME, PATIENT_ID, actor, add_case
from tests.cli.test_commands import answer, radraft
from tests.reports.test_alerts import LEFT, NOW, finding

pytestmark = pytest.mark.slow


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with an alert of which somebody was notified, and one of nobody."""
    store = open_store(Settings(data_dir=tmp_path / "data"))
    told = AlertStep(AlertMove.NOTIFY, "电话", "=急诊周", Channel.PHONE)
    with store.begin() as session:
        for number in (1, 2):
            case_id = add_case(session, number)
            [alert] = alerts.update(session, case_id, [finding(LEFT)], actor=actor("王"), now=NOW)
        alerts.move(session, alert.alert_id, told, actor=actor("李"), base_revision=0, now=NOW)
    store.close()
    return tmp_path / "data"


def test_open_alerts_are_listed_with_what_they_wait_for(data: Path) -> None:
    listed = answer(data, "alerts", "list")["alerts"]
    assert {row["state"] for row in listed} == {"found", "notified"}
    assert all(row["finding"] == "pneumothorax" and row["side"] == "left" for row in listed)
    text = radraft(data, "alerts", "list").stdout
    assert text.count("pneumothorax left") == 2


def test_the_register_is_a_table_with_people_times_and_text(data: Path) -> None:
    done = radraft(
        data, "alerts", "register", "--since", "2026-11-28", "--until", "2026-11-30", "--csv"
    )
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 2
    [told] = [row for row in rows if row["notified_by"]]
    assert (told["found_by"], told["notified_by"], told["channel"]) == ("王", "李", "phone")
    assert told["notified_at"] == "2026-11-29T08:00:00+00:00"
    assert told["text"] == "左侧气胸。"
    # No formula in a spreadsheet.
    assert told["recipient"] == "'=急诊周"
    for planted in (NAME, PATIENT_ID):
        assert planted not in done.stdout


def test_days_without_an_alert_print_an_empty_register(data: Path) -> None:
    found = answer(data, "alerts", "register", "--since", "2026-01-01", "--until", "2026-01-31")
    assert found["alerts"] == []


@pytest.mark.parametrize(
    ("since", "until"),
    [("x", "2026-11-30"), ("2026-12-01", "2026-11-30"), ("2020-01-01", "2026-01-01")],
)
def test_days_that_are_none_are_refused(data: Path, since: str, until: str) -> None:
    refused = answer(data, "alerts", "register", "--since", since, "--until", until, code=1)
    assert refused["error"]["code"] == "alert_dates_invalid"
