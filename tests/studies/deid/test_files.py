"""Nothing planted anywhere in a file survives; what should stay does."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import pytest

from radraft.studies.deid.pseudonyms import Pseudonyms
from radraft.studies.deid.run import Result, deidentify_all
from tests.studies.builders import BUNDLED, radiograph, with_raw, write
from tests.studies.deid import corpus, measure

pytestmark = pytest.mark.slow

KEY = Pseudonyms(measure.SECRET)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, measure.Tally, int]:
    work = tmp_path_factory.mktemp("planted")
    tally, count = measure.files(work)
    return work, tally, count


def _run(source: Path, out: Path, key: Pseudonyms = KEY) -> Result:
    return deidentify_all(source, out, key, out.parent / "scratch")


def _written(out: Path) -> Iterator[pydicom.Dataset]:
    for path in sorted(out.rglob("*.dcm")):
        yield pydicom.dcmread(path)


def _one(out: Path) -> pydicom.Dataset:
    (dataset,) = _written(out)
    return dataset


def test_every_needle_is_planted(tmp_path: Path) -> None:
    hidden_by_compression = {"deflated", "tags10", "gbk_as_latin"}
    for one in corpus.corpus(tmp_path):
        inside = set(corpus.survivors(one.path.read_bytes(), one.needles))
        missing = {needle for needle in one.needles if needle.kind != "name"} - inside
        name = one.path.stem.removeprefix("Zqfilename_")
        assert not missing or name in hidden_by_compression, (name, missing)


@pytest.mark.always
def test_nothing_planted_survives(planted: tuple[Path, measure.Tally, int]) -> None:
    _, tally, count = planted
    assert count == 23
    assert set(tally.planted) == {
        "tag", "date", "uid", "private", "nested", "sr", "meta", "preamble", "name", "overlay",
        "codestream",
    }  # fmt: skip
    assert sum(tally.planted.values()) > 2500
    assert not tally.wrong


def test_what_is_written_says_how_and_can_be_read(
    planted: tuple[Path, measure.Tally, int],
) -> None:
    out = planted[0] / "out"
    for dataset in _written(out):
        assert dataset.PatientIdentityRemoved == "YES"
        assert dataset.LongitudinalTemporalInformationModified == "MODIFIED"
        codes = {item.CodeValue for item in dataset.DeidentificationMethodCodeSequence}
        assert {"113100", "113105", "113107", "113108"} <= codes
        assert dataset.preamble == bytes(128)
        assert not any(element.tag.is_private for element in dataset.iterall())
        if "PixelData" in dataset:
            assert "113101" in codes
            assert dataset.BurnedInAnnotation == "NO"
            assert dataset.pixel_array.size


def test_the_same_patient_stays_the_same_and_references_hold(tmp_path: Path) -> None:
    for number in (1, 2):
        write(radiograph(number=number), tmp_path / "in" / f"{number}.dcm")
    _run(tmp_path / "in", tmp_path / "one")
    _run(tmp_path / "in", tmp_path / "two", Pseudonyms(b"another secret of this length"))
    first, second = _written(tmp_path / "one")
    assert first.PatientID == second.PatientID == str(first.PatientName)
    assert first.StudyInstanceUID == second.StudyInstanceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID
    other = next(_written(tmp_path / "two"))
    assert other.PatientID != first.PatientID
    assert other.StudyInstanceUID not in {first.StudyInstanceUID, "1.2.826.0.1.3680043.10.2.1"}
    assert first.file_meta.MediaStorageSOPInstanceUID == first.SOPInstanceUID


def test_intervals_and_times_stay_and_the_age_is_known(tmp_path: Path) -> None:
    for number, day in ((1, "20240220"), (2, "20240305")):
        dataset = radiograph(number=number, StudyDate=day, PatientBirthDate="19300305")
        write(dataset, tmp_path / "in" / f"{number}.dcm")
    _run(tmp_path / "in", tmp_path / "out")
    datasets = list(_written(tmp_path / "out"))
    days = sorted(date.fromisoformat(one.StudyDate) for one in datasets)
    assert (days[1] - days[0]).days == 14
    assert days[1] < date(2024, 2, 20)
    assert {one.StudyTime for one in datasets} == {"030405"}
    assert {one.PatientAge for one in datasets} == {"090Y"}
    assert {one.PatientBirthDate for one in datasets} == {""}


@pytest.mark.parametrize(
    ("said", "birth", "age"),
    [
        ("000Y", "19650409", "059Y"),
        ("000Y", "", None),
        ("000D", "20250101", "000Y"),
        ("003D", "20250101", "003D"),
        ("", "1965/04/09", "059Y"),
    ],
)
def test_an_adult_does_not_leave_as_a_child(
    tmp_path: Path, said: str, birth: str, age: str | None
) -> None:
    film = radiograph(StudyDate="20250102", PatientAge="045Y", PatientBirthDate="19990101")
    path = write(film, tmp_path / "in" / "film.dcm")
    with_raw(path, 0x00100030, b"DA", birth.encode())
    with_raw(path, 0x00101010, b"AS", said.encode())
    _run(tmp_path / "in", tmp_path / "out")
    assert (_one(tmp_path / "out").get("PatientAge") or None) == age


def test_descriptions_keep_the_words_of_the_vocabulary(tmp_path: Path) -> None:
    dataset = radiograph(
        StudyDescription="Chest PA for Zhang Wei", SeriesDescription="胸部正位 王芳",
        ProtocolName="5mm lung", ManufacturerModelName="DR 7500", SpecificCharacterSet="ISO_IR 192",
    )  # fmt: skip
    write(dataset, tmp_path / "in.dcm")
    _run(tmp_path / "in.dcm", tmp_path / "out")
    new = _one(tmp_path / "out")
    assert new.StudyDescription == "Chest PA for"
    assert new.SeriesDescription == "胸部正位"
    assert new.ProtocolName == "5mm lung"
    assert new.ManufacturerModelName == "DR 7500"
    assert (new.BodyPartExamined, new.ViewPosition, new.PatientSex) == ("CHEST", "PA", "M")


@pytest.mark.parametrize(
    "name",
    ["CT_small.dcm", "MR_small_RLE.dcm", "JPEG2000.dcm", "SC_rgb_rle_2frame.dcm",
     "MR_small_bigendian.dcm", "MR_small_jpeg_ls_lossless.dcm", "SC_rgb_small_odd.dcm"],
)  # fmt: skip
def test_pixels_stay_where_no_text_is(tmp_path: Path, name: str) -> None:
    _run(BUNDLED / name, tmp_path)
    old, new = pydicom.dcmread(BUNDLED / name), _one(tmp_path)
    assert np.array_equal(new.pixel_array, old.pixel_array)


def test_a_document_is_refused(tmp_path: Path) -> None:
    corpus.refused(tmp_path / "in")
    result = _run(tmp_path / "in", tmp_path / "out")
    assert [rejection.code for rejection in result.rejections] == ["deid_document"]
    assert not list((tmp_path / "out").rglob("*.dcm"))


def test_the_report_holds_no_value(planted: tuple[Path, measure.Tally, int]) -> None:
    result = _run(planted[0] / "in", planted[0] / "again")
    text = str(result.report.as_json()) + result.report.as_text()
    for one in corpus.corpus(planted[0] / "made"):
        assert not corpus.survivors(text.encode(), one.needles)


@pytest.mark.pacs
def test_dcmdump_shows_nothing_of_it(planted: tuple[Path, measure.Tally, int]) -> None:
    program = shutil.which("dcmdump")
    assert program, "needs Debian's dcmtk"
    for path in (planted[0] / "out").rglob("*.dcm"):
        shown = subprocess.run([program, "+L", "-Un", path], capture_output=True)
        assert shown.returncode == 0, shown.stderr
        assert b"(0008,0018)" in shown.stdout
        for needle in (b"Zq", b"Ouyang", corpus.PATIENT_ID.encode(), corpus.ROOT_UID.encode()):
            assert needle not in shown.stdout
