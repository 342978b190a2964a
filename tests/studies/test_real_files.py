"""Real and deliberately malformed files: each is drawn or refused with a code, nothing dies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from radraft.core.errors import StudyRejected, catalogue
from radraft.pipeline.file_check import Checker, FileCheck
from radraft.studies.decode import Decoder, Frame
from tests.studies import builders

needs_shared = pytest.mark.skipif(not builders.SHARED.is_dir(), reason="needs ../shared/data/dicom")

REFUSED = {
    "bad_uid": ["3gb-bulk-data-truncated", "bad_sequence.dcm"],
    "header_damaged": ["GH177_D_CLUNIE_CT1_IVRLE_BigEndian_undefined_length.dcm"],
    "missing_uid": [
        "GH223.dcm", "GH340.dcm", "HTJ2KLossless_08_RGB.dcm", "JLSL_08_07_0_1F.dcm",
        "JLSL_16_15_1_1F.dcm", "JLSL_RGB_ILV0.dcm", "JLSL_RGB_ILV1.dcm", "JLSL_RGB_ILV2.dcm",
        "chrSQEncoding.dcm", "meta_missing_tsyntax.dcm", "multiframe.dcm",
    ],
    "no_pixel_data": ["GH178.dcm", "chrKoreanMulti.dcm", "csa_slice_norm.dcm"],
    "not_an_image": [
        "Issue1097_FailToOpenDeflatedFileWithSQ.dcm", "Tag-0040-A170-VR-CS.dcm", "liver.dcm",
        "liver_nonbyte_aligned_deflate.dcm", "liver_nonbyte_aligned_j2k.dcm",
        "parametric_map_double_float.dcm", "parametric_map_float.dcm", "report_dfl", "test_SR.dcm",
    ],
    # Native pixels in a fragment, under JPEG.
    "pixels_damaged": ["genFile.dcm"],
    "truncated_pixels": ["GH1146.dcm"],
}  # fmt: skip
"""Real files that give no image, by the code that says why."""
SAME = {
    "MR2_J2KR.dcm": "MR2_UNCR.dcm",
    "MR2_J2KI.dcm": "MR2_UNCI.dcm",
    "693_J2KR.dcm": "693_UNCR.dcm",
    "MR2_J2KR": "MR2_UNC",
    "CT1_JLSL": "GH177_D_CLUNIE_CT1_IVRLE_BigEndian_ELE_undefinded_length.dcm",
    "JPEG-LL.dcm": "NM1_J2KR",
    "US-PAL-8-10x-echo": "jpeg-ls-Palette.dcm",
    "OBXXXX1A.dcm": "OBXXXX1A_rle.dcm",
    "emri_small_big_endian.dcm": "emri_small_jpeg_ls_lossless.dcm",
    "color-pl.dcm": "color-px.dcm",
}
"""Files that are one image in two encodings."""
NEAR = {
    "RG3_J2KR": "RG3_J2KI",
    "VL1_J2KR": "VL1_J2KI",
    "VL2_J2KR": "VL2_J2KI",
    "SC_rgb.dcm": "SC_ybr_full_uncompressed.dcm",
}
"""The same, one of them lossy or rounded."""


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    """One worker for the whole module."""
    with Decoder() as decoder:
        yield decoder


def _drawn(decoder: Decoder, name: str) -> Frame:
    return decoder.frame(next(p for p in builders.SHARED.rglob(name) if p.is_file()), 0)


def _checked(folder: Path, work: Path) -> list[FileCheck]:
    # Not a file's 5 seconds: how busy the machine is says nothing about the files.
    with Checker(seconds=60.0) as checker:
        return list(checker.files(folder, work))


@pytest.mark.slow
@needs_shared
def test_every_shared_file_is_an_image_or_has_its_code(tmp_path: Path) -> None:
    found = _checked(builders.SHARED, tmp_path)
    assert len(found) > 500
    codes = {one.code for one in found if one.code is not None}
    assert codes <= set(catalogue())
    assert not codes & {"header_crashed", "header_timeout", "decode_crashed", "decode_timeout"}
    real = [one for one in found if "fuzz_corpus" not in one.file]
    known = {name: code for code, names in REFUSED.items() for name in names}
    for one in real:
        expected = known.get(Path(one.file).name)
        # The collections share some files, and hold texts and packed files of other kinds.
        if one.code not in {"not_dicom", "duplicate_instance", "study_patients_differ"}:
            assert one.code == expected, Path(one.file).name
    assert Counter(one.code for one in real)[None] > 80


@pytest.mark.slow
@needs_shared
@pytest.mark.parametrize("name", SAME)
def test_two_encodings_of_one_image(name: str, decoder: Decoder) -> None:
    first, second = _drawn(decoder, name), _drawn(decoder, SAME[name])
    assert first.pixels.max() > first.pixels.min()
    assert np.array_equal(first.pixels, second.pixels)


@pytest.mark.slow
@needs_shared
@pytest.mark.parametrize("name", NEAR)
def test_a_lossy_encoding_is_nearly_the_same(name: str, decoder: Decoder) -> None:
    first, second = _drawn(decoder, name).pixels, _drawn(decoder, NEAR[name]).pixels
    assert np.abs(first.astype(int) - second).mean() < 1


@pytest.mark.slow
@needs_shared
def test_chest_film_has_white_bones_and_dark_lungs(decoder: Decoder) -> None:
    """A film that was sent inverted (MONOCHROME1), J2K and 12 bits at once."""
    film = _drawn(decoder, "RG1_J2KI").pixels
    rows, columns = film.shape
    lung = film[rows // 4 : rows // 3, columns // 5 : columns // 3]
    spine = film[rows // 2 : 2 * rows // 3, 9 * columns // 20 : 11 * columns // 20]
    assert np.median(lung) + 40 < np.median(spine)


@pytest.mark.slow
@needs_shared
def test_chest_slices_without_a_window_show_lungs_and_heart(decoder: Decoder) -> None:
    for name in ("CT1_JLSL", "CT1_J2KI"):
        frame = _drawn(decoder, name)
        assert frame.window[0] == pytest.approx(-210, abs=30)
        assert frame.window[1] == pytest.approx(1583, abs=50)


@pytest.mark.slow
def test_bundled_files_are_images_or_have_their_code(tmp_path: Path) -> None:
    found = _checked(builders.BUNDLED, tmp_path)
    codes = Counter(one.code for one in found)
    assert codes[None] > 60
    assert set(codes) - {None} <= set(catalogue())
    assert not {"header_crashed", "decode_crashed"} & set(codes)


def test_unknown_answers_of_a_worker_are_refused(decoder: Decoder, tmp_path: Path) -> None:
    path = builders.write(builders.radiograph(), tmp_path / "a.dcm")
    with pytest.raises(StudyRejected) as caught:
        decoder.frame(path, 7)
    assert caught.value.code == "pixels_damaged"
