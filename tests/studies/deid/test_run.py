"""What a run writes and refuses to write; the command around it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from radraft.cli.main import app
from radraft.core.errors import StudyRejected
from radraft.studies.deid.pseudonyms import Pseudonyms
from radraft.studies.deid.run import deidentify_all
from tests.studies.builders import insert, nested, radiograph, write

pytestmark = pytest.mark.slow

KEY = Pseudonyms(b"only for the tests, 32 bytes long")


def test_a_second_run_replaces_nothing(tmp_path: Path) -> None:
    path = write(radiograph(), tmp_path / "in.dcm")
    deidentify_all(path, tmp_path / "out", KEY, tmp_path / "scratch")
    (written,) = (tmp_path / "out").rglob("*.dcm")
    written.write_bytes(b"kept")
    result = deidentify_all(path, tmp_path / "out", KEY, tmp_path / "scratch")
    assert [rejection.code for rejection in result.rejections] == ["deid_exists"]
    assert written.read_bytes() == b"kept"
    assert [one for one in (tmp_path / "out").rglob("*") if one.is_file()] == [written]


@pytest.mark.parametrize(("source", "out"), [("a", "a/b"), ("a/b", "a"), ("a", "a")])
def test_the_folders_must_lie_apart(tmp_path: Path, source: str, out: str) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    with pytest.raises(StudyRejected, match="deid_out_inside"):
        deidentify_all(tmp_path / source, tmp_path / out, KEY, tmp_path / "scratch")


def test_a_zip_is_read_and_bad_files_do_not_stop_it(tmp_path: Path) -> None:
    good = write(radiograph(), tmp_path / "good.dcm")
    deep = insert(write(radiograph(number=2), tmp_path / "deep.dcm"), nested(300, defined=True))
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.write(good, "张伟.dcm")
        archive.write(deep, "deep.dcm")
        archive.writestr("note.txt", "not DICOM at all")
    result = deidentify_all(tmp_path / "in.zip", tmp_path / "out", KEY, tmp_path / "scratch")
    assert len(result.report.files) == 1
    assert result.report.refused == {"nested_too_deep": 1, "not_dicom": 1}
    assert "张伟" not in "".join(map(str, (tmp_path / "out").rglob("*")))


def test_a_run_that_is_cut_off_leaves_no_file(tmp_path: Path) -> None:
    path = write(radiograph(), tmp_path / "in.dcm")
    data = path.read_bytes()
    path.write_bytes(data[:-100])
    result = deidentify_all(path, tmp_path / "out", KEY, tmp_path / "scratch")
    assert result.rejections
    assert not [one for one in (tmp_path / "out").rglob("*") if one.is_file()]


def test_the_command_says_what_it_removed(tmp_path: Path) -> None:
    write(radiograph(), tmp_path / "in" / "Zhang_Wei.dcm")
    ran = CliRunner().invoke(
        app, ["deid", str(tmp_path / "in"), str(tmp_path / "out"), "--report", "--json"]
    )
    assert ran.exit_code == 0, ran.output
    answer = json.loads(ran.stdout.splitlines()[-1])
    assert answer["files"] == 1
    done = {(item["keyword"], item["done"]) for item in answer["done"]}
    assert ("PatientName", "replaced") in done
    report = (tmp_path / "out/deid_report.json").read_text(encoding="utf-8")
    assert json.loads(report)["files"] == 1
    assert "Zhang" not in report


def test_the_command_fails_where_nothing_was_written(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/note.txt").write_text("not DICOM at all")
    ran = CliRunner().invoke(app, ["deid", str(tmp_path / "in"), str(tmp_path / "out")])
    assert ran.exit_code == 1
    assert "not_dicom" in ran.stdout
