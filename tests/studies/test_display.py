"""From stored values to pixels: rescale, windows, photometric interpretations, codecs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, strategies as st
from hypothesis.extra.numpy import arrays
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from radraft.studies import _display
from radraft.studies.decode import Decoder, Frame
from radraft.studies.deidentify import deidentify
from radraft.studies.key_images import image_id, key_images
from radraft.studies.quality import check
from radraft.studies.read import read
from radraft.studies.values import KeyImage, View
from tests.studies import builders

Frames = Callable[..., list[Frame]]


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    """One worker for the whole module."""
    with Decoder() as decoder:
        yield decoder


@pytest.fixture
def frames(tmp_path: Path, decoder: Decoder) -> Frames:
    """Writes data sets and decodes the first frame of each."""

    def decode(*datasets: Dataset) -> list[Frame]:
        paths = [builders.write(one, tmp_path / f"{n}.dcm") for n, one in enumerate(datasets)]
        return [decoder.frame(path, 0) for path in paths]

    return decode


def _images(path: Path, tmp_path: Path) -> tuple[KeyImage, ...]:
    (study,) = read(path, tmp_path / "work").studies
    return key_images(deidentify(check(study), builders.SECRET)).images


def test_linear_window_as_the_standard_defines_it(frames: Frames) -> None:
    stored = np.arange(256, dtype=np.uint16).reshape(16, 16)
    (frame,) = frames(builders.radiograph(stored, WindowCenter="128", WindowWidth="101"))
    # PS3.3 C.11.2.1.2.1: black up to c - 0.5 - (w-1)/2, white above c - 0.5 + (w-1)/2.
    assert frame.window == pytest.approx((128, 101))
    flat = frame.pixels.reshape(-1)
    assert flat[77] == 0 and flat[78] == 1 and flat[177] > 253 and flat[178] == 255
    assert np.array_equal(frame.values.reshape(-1), np.arange(256))


def test_first_of_several_windows_and_linear_exact(frames: Frames) -> None:
    stored = np.arange(256, dtype=np.uint16).reshape(16, 16)
    first, exact = frames(
        builders.radiograph(stored, WindowCenter=["100", "20"], WindowWidth=["50", "10"]),
        builders.radiograph(
            stored, WindowCenter="128", WindowWidth="100", VOILUTFunction="LINEAR_EXACT"
        ),
    )
    assert first.window == pytest.approx((100, 50))
    flat = exact.pixels.reshape(-1)
    assert flat[78] == 0 and flat[128] == 128 and flat[178] == 255


def test_sigmoid_keeps_its_shape_under_a_linear_window(frames: Frames) -> None:
    stored = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    (frame,) = frames(
        builders.radiograph(
            stored, WindowCenter="2048", WindowWidth="1024", VOILUTFunction="SIGMOID"
        ),
    )
    expected = 255 / (1 + np.exp(-4 * (np.arange(4096) - 2048) / 1024))
    assert np.abs(frame.pixels.reshape(-1) - expected).max() <= 1


def test_monochrome1_is_the_inverse(frames: Frames) -> None:
    window: dict[str, Any] = {"WindowCenter": "1500", "WindowWidth": "2000"}
    plain, inverse = frames(
        builders.radiograph(**window),
        builders.radiograph(PhotometricInterpretation="MONOCHROME1", **window),
    )
    assert np.abs(255 - plain.pixels.astype(int) - inverse.pixels).max() <= 1
    assert np.array_equal(inverse.values, 4095 - plain.values)


def test_signed_values_and_rescale_give_hounsfield_units(frames: Frames) -> None:
    stored = (np.arange(400, dtype=np.int16) - 200).reshape(20, 20)
    (frame,) = frames(builders.radiograph(
            stored, RescaleSlope="2", RescaleIntercept="-100",
            WindowCenter="40", WindowWidth="400",
        ),
    )  # fmt: skip
    assert np.array_equal(frame.values, stored * 2 - 100)
    assert frame.window == pytest.approx((40, 400))


def test_modality_and_voi_lut(frames: Frames) -> None:
    table = Dataset()
    table.LUTDescriptor = [16, 0, 16]
    table.LUTData = np.array([n * n for n in range(16)], "<u2").tobytes()
    table.ModalityLUTType = "US"
    voi = Dataset()
    voi.LUTDescriptor = [256, 0, 8]
    voi.LUTData = np.arange(255, -1, -1, dtype="<u2").tobytes()
    stored = np.arange(16, dtype=np.uint8).reshape(4, 4)
    modality, both = frames(
        builders.radiograph(stored, ModalityLUTSequence=[table]),
        builders.radiograph(stored, ModalityLUTSequence=[table], VOILUTSequence=[voi]),
    )
    squares = np.arange(16).reshape(4, 4) ** 2
    assert np.array_equal(modality.values, squares)
    assert np.array_equal(both.pixels, 255 - squares)


def test_without_a_window_a_few_hot_pixels_do_not_set_the_contrast(frames: Frames) -> None:
    stored = builders.gradient(64, 64, 1000)
    stored[0, 0] = 65535
    (frame,) = frames(builders.radiograph(stored))
    assert frame.pixels[:, -2].min() > 240 and frame.pixels[:, 1].max() < 15


def test_window_that_shows_nothing_is_replaced(frames: Frames) -> None:
    wrong, broken = frames(
        builders.radiograph(WindowCenter="90000", WindowWidth="10"),
        builders.radiograph(WindowCenter="2000", WindowWidth="0"),
    )
    for frame in (wrong, broken):
        assert frame.pixels.min() == 0 and frame.pixels.max() == 255


def test_rgb_and_palette_become_luminance(frames: Frames) -> None:
    colours = np.zeros((2, 4, 3), dtype=np.uint8)
    colours[0] = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]
    palette = builders.radiograph(
        np.array([[0, 1, 2, 3], [3, 2, 1, 0]], dtype=np.uint8),
        PhotometricInterpretation="PALETTE COLOR",
    )
    for name, table in (("Red", [0, 255, 0, 255]), ("Green", [0, 0, 255, 255])):
        setattr(palette, f"{name}PaletteColorLookupTableDescriptor", [4, 0, 16])
        data = np.array(table, dtype="<u2") * 257
        setattr(palette, f"{name}PaletteColorLookupTableData", data.tobytes())
    palette.BluePaletteColorLookupTableDescriptor = [4, 0, 16]
    palette.BluePaletteColorLookupTableData = (np.array([0, 0, 0, 255], "<u2") * 257).tobytes()
    rgb, looked_up = frames(builders.radiograph(colours), palette)
    assert rgb.pixels[0].tolist() == [76, 150, 29, 255]
    assert looked_up.pixels[0].tolist() == [0, 76, 150, 255]


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_depths_up_to_16_bits(frames: Frames, bits: int) -> None:
    stored = builders.gradient(top=2**bits - 1)
    (frame,) = frames(builders.radiograph(stored, BitsStored=bits, HighBit=bits - 1))
    steps = np.diff(frame.values[0].astype(int))
    assert steps.min() > 0 and frame.values.dtype == np.int16
    assert frame.pixels[0, 0] == 0 and frame.pixels[0, -1] == 255


def test_large_images_are_reduced(frames: Frames) -> None:
    stored = builders.gradient(3000, 1500)
    (frame,) = frames(builders.radiograph(stored, WindowCenter="2048", WindowWidth="4096"))
    assert frame.pixels.shape == frame.values.shape == (2048, 1024)
    assert np.all(np.diff(frame.values[1000].astype(int)) >= 0)


def test_enhanced_frames_have_their_own_rescale_and_window(
    tmp_path: Path, decoder: Decoder
) -> None:
    stored = np.stack([builders.gradient(8, 8, 100), builders.gradient(8, 8, 100)])
    dataset = builders.radiograph(stored, SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1", Modality="CT")
    shared, dataset.PerFrameFunctionalGroupsSequence = Dataset(), []
    window = Dataset()
    window.WindowCenter, window.WindowWidth = "50", "200"
    shared.FrameVOILUTSequence = [window]
    # Many frames make these sequences too large to be read at once with the rest.
    shared.TextValue = "x" * (3 << 20)
    dataset.SharedFunctionalGroupsSequence = [shared]
    for intercept in ("-1000", "0"):
        rescale, groups = Dataset(), Dataset()
        rescale.RescaleSlope, rescale.RescaleIntercept = "1", intercept
        rescale.RescaleType = "HU"
        groups.PixelValueTransformationSequence = [rescale]
        dataset.PerFrameFunctionalGroupsSequence.append(groups)
    path = builders.write(dataset, tmp_path / "enhanced.dcm")
    both = [decoder.frame(path, n) for n in (0, 1)]
    assert [int(frame.values.min()) for frame in both] == [-1000, 0]
    assert both[1].window == pytest.approx((50, 200))


@pytest.mark.slow
def test_frontal_comes_before_lateral_and_four_are_enough(tmp_path: Path) -> None:
    for number, view in enumerate(("LL", "", "PA", "AP", "RL"), 1):
        builders.write(
            builders.radiograph(
                builders.gradient(top=1000 + number), number=number, ViewPosition=view
            ),
            tmp_path / f"{number}.dcm",
        )
    (study,) = read(tmp_path, tmp_path / "work").studies
    deid = deidentify(check(study), builders.SECRET)
    images = key_images(deid).images
    views = {instance.instance_ref: instance.view for instance in deid.instances}
    assert [views[image.instance_ref] for image in images] == [
        View.FRONTAL, View.FRONTAL, View.UNKNOWN, View.LATERAL,
    ]  # fmt: skip


@pytest.mark.slow
def test_bad_image_does_not_take_the_good_ones_along(tmp_path: Path) -> None:
    rle = builders.radiograph(number=2)
    rle.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\x08\0\0\0rubbish!"
    rle["PixelData"].VR, rle["PixelData"].is_undefined_length = "OB", True
    builders.write(rle, tmp_path / "bad.dcm", RLELossless)
    builders.write(builders.radiograph(), tmp_path / "good.dcm")
    assert len(_images(tmp_path, tmp_path)) == 1


MR = sorted(builders.BUNDLED.glob("MR_small*.dcm"))


def test_lossless_encodings_of_one_image_give_one_image(decoder: Decoder) -> None:
    names = {path.name for path in MR}
    assert {"MR_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm"} <= names
    decoded = [decoder.frame(path, 0) for path in MR]
    assert len({image_id(frame.pixels) for frame in decoded}) == 1
    assert all(np.array_equal(frame.values, decoded[0].values) for frame in decoded)


@given(
    arrays(np.int16, (4, 6)),
    st.floats(-30000, 30000),
    st.floats(1.5, 60000),
)
def test_window_is_monotone_and_reaches_both_ends(
    values: npt.NDArray[np.int16], centre: float, width: float
) -> None:
    pixels = _display.pixels(values, (centre, width))
    order = np.argsort(values, axis=None)
    assert np.all(np.diff(pixels.reshape(-1)[order].astype(int)) >= 0)
    assert np.all(pixels[values < centre - 0.5 - (width - 1) / 2 - 1] == 0)
    assert np.all(pixels[values > centre - 0.5 + (width - 1) / 2 + 1] == 255)


@given(
    arrays(np.float32, (3, 5), elements=st.floats(-1e6, 1e6, width=32)),
    st.floats(-1e5, 1e5),
    st.floats(1, 1e5),
)
@example(np.array([[0, 1e-45]], np.float32), 0.0, 1.0)
def test_whole_numbers_show_the_same_picture(
    shown: npt.NDArray[np.float32], low: float, width: float
) -> None:
    whole, bounds = _display.to_int16(shown, (low, low + width))
    assert whole.dtype == np.int16
    order = np.argsort(shown, axis=None)
    assert np.all(np.diff(whole.reshape(-1)[order].astype(int)) >= 0)
    exact = np.clip((shown.astype(float) - low) / width, 0, 1)
    got = np.clip((whole - bounds[0]) / (bounds[1] - bounds[0]), 0, 1)
    # Rounding to a whole number moves a value by at most half a unit of the new scale.
    assert np.abs(exact - got).max() <= 0.5 / (bounds[1] - bounds[0]) + 1e-3


@pytest.mark.slow
def test_every_bundled_image_is_drawn(tmp_path: Path, decoder: Decoder) -> None:
    drawn = 0
    for study in read(builders.BUNDLED, tmp_path / "work").studies:
        for instance in study.instances:
            if "sequence-delimiter" in instance.path.name:
                # Its code stream was cut on purpose.
                continue
            frame = decoder.frame(instance.path, 0)
            assert np.array_equal(frame.pixels, _display.pixels(frame.values, frame.window))
            assert frame.pixels.max() > frame.pixels.min()
            drawn += 1
    assert drawn >= 55
