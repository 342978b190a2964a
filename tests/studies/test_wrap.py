"""A picture wrapped as DICOM walks the same line as any other study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radraft.studies.deidentify import deidentify
from radraft.studies.key_images import key_images
from radraft.studies.quality import check
from radraft.studies.read import read
from radraft.studies.values import Study, View
from radraft.studies.wrap import Picture, wrap

ABOUT = Picture("made-up/1", patient="made-up-7", view="AP Supine", age_years=57, sex="F")


def picture(path: Path, shape: tuple[int, int] = (31, 45), dtype: type = np.uint8) -> np.ndarray:
    top = np.iinfo(dtype).max
    pixels = np.random.default_rng(1).integers(0, top, shape, dtype=dtype, endpoint=True)
    Image.fromarray(pixels).save(path)
    return pixels


def taken_in(path: Path, work: Path) -> Study:
    found = read(path, work)
    assert found.rejections == ()
    (study,) = found.studies
    return study


def test_it_is_taken_in_with_what_is_known_and_nothing_else(tmp_path: Path) -> None:
    picture(tmp_path / "x.png")
    study = taken_in(wrap(tmp_path / "x.png", tmp_path / "out/x.dcm", ABOUT), tmp_path)
    assert (study.modality, study.body_part, study.age_years) == ("CR", "CHEST", 57)
    assert (study.patient.patient_id, study.patient.name, study.patient.sex) == (
        "made-up-7", "", "F",
    )  # fmt: skip
    assert study.patient.birth_date is None
    assert (study.history, study.description, study.accession) == ("", "", "")
    deid = deidentify(check(study), bytes(32))
    assert (deid.view, deid.age_band, deid.sex) == (View.FRONTAL, "40-64", "F")


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(31, 45), (32, 44)])
def test_the_pixels_stay_as_they_are(tmp_path: Path, shape: tuple[int, int]) -> None:
    pixels = picture(tmp_path / "x.png", shape)
    study = taken_in(wrap(tmp_path / "x.png", tmp_path / "x.dcm", ABOUT), tmp_path)
    (image,) = key_images(deidentify(check(study), bytes(32))).images
    assert np.abs(image.pixels.astype(int) - pixels).max() <= 1


@pytest.mark.slow
def test_a_deep_picture_keeps_its_range(tmp_path: Path) -> None:
    pixels = picture(tmp_path / "x.png", dtype=np.uint16)
    study = taken_in(wrap(tmp_path / "x.png", tmp_path / "x.dcm", ABOUT), tmp_path)
    (image,) = key_images(deidentify(check(study), bytes(32))).images
    assert np.abs(image.pixels.astype(float) - pixels / 257).max() <= 2


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    picture(tmp_path / "x.jpg")
    study = taken_in(
        wrap(tmp_path / "x.jpg", tmp_path / "x.dcm", Picture("k", view="L", sex="unknown")),
        tmp_path,
    )
    assert (study.age_years, study.patient.sex, study.patient.patient_id) == (None, "", "k")
    assert deidentify(check(study), bytes(32)).view is View.LATERAL


@pytest.mark.slow
def test_the_same_picture_gives_the_same_bytes(tmp_path: Path) -> None:
    picture(tmp_path / "x.png")
    one, two, three = (tmp_path / f"{n}.dcm" for n in range(3))
    wrap(tmp_path / "x.png", one, ABOUT)
    wrap(tmp_path / "x.png", two, ABOUT)
    wrap(tmp_path / "x.png", three, Picture("another"))
    assert one.read_bytes() == two.read_bytes()
    assert taken_in(one, tmp_path).study_uid != taken_in(three, tmp_path).study_uid
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0.dcm", "1.dcm", "2.dcm", "x.png",
    ]  # fmt: skip


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"not a picture")
    with pytest.raises(OSError, match="cannot identify"):
        wrap(tmp_path / "x.png", tmp_path / "x.dcm", ABOUT)
    assert not (tmp_path / "x.dcm").exists()
