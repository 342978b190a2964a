"""Real and deliberately malformed files: each is drawn or refused with a code, nothing dies."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from radraft.errors import StudyRejected, catalogue
from radraft.studies.decode import Decoder
from radraft.studies.read import read
from tests.studies import builders as b

DECODE_CODES = {
    "pixels_damaged",
    "unsupported_pixels",
    "needs_too_much_memory",
    "too_large",
    "nested_too_deep",
}


def _read_and_draw(folder: Path, work: Path) -> tuple[int, set[str]]:
    """Frames drawn, and the codes of all that was refused. A worker's death fails the test."""
    result = read(folder, work)
    codes = {one.code for one in result.rejections}
    drawn = 0
    with Decoder() as decoder:
        for study in result.studies:
            for instance in study.instances:
                try:
                    decoder.frame(instance.path, instance.frames // 2)
                    drawn += 1
                except StudyRejected as rejected:
                    assert rejected.code in DECODE_CODES
                    codes.add(rejected.code)
    assert codes <= set(catalogue())
    assert not codes & {"header_crashed", "header_timeout"}
    return drawn, codes


@pytest.mark.slow
@pytest.mark.skipif(not b.SHARED.is_dir(), reason="needs ../shared/data/dicom")
@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("pydicom_data", 20),
        ("deid_data", 5),
        ("dcm4che", 10),
        ("fo_dicom", 15),
        ("nibabel", 2),
        ("robyoung_dicom_test_files", 15),
        ("pwnlab_fuzz_corpus", 1),
    ],
)
def test_shared_files(name: str, least: int, tmp_path: Path) -> None:
    drawn, _ = _read_and_draw(b.SHARED / name, tmp_path / "work")
    assert drawn >= least
    assert not (tmp_path / "work").exists() or list((tmp_path / "work").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_mutated_files(seed: int, tmp_path: Path) -> None:
    """Bytes of good files changed at random, reproducibly."""
    chance = random.Random(seed)
    names = (
        "CT_small", "MR_small_RLE", "MR_small_jp2klossless", "JPEG2000", "image_dfl",
        "SC_rgb_jpeg", "JPGExtended", "examples_palette", "MR_small_jpeg_ls_lossless",
    )  # fmt: skip
    for name in names:
        original = (b.BUNDLED / f"{name}.dcm").read_bytes()
        for number in range(12):
            data = bytearray(original)
            for _ in range(chance.choice([1, 4, 30])):
                data[chance.randrange(128, len(data))] = chance.randrange(256)
            keep = len(data) if number % 3 else chance.randrange(132, len(data))
            (tmp_path / f"{name}-{number}.dcm").write_bytes(data[:keep])
    drawn, codes = _read_and_draw(tmp_path, tmp_path / "work")
    assert drawn and codes
    shutil.rmtree(tmp_path / "work", ignore_errors=True)
