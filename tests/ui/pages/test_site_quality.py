"""What a site sends, as figures, as a page and as a table."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from radraft.cli.main import app
from radraft.core.errors import NotFound
from radraft.core.settings import Settings
from radraft.pipeline.site_quality import facts, of_site, records, site_quality, tally
from radraft.store import quality
from radraft.store.database import Store, open_store
from radraft.studies.quality.values import JudgedStudy, Verdict
from radraft.ui.pages.site_quality import page, table
from radraft.ui.pages.site_quality.words import label
from tests.builders import ACCESSION, NAME, PATIENT_ID
from tests.studies.quality.made import MONDAY, NEW, OPERATOR, WEEK, add, fill, reason

CUT = reason("quality_lungs_cut", 0.97)
MILD = reason("quality_lungs_cut", 0.92)
COUNTED = reason("quality_spacing_missing")
SECRET = b"only for the tests, 32 bytes long"


def known(verdict: Verdict = Verdict.GOOD, week: int = 0, **changes: object) -> JudgedStudy:
    values: dict[str, object] = {
        "site": "north",
        "at": MONDAY + week * WEEK,
        "modality": "CR",
        "verdict": verdict,
        "reasons": (),
        "device": "A",
        "operator": "Li",
    }
    return JudgedStudy(**values | changes)  # type: ignore[arg-type]


def test_a_tally_counts_verdicts_and_reasons() -> None:
    found = tally(
        [
            known(),
            known(Verdict.POOR, reasons=(CUT, COUNTED)),
            known(Verdict.USABLE, reasons=(MILD, COUNTED)),
            known(Verdict.REFUSE),
        ]
    )
    assert found.verdicts == dict.fromkeys(Verdict, 1)
    assert (found.studies, found.lost, found.lost_share) == (4, 2, 0.5)
    cut, counted = found.reasons
    assert (cut.code, cut.studies, cut.severity) == ("quality_lungs_cut", 2, Verdict.POOR)
    assert cut.value == pytest.approx(0.945)
    assert (counted.studies, counted.severity) == (2, Verdict.GOOD)
    assert found.share_of("quality_lungs_cut") == 0.5
    assert tally([]).lost_share is None


def test_recent_weeks_and_those_before() -> None:
    found = of_site([known(week=week) for week in range(10)], "north")
    assert (found.recent.studies, found.earlier.studies, found.total.studies) == (4, 4, 10)
    assert [str(week) for week in found.weeks][:2] == ["2026-W38", "2026-W39"]


def test_devices_and_operators_are_told_apart() -> None:
    found = of_site(
        [known(), known(Verdict.POOR, device="B"), known(device="B", operator="Wu")], "north"
    )
    assert [(device.name, device.total.studies, device.total.lost) for device in found.devices] == [
        ("B", 2, 1),
        ("A", 1, 0),
    ]
    assert [(operator.name, operator.total.studies) for operator in found.operators] == [
        ("Li", 2),
        ("Wu", 1),
    ]


def test_only_the_newest_year_is_shown_and_the_table_has_all() -> None:
    old = known(at=MONDAY - timedelta(weeks=60))
    found = of_site([old, known()], "north")
    assert found.total.studies == 1
    assert len(records([old, known()])) == 2


def test_a_site_that_never_sent_anything(sqlite_store: Store) -> None:
    with pytest.raises(NotFound) as error:
        site_quality(sqlite_store, "north")
    assert error.value.code == "quality_site_unknown"
    assert "No study was judged" in page.page(None, "en")


@pytest.fixture
def filled(sqlite_store: Store) -> Store:
    with sqlite_store.begin() as session:
        fill(session, weeks=6, a_week=8)
        add(session, 900, CUT, technique=NEW, at=MONDAY)
    return sqlite_store


@pytest.mark.slow
def test_the_page_names_devices_and_staff_and_nobody_else(filled: Store) -> None:
    found = site_quality(filled, "north")
    cases = [row.case_id for row in _worklist(filled)]
    for lang in ("en", "zh"):
        html = page.page(found, lang)  # type: ignore[arg-type]
        assert "Planmed X-100 (XR1)" in html
        assert "李技师" in html
        planted = [*NAME.replace("=", "^").split("^"), PATIENT_ID, ACCESSION, *cases]
        assert [word for word in planted if word in html] == []
        assert "<script" not in html
        assert "://" not in html.replace("http://www.w3.org", "").replace(
            "http://purl.org", ""
        ).replace("http://creativecommons.org", "")
    assert html.count("<svg") == 6


def _worklist(store: Store):  # type: ignore[no-untyped-def]  # noqa: ANN202
    from radraft.store import cases

    with store.read() as session:
        return cases.worklist(session).rows


def test_what_a_device_sends_is_escaped(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session:
        quality.refuse(session, site="<b>", code="<i>", now=MONDAY)
    html = page.page(site_quality(sqlite_store, "<b>"), "en")
    assert "<i>&" not in html
    assert "Site &lt;b&gt;" in html


def test_a_refused_file_is_named_in_words() -> None:
    text = files("radraft.core").joinpath("messages/studies.yaml").read_text(encoding="utf-8")
    remarks = {"charset_repaired"}
    for code in set(yaml.safe_load(text)) - remarks:
        assert code not in (label(code).zh, label(code).en), code


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_the_table_says_codes_in_place_of_names(filled: Store) -> None:
    found = records(facts(filled, "north"))
    coded = table.to_csv(found, table.coded(SECRET))
    assert "李技师" not in coded
    assert OPERATOR not in coded
    operators = {row["operator"] for row in rows(coded)}
    assert len(operators) == 5
    assert all(name == "" or name.startswith("o-") for name in operators)
    assert "李技师" in table.to_csv(found, str)
    assert table.coded(SECRET)("x") != table.coded(SECRET[::-1])("x")
    assert sum(int(row["studies"]) for row in rows(coded)) == len(facts(filled, "north"))


def test_a_cell_is_never_a_formula() -> None:
    found = records([known(device="=HYPERLINK(1)", operator="@x")])
    (row,) = rows(table.to_csv(found, str))
    assert (row["device"], row["operator"]) == ("'=HYPERLINK(1)", "'@x")


@pytest.mark.slow
def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADRAFT_DATA_DIR", str(tmp_path / "data"))
    store = open_store(Settings(data_dir=tmp_path / "data"))
    with store.begin() as session:
        fill(session, weeks=3, a_week=5)
    store.close()
    run = CliRunner().invoke
    html, sheet = tmp_path / "report.html", tmp_path / "report.csv"
    done = run(app, ["site", "quality", "north", "--out", str(html), "--csv", str(sheet)])
    assert done.exit_code == 0, done.output
    assert "What to correct" in html.read_text(encoding="utf-8")
    assert "李技师" not in sheet.read_text(encoding="utf-8-sig")
    named = run(app, ["site", "quality", "north", "--csv", str(sheet), "--names", "--lang", "zh"])
    assert "站点 north" in named.output
    assert "李技师" in sheet.read_text(encoding="utf-8-sig")
    value = json.loads(run(app, ["site", "quality", "north", "--json"]).stdout)
    assert value["site"] == "north"
    assert {row["operator"][:2] for row in value["records"]} <= {"", "o-"}
    missing = run(app, ["site", "quality", "nowhere", "--json"])
    assert missing.exit_code == 1
    assert json.loads(missing.stdout)["error"]["code"] == "quality_site_unknown"
