"""One file at a time: its code, its verdict, and what it may cost."""

from __future__ import annotations

import os
import signal
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from radraft.pipeline.file_check import Checker, FileCheck, file_judge
from radraft.studies.kos import SOP_CLASS
from radraft.studies.quality.values import Verdict
from tests.studies import builders

pytestmark = pytest.mark.slow


def _films(folder: Path) -> None:
    """A chest that says all it should, one that says nothing, and one that is no file of DICOM."""
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 60, (256, 256)) + builders.gradient(256, 256, 3500)
    full = builders.radiograph(
        np.clip(noise, 0, 4095).astype(np.uint16), PixelSpacing=["0.15", "0.15"], BitsStored=12,
        HighBit=11, Laterality="U",
    )  # fmt: skip
    builders.write(full, folder / "full.dcm")
    bare = builders.radiograph(number=2, BodyPartExamined=None, ViewPosition=None, PatientSex=None)
    builders.write(bare, folder / "bare.dcm")
    (folder / "notes.txt").write_text("no DICOM", encoding="utf-8")


def _check(path: Path, tmp_path: Path) -> dict[str, FileCheck]:
    with Checker(file_judge()) as checker:
        return {Path(file.file).name: file for file in checker.files(path, tmp_path / "work")}


def test_each_file_has_its_code_and_its_verdict(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    _films(source)
    found = _check(source, tmp_path)
    assert {name: one.code for name, one in found.items()} == {
        "full.dcm": None, "bare.dcm": None, "notes.txt": "not_dicom",
    }  # fmt: skip
    full, bare = found["full.dcm"], found["bare.dcm"]
    assert (full.modality, full.body_part, full.view) == ("CR", "CHEST", "frontal")
    assert (bare.modality, bare.body_part, bare.view) == ("CR", "", "unknown")
    assert full.study_uid == "1.2.826.0.1.3680043.10.2.1"
    assert full.quality is not None and bare.quality is not None
    said = {reason.code for reason in bare.quality.reasons}
    assert {"quality_body_part_missing", "quality_sex_missing"} <= said
    assert not said & {reason.code for reason in full.quality.reasons}
    assert found["notes.txt"].quality is None
    assert "full.dcm" not in repr(full) and full.study_uid not in repr(full)


def test_a_single_slice_is_not_blamed_for_its_series(tmp_path: Path) -> None:
    slice_ = builders.radiograph(
        builders.gradient(64, 64, 2000), SOPClassUID="1.2.840.10008.5.1.4.1.1.2", Modality="CT",
        PixelSpacing=["0.7", "0.7"], SliceThickness="1",
    )  # fmt: skip
    (one,) = _check(builders.write(slice_, tmp_path / "a.dcm"), tmp_path).values()
    assert one.quality is not None and one.quality.verdict is Verdict.GOOD


def test_what_is_no_image_but_belongs_there_is_no_fault(tmp_path: Path) -> None:
    source = tmp_path / "in"
    builders.write(builders.radiograph(), source / "a.dcm")
    builders.dicomdir(source / "DICOMDIR", [["a.dcm"]])
    selection = builders.radiograph(
        SOPClassUID=SOP_CLASS, Modality="KO", PixelData=None, Rows=None, Columns=None, number=9
    )
    selection.ConceptNameCodeSequence = [Dataset()]
    builders.write(selection, source / "ko.dcm")
    found = _check(source, tmp_path)
    assert {name: one.code for name, one in found.items()} == {
        "DICOMDIR": None, "a.dcm": None, "ko.dcm": None,
    }  # fmt: skip


def test_conflicts_between_the_files_of_one_path(tmp_path: Path) -> None:
    source = tmp_path / "in"
    builders.write(builders.radiograph(), source / "1.dcm")
    builders.write(builders.radiograph(), source / "2.dcm")
    found = _check(source, tmp_path)
    assert {name: one.code for name, one in found.items()} == {
        "1.dcm": None, "2.dcm": "duplicate_instance",
    }  # fmt: skip


@pytest.mark.parametrize("patients", [("", "A", "B"), ("A", "", "B"), ("B", "A", "")])
def test_every_file_of_a_study_of_two_patients_is_told_of(
    patients: tuple[str, ...], tmp_path: Path
) -> None:
    source = tmp_path / "in"
    for number, patient in enumerate(patients, start=1):
        image = builders.radiograph(number=number, PatientID=patient)
        builders.write(image, source / f"{number}.dcm")
    found = _check(source, tmp_path)
    assert {one.code for one in found.values()} == {"study_patients_differ"}
    assert len(found) == 3


def test_members_of_a_zip_are_files_of_their_own(tmp_path: Path) -> None:
    good = builders.write(builders.radiograph(), tmp_path / "a.dcm").read_bytes()
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("影像/a.dcm", good)
        archive.writestr("b.txt", "no DICOM")
    found = _check(tmp_path / "all.zip", tmp_path)
    assert {name: one.code for name, one in found.items()} == {"a.dcm": None, "b.txt": "not_dicom"}


def test_a_zip_that_says_it_is_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("zeros", "w") as member,
    ):
        for _ in range(160):
            member.write(bytes(1 << 20))
    (one,) = _check(tmp_path / "bomb.zip", tmp_path).values()
    assert one.code == "zip_inflates_too_much"
    assert list((tmp_path / "work").iterdir()) == []


def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_read(tmp_path: Path) -> None:
    source = tmp_path / "in"
    for number in (1, 2, 3):
        builders.write(builders.radiograph(number=number), source / f"{number}.dcm")
    with Checker(seconds=0.3) as checker:
        files = checker.files(source, tmp_path / "work")
        assert next(files).code in {None, "header_timeout", "decode_timeout"}
        checker.start()
        assert checker.worker_pid is not None
        os.kill(checker.worker_pid, signal.SIGSTOP)
        late = next(files)
        assert late.code == "decode_timeout"
        stopped = checker.worker_pid
        assert next(files).code != "decode_crashed"
        assert checker.worker_pid != stopped


def test_a_worker_that_dies_costs_one_file(tmp_path: Path) -> None:
    source = tmp_path / "in"
    for number in (1, 2, 3):
        builders.write(builders.radiograph(number=number), source / f"{number}.dcm")
    with Checker(seconds=60.0) as checker:
        files = checker.files(source, tmp_path / "work")
        assert next(files).code is None
        assert checker.worker_pid is not None
        os.kill(checker.worker_pid, signal.SIGKILL)
        # Whether the death is noticed before the next file or by it is a matter of moments.
        assert next(files).code in {None, "decode_crashed"}
        assert next(files).code is None


def test_large_frames_of_any_kind_stay_within_the_worker_s_memory(tmp_path: Path) -> None:
    grey = np.zeros((6200, 6200), np.uint16)
    grey[:, 3100:] = 4000
    colour = np.zeros((3000, 3000, 3), np.uint8)
    colour[:, 1500:] = 200
    builders.write(
        builders.radiograph(grey, RescaleSlope="1.5", RescaleIntercept="-3"),
        tmp_path / "in/grey.dcm",
    )
    builders.write(builders.radiograph(colour, number=2), tmp_path / "in/colour.dcm")
    with Checker(seconds=120.0) as checker:
        found = list(checker.files(tmp_path / "in", tmp_path / "work"))
    assert [one.code for one in found] == [None, None]
