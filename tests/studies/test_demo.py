"""The demo studies go through the whole of `studies/`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
import yaml

from radraft.studies.decode import Decoder
from radraft.studies.deidentify import deidentify
from radraft.studies.key_images import key_images
from radraft.studies.quality import check
from radraft.studies.read import ReadResult, read
from radraft.studies.values import Study
from tests.studies import builders

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT.parent / "shared/data/demo_cxr"
CASES = yaml.safe_load((ROOT / "demo/cases.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> ReadResult:
    """The demo folder as `read` gives it."""
    return read(ROOT / "demo/studies", tmp_path_factory.mktemp("work"))


def _of(demo: ReadResult, folder: str) -> Study:
    (study,) = [one for one in demo.studies if one.instances[0].path.parent.name == folder]
    return study


def test_all_are_read_in_chinese(demo: ReadResult) -> None:
    assert demo.rejections == ()
    assert len(demo.studies) == len(CASES) == 12
    for case in CASES:
        study = _of(demo, case["folder"])
        assert study.patient.name == case["name"]
        assert study.history == case["history"]
        assert study.issues == ()
        assert f"{study.age_years}岁" in study.history


def test_two_studies_are_of_one_patient(demo: ReadResult) -> None:
    deid = [deidentify(check(study), builders.SECRET) for study in demo.studies]
    assert len({one.case_id for one in deid}) == 12
    assert len({one.patient_ref for one in deid}) == 11
    assert [one.modality for one in deid].count("CR") == 11
    assert all(one.body_part == "CHEST" for one in deid if one.modality == "CR")


def test_made_up_identity_is_taken_out(demo: ReadResult) -> None:
    for study in demo.studies:
        history = deidentify(check(study), builders.SECRET).history
        for part in ("何桂芳", "20250902117", "13800138000", "2022年", "10月18日"):
            assert part not in history


@pytest.mark.slow
def test_each_encoding_is_decoded(demo: ReadResult) -> None:
    firsts = {case["encoding"]: case["folder"] for case in reversed(CASES)}
    assert set(firsts) == {"jpeg2000", "jpegls", "rle", "explicit", "deflated"}
    with Decoder() as decoder:
        for folder in firsts.values():
            pixels = decoder.frame(_of(demo, folder).instances[0].path, 0).pixels
            assert pixels.max() > 200 and pixels.min() < 50


def test_key_image_of_a_demo_study(demo: ReadResult) -> None:
    (image,) = key_images(deidentify(check(_of(demo, "01")), builders.SECRET)).images
    assert image.pixels.shape == (1024, 1024)
    assert image.window == (128, 256)


def test_credit_stands_in_every_file() -> None:
    paths = sorted((ROOT / "demo/studies").rglob("*.dcm"))
    assert sum(path.stat().st_size for path in paths) < 8_000_000
    for path in paths:
        comments = pydicom.dcmread(path, stop_before_pixels=True).ImageComments
        assert "NIH Clinical Center" in comments or "pydicom" in comments
        assert "made up" in comments


@pytest.mark.slow
@pytest.mark.skipif(not IMAGES.is_dir(), reason="needs ../shared/data/demo_cxr")
def test_script_gives_the_same_bytes(tmp_path: Path) -> None:
    script = ROOT / "demo/make_studies.py"
    command = [sys.executable, str(script), "--images", str(IMAGES), "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    for path in sorted((ROOT / "demo/studies").rglob("*.dcm")):
        assert (
            tmp_path / path.relative_to(ROOT / "demo/studies")
        ).read_bytes() == path.read_bytes()
