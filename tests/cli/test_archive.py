"""`radraft archive`: what it prints, and with which exit code."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from radraft.cli.main import app
from radraft.core.settings import Settings
from radraft.store.database import open_store
from tests import archive_corpus as corpus
from tests.archive_corpus import Record, csv_bytes, past_studies
from tests.archive_store import keep_studies


@pytest.fixture
def past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table of two reports, of which one has a study, and its mapping."""
    data = tmp_path / "data"
    monkeypatch.setenv("RADRAFT_DATA_DIR", str(data))
    monkeypatch.setenv("RADRAFT_SITE", "site-a")
    studies = past_studies(3)
    store = open_store(Settings(data_dir=data))
    keep_studies(store, studies[1:2])
    store.close()
    folder = tmp_path / "past"
    folder.mkdir()
    (folder / "past.csv").write_bytes(csv_bytes([Record(study) for study in studies[1:]]))
    (folder / "mapping.yaml").write_text(corpus.MAPPING, encoding="utf-8")
    return folder


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["archive", *arguments])
    return result.exit_code, result.stdout


def test_an_import_says_what_became_of_every_record_and_lists_what_was_not_taken(
    past: Path, tmp_path: Path
) -> None:
    table, mapping = str(past / "past.csv"), str(past / "mapping.yaml")
    code, tried = run("import", table, "--mapping", mapping, "--dry-run", "--json")
    assert (code, json.loads(tried)["kept"]) == (3, {"report": 1})
    code, counted = run("list", "--json")
    assert (code, json.loads(counted)["counts"]) == (0, {})
    code, first = run("import", table, "--mapping", mapping, "--json")
    found = json.loads(first)
    assert (code, found["kept"], found["rejected"]) == (3, {"report": 1}, {"unmatched": 1})
    code, second = run("import", table, "--mapping", mapping)
    assert code == 3
    assert "known: 1" in second and "not taken, unmatched: 1" in second
    code, counted = run("list", "--json")
    assert json.loads(counted)["counts"] == {"report": 1, "unmatched": 1}

    code, listed = run("rejects")
    assert (code, listed.split()) == (0, ["unmatched", "past.csv:4", "ACC100002"])
    out = tmp_path / "rejects.csv"
    assert run("rejects", "--out", str(out))[0] == 0
    (row,) = csv.DictReader(out.read_text("utf-8-sig").splitlines())
    assert (row["reason"], row["place"]) == ("unmatched", "past.csv:4")
    assert json.loads(run("rejects", "--reason", "empty", "--json")[1])["rejects"] == []
    # Without images nothing is learned from.
    code, exported = run("export", str(tmp_path / "set.jsonl"), "--json")
    assert (code, json.loads(exported)["left_out"]) == (0, {"no_images": 1})


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("import", "nowhere.csv"), "archive_source_missing"),
        (("import", "past.csv"), "archive_mapping_needed"),
        (("import", "past.csv", "--mapping", "no.yaml"), "archive_mapping_missing"),
        (("import", "mapping.yaml", "--mapping", "mapping.yaml"), "archive_source_unknown"),
        (("rejects", "--reason", "bored"), "archive_reason_unknown"),
        (("export", "set.jsonl", "--kinds", "bored"), "archive_kind_unknown"),
        (("export", "set.jsonl", "--kinds", ""), "archive_kind_unknown"),
        (("export", "set.jsonl", "--kinds", "image,prior"), "archive_kind_without_priors"),
        (("export", "nowhere/set.jsonl"), "cannot_write"),
    ],
)
def test_what_cannot_be_done_says_why(
    past: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], error: str
) -> None:
    monkeypatch.chdir(past)
    code, said = run(*arguments, "--json")
    assert (code, json.loads(said)["error"]["code"]) == (1, error)
