"""`radraft study check` as a person or a script runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from radraft.cli.main import app
from tests.studies import builders

KEYS = {
    "file", "ok", "code", "modality", "body_part", "view", "verdict", "reasons", "study_uid",
}  # fmt: skip


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["study", "check", *map(str, arguments)])


def _folder(tmp_path: Path, *, bad: bool, good: bool) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    if good:
        builders.write(builders.radiograph(PatientSex=None), folder / "good.dcm")
    if bad:
        (folder / "bad.dcm").write_bytes(b"not DICOM")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bad", "good", "code"), [(False, True, 0), (True, True, 3), (True, False, 1)]
)
def test_exit_codes_and_the_json_of_each_file(
    tmp_path: Path, *, bad: bool, good: bool, code: int
) -> None:
    done = _run(_folder(tmp_path, bad=bad, good=good), "--fast", "--json")
    assert done.exit_code == code
    files = json.loads(done.stdout)["files"]
    assert all(set(file) == KEYS for file in files)
    named = {Path(one["file"]).name: one for one in files}
    if bad:
        assert named["bad.dcm"]["ok"] is False
        assert named["bad.dcm"]["code"] == "not_dicom"
        assert named["bad.dcm"]["verdict"] is None
    if good:
        one = named["good.dcm"]
        assert one["ok"] is True and one["code"] is None
        assert (one["modality"], one["body_part"], one["view"]) == ("CR", "CHEST", "frontal")
        assert one["verdict"] in {"good", "usable", "poor", "refuse"}
        assert one["study_uid"] == "1.2.826.0.1.3680043.10.2.1"
        assert "quality_sex_missing" in {reason["code"] for reason in one["reasons"]}
        assert all(set(reason) == {"code", "value", "limit"} for reason in one["reasons"])


def test_the_table_says_what_to_do_in_both_languages(tmp_path: Path) -> None:
    done = _run(_folder(tmp_path, bad=True, good=True), "--fast")
    assert done.exit_code == 3
    rows = done.stdout.splitlines()
    assert any(row.startswith("not_dicom") and row.rstrip().endswith("bad.dcm") for row in rows)
    assert any(row.startswith("ok") and "quality_sex_missing" in row for row in rows)
    assert "这不是 DICOM 文件" in done.stdout and "This is not a DICOM file" in done.stdout
    assert "The sex was not sent" in done.stdout


@pytest.mark.slow
def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    done = _run(tmp_path / "nothing", "--fast", "--json")
    assert done.exit_code == 1
    (one,) = json.loads(done.stdout)["files"]
    assert one["code"] == "file_not_found"
    (tmp_path / "empty").mkdir()
    assert _run(tmp_path / "empty", "--fast").exit_code == 1


@pytest.mark.slow
def test_the_encoder_looks_at_chests(tmp_path: Path) -> None:
    demo = Path(__file__).resolve().parents[2] / "demo/studies/01"
    done = _run(demo, "--json")
    assert done.exit_code == 0
    files = json.loads(done.stdout)["files"]
    assert {file["verdict"] for file in files} <= {"good", "usable"}
