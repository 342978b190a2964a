"""Files that break a rule of the standard and are read all the same, as their sender meant them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from radraft.studies.decode import Decoder, Frame
from radraft.studies.read import read
from radraft.studies.values import Instance
from tests.studies import builders

pytestmark = pytest.mark.slow

WINDOW = {"WindowCenter": "128", "WindowWidth": "256"}


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    """One worker for the whole module."""
    with Decoder() as decoder:
        yield decoder


def _pixels() -> npt.NDArray[np.uint8]:
    ramp = np.linspace(0, 255, 48).round().astype(np.uint8)
    return np.tile(ramp, (32, 1))


def _encapsulated(code: bytes, stored: npt.NDArray[np.uint8], **changed: object) -> Dataset:
    dataset = builders.radiograph(stored, **WINDOW, **changed)
    dataset.PixelData = encapsulate([code])
    dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    return dataset


def _one(path: Path, tmp_path: Path) -> Instance:
    (study,) = read(path, tmp_path / "work").studies
    return study.instances[0]


@pytest.mark.parametrize(
    ("code", "syntax"),
    [
        (imagecodecs.jpeg2k_encode(_pixels(), level=0, codecformat="J2K"), "90"),
        (imagecodecs.ljpeg_encode(_pixels()), "70"),
        (imagecodecs.jpegls_encode(_pixels()), "80"),
        (imagecodecs.jpegxl_encode(_pixels(), lossless=True), "110"),
    ],
    ids=["jpeg 2000", "jpeg lossless", "jpeg-ls", "jpeg xl"],
)
def test_compressed_pixels_that_are_declared_native(
    code: bytes, syntax: str, tmp_path: Path, decoder: Decoder
) -> None:
    path = builders.write(_encapsulated(code, _pixels()), tmp_path / "a.dcm", JPEG2000Lossless)
    builders.with_syntax(path, ExplicitVRLittleEndian)
    instance = _one(path, tmp_path)
    assert instance.transfer_syntax == f"1.2.840.10008.1.2.4.{syntax}"
    assert np.array_equal(decoder.frame(path, 0).values, _pixels())


def test_rle_that_is_declared_native(tmp_path: Path, decoder: Decoder) -> None:
    dataset = builders.radiograph(_pixels(), **WINDOW)
    builders.write(dataset, tmp_path / "plain.dcm")
    dataset.compress(RLELossless, encoding_plugin="pydicom")
    path = builders.write(dataset, tmp_path / "a.dcm", RLELossless)
    builders.with_syntax(path, ExplicitVRLittleEndian)
    assert _one(path, tmp_path).transfer_syntax == RLELossless
    assert np.array_equal(decoder.frame(path, 0).values, _pixels())


def test_native_pixels_that_are_declared_compressed(tmp_path: Path, decoder: Decoder) -> None:
    path = builders.write(builders.radiograph(_pixels(), **WINDOW), tmp_path / "a.dcm")
    builders.with_syntax(path, JPEGBaseline8Bit)
    assert _one(path, tmp_path).transfer_syntax == "1.2.840.10008.1.2.1"
    assert np.array_equal(decoder.frame(path, 0).values, _pixels())


@pytest.mark.parametrize("colour", [False, True])
def test_jpeg_xl(tmp_path: Path, decoder: Decoder, *, colour: bool) -> None:
    grey = _pixels()
    stored = np.stack([grey, grey[:, ::-1], grey // 2], axis=-1) if colour else grey
    code = imagecodecs.jpegxl_encode(stored, lossless=True)
    path = builders.write(_encapsulated(code, stored), tmp_path / "a.dcm", JPEG2000Lossless)
    builders.with_syntax(path, "1.2.840.10008.1.2.4.110")
    assert _one(path, tmp_path).transfer_syntax == "1.2.840.10008.1.2.4.110"
    frame = decoder.frame(path, 0)
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    expected = np.rint(stored.astype(np.float32) @ weights) if colour else stored
    assert np.abs(frame.values - expected).max() <= (1 if colour else 0)


def test_uids_with_leading_zeros_are_kept_as_sent(tmp_path: Path) -> None:
    path = builders.write(builders.radiograph(), tmp_path / "a.dcm")
    builders.with_raw(path, 0x0020000D, b"UI", b"1.2.156.007.0104484")
    (study,) = read(path, tmp_path / "work").studies
    assert study.study_uid == "1.2.156.007.0104484"


def test_bits_above_the_stored_ones_are_left_out(tmp_path: Path, decoder: Decoder) -> None:
    """Old overlays lie there (PS3.5 8.1.2)."""
    stored = builders.gradient(16, 16, 4095)
    overlaid = stored | (np.uint16(0xA000) * (stored % 2))
    frames = [
        decoder.frame(
            builders.write(builders.radiograph(one, BitsStored=12, HighBit=11), tmp_path / name), 0
        )
        for name, one in (("plain.dcm", stored), ("overlaid.dcm", overlaid))
    ]
    assert np.array_equal(frames[0].values, stored)
    assert np.array_equal(frames[0].values, frames[1].values)


@pytest.mark.parametrize("signed", [False, True])
def test_pixels_at_the_upper_end_of_their_word(
    tmp_path: Path, decoder: Decoder, *, signed: bool
) -> None:
    stored = builders.gradient(16, 16, 4095).astype(np.int32) - (2048 if signed else 0)
    shifted = (stored * 16).astype(np.int16 if signed else np.uint16)
    path = builders.write(
        builders.radiograph(shifted, BitsStored=12, HighBit=15), tmp_path / "a.dcm"
    )
    assert np.array_equal(decoder.frame(path, 0).values, stored)


def test_padding_does_not_set_the_contrast(tmp_path: Path, decoder: Decoder) -> None:
    ct = {"Modality": "CT", "RescaleSlope": "1", "RescaleIntercept": "0"}
    stored = builders.gradient(64, 64, 400).astype(np.int16) - 200
    stored[:20] = -2000
    ranged = stored.copy()
    ranged[:5] = -1999
    blurred = stored.copy()
    blurred[:20] += (np.arange(64, dtype=np.int16) % 9) * 37
    cases = {
        "value": builders.radiograph(stored, PixelPaddingValue=-2000),
        "range": builders.radiograph(ranged, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1999),
        # Lossy compression moves padding off its value; nothing of a patient is below air.
        "ct": builders.radiograph(blurred, PixelPaddingValue=-2000, **ct),
    }
    for name, dataset in cases.items():
        frame = decoder.frame(builders.write(dataset, tmp_path / f"{name}.dcm"), 0)
        assert frame.window[0] == pytest.approx(0, abs=5), name
        assert frame.window[1] == pytest.approx(400, abs=10), name


def test_white_of_deep_colour_is_that_of_its_bits(tmp_path: Path, decoder: Decoder) -> None:
    dim = np.full((8, 8, 3), 20_000, np.uint16)
    dim[0, 0] = 0
    deep, eight = (
        decoder.frame(builders.write(builders.radiograph(one), tmp_path / name), 0)
        for name, one in (("deep.dcm", dim), ("eight.dcm", np.minimum(dim, 200)))
    )
    assert deep.pixels.max() == pytest.approx(20_000 / 65_535 * 255, abs=1)
    # 8-bit values in 16-bit samples are no darker for it.
    assert eight.pixels.max() == pytest.approx(200, abs=1)


def _frame_group(position: float) -> Dataset:
    groups, place, rescale = Dataset(), Dataset(), Dataset()
    place.ImagePositionPatient = [1.0, 2.0, position]
    rescale.RescaleSlope, rescale.RescaleIntercept, rescale.RescaleType = "1", "-1024", "HU"
    groups.PlanePositionSequence = [place]
    groups.PixelValueTransformationSequence = [rescale]
    return groups


def test_technique_of_an_enhanced_image_is_that_of_its_first_frame(tmp_path: Path) -> None:
    stored = np.stack([builders.gradient(8, 8, 100)] * 2)
    dataset = builders.radiograph(
        stored, SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1", Modality="CT", BodyPartExamined=None
    )
    shared, measures, plane, anatomy, region, exposure = (Dataset() for _ in range(6))
    measures.PixelSpacing, measures.SliceThickness = [0.7, 0.8], "1.25"
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    region.CodeValue, region.CodingSchemeDesignator = "51185008", "SCT"
    region.CodeMeaning = "Chest"
    anatomy.FrameLaterality, anatomy.AnatomicRegionSequence = "U", [region]
    exposure.ExposureInmAs = 103.5
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    shared.FrameAnatomySequence, shared.CTExposureSequence = [anatomy], [exposure]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [_frame_group(-30.5), _frame_group(-29.0)]
    (study,) = read(builders.write(dataset, tmp_path / "a.dcm"), tmp_path / "work").studies
    technique = study.instances[0].technique
    assert study.body_part == technique.body_part == "CHEST"
    assert technique.pixel_spacing == (0.7, 0.8) and technique.slice_thickness == 1.25
    assert technique.position == (1.0, 2.0, -30.5)
    assert technique.orientation == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    assert technique.exposure_mas == 103.5 and technique.laterality == "U"


def test_planar_and_interleaved_colours_are_one_picture(tmp_path: Path, decoder: Decoder) -> None:
    grey = _pixels()
    stored = np.stack([grey, grey[:, ::-1], grey[::-1] // 3], axis=-1)
    frames: list[Frame] = []
    for number, planes in enumerate((stored, stored.transpose(2, 0, 1))):
        dataset = builders.radiograph(stored, PlanarConfiguration=number)
        dataset.PixelData = np.ascontiguousarray(planes).tobytes()
        frames.append(decoder.frame(builders.write(dataset, tmp_path / f"{number}.dcm"), 0))
    assert np.array_equal(frames[0].pixels, frames[1].pixels)
    expected = stored.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    assert np.abs(frames[0].pixels - expected).max() <= 0.51


def test_overlays_stay_off(tmp_path: Path, decoder: Decoder) -> None:
    plain = builders.radiograph()
    overlaid = builders.radiograph()
    overlaid.add_new(0x60000010, "US", 32)
    overlaid.add_new(0x60000011, "US", 48)
    overlaid.add_new(0x60000040, "CS", "G")
    overlaid.add_new(0x60000050, "SS", [1, 1])
    overlaid.add_new(0x60000100, "US", 1)
    overlaid.add_new(0x60000102, "US", 0)
    overlaid.add_new(0x60003000, "OW", b"\xff" * (32 * 48 // 8))
    frames = [
        decoder.frame(builders.write(one, tmp_path / f"{number}.dcm"), 0)
        for number, one in enumerate((plain, overlaid))
    ]
    assert np.array_equal(frames[0].pixels, frames[1].pixels)


def test_signed_and_unsigned_32_bits(tmp_path: Path, decoder: Decoder) -> None:
    for number, kind in enumerate((np.int32, np.uint32)):
        stored = builders.gradient(16, 16, 4000).astype(kind) * 100
        frame = decoder.frame(
            builders.write(builders.radiograph(stored), tmp_path / f"{number}.dcm"), 0
        )
        assert frame.pixels[0, 0] == 0 and frame.pixels[0, -1] == 255
        assert np.all(np.diff(frame.values[0].astype(int)) > 0)


def test_a_damaged_window_costs_the_window_only(tmp_path: Path, decoder: Decoder) -> None:
    """Of numbers in another VR pydicom says so with an exception of its own."""
    plain = decoder.frame(builders.write(builders.radiograph(), tmp_path / "plain.dcm"), 0)
    path = builders.write(builders.radiograph(), tmp_path / "a.dcm")
    for tag in (0x00281050, 0x00281051):
        builders.insert(path, builders.raw_element(tag, b"FD", b"550 "))
    assert _one(path, tmp_path).rows == 32
    assert np.array_equal(decoder.frame(path, 0).pixels, plain.pixels)
