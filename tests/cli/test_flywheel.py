"""`radraft flywheel report`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from radraft.cli.flywheel import app
from radraft.core.settings import Settings
from radraft.store.database import Store, open_store
from tests.finetune.trend.made import MONDAY, WEEK, add, sign_at


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty store that the command opens too."""
    monkeypatch.setenv("RADRAFT_DATA_DIR", str(tmp_path / "data"))
    store = open_store(Settings(data_dir=tmp_path / "data"))
    yield store
    store.close()


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


def two_sites(store: Store) -> None:
    with store.begin() as session:
        for number, site in enumerate(("north", "south"), start=1):
            case_id = add(session, number, site=site, made_at=MONDAY)
            sign_at(session, case_id, None, MONDAY + WEEK, seconds=90)


@pytest.mark.slow
def test_it_prints_a_table_and_writes_both_files(data: Store, tmp_path: Path) -> None:
    two_sites(data)
    page, table = tmp_path / "trend.html", tmp_path / "trend.csv"
    done = run("--out", page, "--csv", table, "--lang", "zh")
    assert done.exit_code == 0
    assert "站点 north" in done.stdout
    assert done.stdout.rstrip().endswith(f"{page}\n{table}")
    assert page.read_text("utf-8").count("<svg") == 10
    assert table.read_text("utf-8-sig").splitlines()[1].startswith("north,2026-W38,2026-09-14,base")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "trend.csv", "trend.html"]


def test_json_of_one_site(data: Store) -> None:
    two_sites(data)
    done = run("--site", "south", "--json")
    found = json.loads(done.stdout)
    assert [site["site"] for site in found["sites"]] == ["south"]
    assert [record["week"] for record in found["records"]] == ["2026-W38", "2026-W39"]
    assert found["records"][1]["minutes_median"] == 1.5
    assert found["sites"][0]["total"]["edits"] == {
        "kept": 7,
        "reworded": 0,
        "corrected": 0,
        "deleted": 0,
        "added": 0,
    }
    assert found["sites"][0]["guard"]["warning"] is False


def test_an_empty_store_gets_a_sentence(data: Store, tmp_path: Path) -> None:
    done = run("--out", tmp_path / "trend.html")
    assert done.exit_code == 0
    assert "There are no drafts and no signed reports yet." in done.stdout
    assert "<svg" not in (tmp_path / "trend.html").read_text("utf-8")


@pytest.mark.slow
def test_refusals(data: Store, tmp_path: Path) -> None:
    two_sites(data)
    for arguments, code in (
        (("--site", "nowhere"), "trend_site_unknown"),
        (("--out", tmp_path / "none" / "trend.html"), "cannot_write"),
    ):
        done = run(*arguments, "--json")
        assert done.exit_code == 1
        assert json.loads(done.stdout)["error"]["code"] == code
