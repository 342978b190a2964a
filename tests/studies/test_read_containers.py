"""Folders, zips and DICOMDIRs."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from radraft.studies import _limits, _unzip
from radraft.studies.read import read
from tests.studies import builders

pytestmark = pytest.mark.slow


def _tree(root: Path) -> set[Path]:
    return {path.relative_to(root) for path in root.rglob("*")}


def test_zip_with_folders_and_bad_members(tmp_path: Path) -> None:
    good = builders.write(builders.radiograph(), tmp_path / "good.dcm")
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.write(good, "a/b/good.dcm")
        out.writestr("a/notes.txt", "hello")
        out.write(good, "../../../../evil.dcm")
        out.writestr("inner.zip", b"PK\x03\x04 whatever")
    before = _tree(tmp_path)
    result = read(archive, tmp_path / "work")
    assert len(result.studies) == 1
    codes = {
        rejection.file.removeprefix(str(archive)): rejection.code for rejection in result.rejections
    }
    assert codes == {
        "!/a/notes.txt": "not_dicom",
        "!/../../../../evil.dcm": "duplicate_instance",
        "!/inner.zip": "zip_in_zip",
    }
    new = _tree(tmp_path) - before
    assert {path.parts[0] for path in new} == {"work"}
    assert not (tmp_path.parent / "evil.dcm").exists()


def test_zip_within_a_folder_is_read(tmp_path: Path) -> None:
    good = builders.write(builders.radiograph(), tmp_path / "good.dcm")
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in" / "x.zip", "w") as out:
        out.write(good, "good.dcm")
    assert len(read(tmp_path / "in", tmp_path / "work").studies) == 1


def test_chinese_member_name_without_utf8_flag(tmp_path: Path) -> None:
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("XXXX.txt", "hello")
    archive.write_bytes(archive.read_bytes().replace(b"XXXX", "张伟".encode("gb18030")))
    (rejection,) = read(archive, tmp_path / "work").rejections
    assert rejection.file.endswith("x.zip!/张伟.txt")


def test_zip_bomb_is_refused_whole(tmp_path: Path) -> None:
    archive = tmp_path / "bomb.zip"
    with (
        zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out,
        out.open("zeros.dcm", "w") as member,
    ):
        for _ in range(140):
            member.write(bytes(1 << 20))
    result = read(archive, tmp_path / "work")
    assert [rejection.code for rejection in result.rejections] == ["zip_inflates_too_much"]
    assert not any(path.is_file() for path in (tmp_path / "work").rglob("*"))


@pytest.mark.parametrize("data", [b"PK\x03\x04", b"PK\x03\x04" + bytes(200)])
def test_damaged_zip(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(data)
    result = read(tmp_path / "x.zip", tmp_path / "work")
    assert [rejection.code for rejection in result.rejections] == ["zip_damaged"]


def test_encrypted_and_corrupt_members(tmp_path: Path) -> None:
    good = builders.write(builders.radiograph(), tmp_path / "good.dcm")
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.write(good, "good.dcm")
        out.writestr("corrupt.dcm", b"corrupt me" * 20)
        out.writestr("secret.dcm", b"hello" * 20)
    data = bytearray(archive.read_bytes())
    data[data.index(b"corrupt me")] ^= 0xFF
    at = data.rindex(b"PK\x01\x02")
    struct.pack_into("<H", data, at + 8, 1)
    archive.write_bytes(bytes(data))
    result = read(archive, tmp_path / "work")
    assert len(result.studies) == 1
    assert {rejection.file.rsplit("!/")[1]: rejection.code for rejection in result.rejections} == {
        "corrupt.dcm": "zip_damaged",
        "secret.dcm": "zip_encrypted",
    }


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for number in range(5):
            out.writestr(str(number), "x")
    monkeypatch.setattr(_limits, "ZIP_MAX_MEMBERS", 4)
    assert _unzip.unzip(archive, tmp_path)["code"] == "zip_too_many_files"


def test_dicomdir_names_the_files(tmp_path: Path) -> None:
    builders.write(builders.radiograph(), tmp_path / "IMG" / "ONE")
    builders.write(builders.radiograph(number=2), tmp_path / "IMG" / "TWO")
    builders.write(builders.radiograph(number=3), tmp_path / "IMG" / "UNLISTED")
    listing = builders.dicomdir(
        tmp_path / "DICOMDIR", [["IMG", "ONE"], ["IMG", "TWO"], ["IMG", "GONE"]]
    )
    result = read(listing, tmp_path / "work")
    assert [len(study.instances) for study in result.studies] == [2]
    (missing,) = result.rejections
    assert (missing.code, missing.file) == ("file_not_found", str(tmp_path / "IMG" / "GONE"))
    whole = read(tmp_path, tmp_path / "work")
    assert [len(study.instances) for study in whole.studies] == [3]
    assert whole.rejections == ()


def test_dicomdir_of_a_disc_copied_in_lower_case(tmp_path: Path) -> None:
    builders.write(builders.radiograph(), tmp_path / "img" / "one")
    listing = builders.dicomdir(tmp_path / "DICOMDIR", [["IMG", "ONE"]])
    assert len(read(listing, tmp_path / "work").studies) == 1


@pytest.mark.parametrize(
    "parts", [["..", "ONE.DCM"], ["../ONE.DCM"], ["", "etc", "passwd"], ["LINK", "ONE.DCM"]]
)
def test_dicomdir_that_climbs_out(tmp_path: Path, parts: list[str]) -> None:
    builders.write(builders.radiograph(), tmp_path / "ONE.DCM")
    disc = tmp_path / "disc"
    disc.mkdir()
    (disc / "LINK").symlink_to(tmp_path, target_is_directory=True)
    (rejection,) = read(builders.dicomdir(disc / "DICOMDIR", [parts]), tmp_path / "work").rejections
    assert rejection.code == "link_leaves_folder"


def test_one_study_in_reading_order(tmp_path: Path) -> None:
    for number in (3, 1, 2):
        builders.write(builders.radiograph(number=number), tmp_path / f"{9 - number}.dcm")
    (study,) = read(tmp_path, tmp_path / "work").studies
    assert [instance.instance_number for instance in study.instances] == [1, 2, 3]
    assert study.study_time is not None and study.study_time.isoformat() == "2025-01-02T03:04:05"
    assert study.age_years == 54
