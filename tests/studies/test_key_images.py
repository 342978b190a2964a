"""Key images of whole studies, made by the tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFilter
from pydicom.uid import UID

from radraft.core.errors import StudyRejected
from radraft.studies.choose.frames import MOST_FAULTS
from radraft.studies.choose.quality import worth
from radraft.studies.choose.windows import window_of, windows
from radraft.studies.decode import Decoder, Frame
from radraft.studies.deidentify import deidentify
from radraft.studies.key_images import from_picture, key_images
from radraft.studies.read import read
from radraft.studies.values import (
    CheckedStudy,
    DeidInstance,
    DeidStudy,
    KeyImage,
    KeyImages,
    WindowName,
)
from tests.studies import builders

pytestmark = pytest.mark.slow

DEMO = Path(__file__).parents[2] / "demo"
SCOUT = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
MPR = ["DERIVED", "SECONDARY", "MPR"]


def taken_in(folder: Path) -> DeidStudy:
    (study,) = read(folder, folder / "work").studies
    return deidentify(CheckedStudy(study, ()), builders.SECRET)


def instances(study: DeidStudy, images: Sequence[KeyImage]) -> list[DeidInstance]:
    known = {instance.instance_ref: instance for instance in study.instances}
    return [known[image.instance_ref] for image in images]


def heights(study: DeidStudy, images: Sequence[KeyImage]) -> list[float]:
    found = [instance.acquired.position for instance in instances(study, images)]
    return [position[2] for position in found if position is not None]


def series_of(study: DeidStudy, images: Sequence[KeyImage]) -> list[int | None]:
    return [instance.acquired.series_number for instance in instances(study, images)]


@pytest.fixture(scope="module")
def chest(tmp_path_factory: pytest.TempPathFactory) -> DeidStudy:
    """A chest CT as scanners send it: scout, thick and thin, coronal planes, bolus, dose page."""
    folder = tmp_path_factory.mktemp("chest")
    builders.series(folder, 1, 1, ImageType=SCOUT, orientation=builders.CORONAL)
    builders.series(folder, 2, 60, backwards=True)
    builders.series(folder, 3, 100, thickness=1.25, ConvolutionKernel="B70f")
    builders.series(folder, 4, 20, orientation=builders.CORONAL, ImageType=MPR)
    builders.series(folder, 5, 15, thickness=10, extent=0.0)
    builders.series(
        folder, 6, 1, SOPClassUID=UID("1.2.840.10008.5.1.4.1.1.7"),
        SeriesDescription="Dose Report", ImageType=["DERIVED", "SECONDARY"],
    )  # fmt: skip
    return taken_in(folder)


def test_a_chest_ct_in_four_images(chest: DeidStudy) -> None:
    images = key_images(chest).images
    lung, mediastinum = WindowName.LUNG, WindowName.MEDIASTINUM
    assert [image.window_name for image in images] == [lung, lung, lung, mediastinum]
    # The thin sharp reconstruction for the lung, the thick smooth one for the rest.
    assert series_of(chest, images) == [3, 3, 3, 2]
    places = heights(chest, images)
    assert places[:3] == pytest.approx([50.0, -50.0, -150.0], abs=3.0)
    assert places[3] == pytest.approx(places[1], abs=5.0)
    assert images[0].window == (-600.0, 1500.0) and images[3].window == (40.0, 400.0)
    assert all(image.pixels.min() < image.pixels.max() for image in images)


@pytest.mark.parametrize(("budget", "slices", "again"), [(1, 1, 0), (2, 1, 1), (6, 4, 2)])
def test_the_budget_is_kept(chest: DeidStudy, budget: int, slices: int, again: int) -> None:
    images = key_images(chest, budget=budget).images
    shown = [image.window_name for image in images]
    assert shown == [WindowName.LUNG] * slices + [WindowName.MEDIASTINUM] * again
    assert len({(image.instance_ref, image.window_name) for image in images}) == budget


@dataclass
class LungShare:
    """Features that say how much lung there is, and nothing else."""

    encoder_id: str = "lung"
    asked: list[KeyImages] = field(default_factory=list)

    def extract(self, images: KeyImages) -> npt.NDArray[np.float32]:
        self.asked.append(images)
        shares = [float((image.values < -500).mean()) for image in images.images]
        return np.array([[share, 1 - share] for share in shares], dtype=np.float32)


def test_an_encoder_sees_a_bounded_number_of_slices_and_they_differ(chest: DeidStudy) -> None:
    extractor = LungShare()
    images = key_images(chest, extractor=extractor).images
    (asked,) = extractor.asked
    assert len(images) == 4 and len(asked.images) <= 20
    places = heights(chest, images)[:3]
    assert places == sorted(places, reverse=True) and places[0] - places[2] > 100


def test_what_a_selection_marks_comes_first(chest: DeidStudy, tmp_path: Path) -> None:
    folder = tmp_path / "marked"
    builders.series(folder, 2, 30)
    builders.series(folder, 4, 5, orientation=builders.CORONAL, ImageType=MPR)
    uid = "1.2.826.0.1.3680043.10.1."
    builders.selection(folder / "kos.dcm", f"{uid}2029", f"{uid}4003", "1.2.3.4")
    study = taken_in(folder)
    images = key_images(study).images
    assert [instance.acquired.marked for instance in instances(study, images)] == [
        True,
        False,
        True,
        True,
    ]
    assert series_of(study, images) == [4, 2, 2, 4]
    found = heights(study, images)
    assert found[2] == pytest.approx(100 - 300 * 28 / 29)
    only = key_images(study, budget=1).images
    assert [one.acquired.marked for one in instances(study, only)] == [True]
    looked = key_images(study, extractor=LungShare()).images
    assert [one.acquired.marked for one in instances(study, looked)][2:] == [True, True]


def test_a_selection_that_rejects_marks_nothing(tmp_path: Path) -> None:
    (path,) = builders.series(tmp_path, 2, 1)
    uid = "1.2.826.0.1.3680043.10.1.2001"
    builders.selection(tmp_path / "kos.dcm", uid, title="113001")
    (study,) = read(tmp_path, tmp_path / "w").studies
    assert study.marked == () and study.instances[0].path == path


def test_a_selection_of_no_study_here_is_refused(tmp_path: Path) -> None:
    builders.series(tmp_path, 2, 1)
    kept = builders.selection(tmp_path / "kos.dcm", "1.2.3", StudyInstanceUID="1.2.3.4")
    result = read(tmp_path, tmp_path / "w")
    assert [(rejection.file, rejection.code) for rejection in result.rejections] == [
        (str(kept), "not_an_image")
    ]


def test_slices_that_cannot_be_decoded_give_way_to_their_neighbours(tmp_path: Path) -> None:
    paths = builders.series(tmp_path, 2, 21, thickness=15)
    for place in (3, 10):
        whole = paths[place].read_bytes()
        # Found out only by decoding: the header promises what the file no longer holds.
        paths[place].write_bytes(whole.replace(b"MONOCHROME2 ", b"PALETTE COLOR"[:12]))
    study = taken_in(tmp_path)
    images = key_images(study).images
    assert len(images) == 4
    assert not {paths[3], paths[10]} & {instance.path for instance in instances(study, images)}


def test_a_study_that_cannot_be_decoded_is_given_up_in_time(tmp_path: Path) -> None:
    paths = builders.series(tmp_path, 2, 40)
    study = taken_in(tmp_path)
    for path in paths:
        path.write_bytes(b"gone")
    with pytest.raises(StudyRejected):
        key_images(study)
    assert len(paths) > MOST_FAULTS


def test_one_process_decodes_study_after_study_until_a_file_is_bad(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "second", "bad")]
    paths = [builders.series(folder, 2, 12, thickness=25) for folder in folders]
    first, second, bad = map(taken_in, folders)
    for path in paths[2][1::2]:
        path.write_bytes(b"gone")
    apart = [[image.image_id for image in key_images(study).images] for study in (first, second)]
    with Decoder() as decoder:
        together, processes = [], []
        for study in (first, second):
            images = key_images(study, decoder=decoder).images
            together.append([image.image_id for image in images])
            processes.append(decoder._worker.pid)
        assert processes[0] == processes[1] is not None
        assert together == apart
        assert key_images(bad, decoder=decoder).images
        # What a bad file did to it is not there for the next study's.
        assert decoder._worker.pid is None
        images = key_images(first, decoder=decoder).images
        assert [image.image_id for image in images] == apart[0]
        assert decoder._worker.pid not in processes


def test_burned_in_text_is_taken_out_before_anybody_looks(tmp_path: Path) -> None:
    builders.series(tmp_path, 2, 12, thickness=25)
    study = taken_in(tmp_path)

    def clean(frame: Frame) -> Frame:
        values = frame.values.copy()
        values[20:24] = values.min()
        return Frame(values, frame.pixels, frame.window)

    extractor = LungShare()
    chosen = key_images(study, clean=clean, extractor=extractor).images
    for image in extractor.asked[0].images:
        assert (image.values[20:24] == image.values.min()).all()
    for image in chosen:
        assert (image.pixels[20:24] == image.pixels.min()).all()


def mr(folder: Path, number: int, described: str, count: int = 9) -> None:
    builders.series(
        folder, number, count, SOPClassUID=builders.MR, Modality="MR", BodyPartExamined="BRAIN",
        SeriesDescription=described, ConvolutionKernel="",
    )  # fmt: skip


def test_mr_shows_each_main_weighting(tmp_path: Path) -> None:
    names = ("localizer", "t1_se_tra", "t2_tse_tra", "t2_tirm_dark-fluid", "DWI b1000", "ADC")
    for number, name in enumerate(names, 1):
        mr(tmp_path, number, name)
    study = taken_in(tmp_path)
    assert series_of(study, key_images(study).images) == [3, 4, 5, 2]
    assert series_of(study, key_images(study, budget=6).images) == [3, 3, 4, 5, 2, 6]
    assert {image.window_name for image in key_images(study).images} == {WindowName.OWN}


def test_only_a_scout_is_better_than_nothing(tmp_path: Path) -> None:
    builders.series(tmp_path, 1, 2, ImageType=SCOUT)
    assert len(key_images(taken_in(tmp_path), budget=1).images) == 1


def test_ultrasound_stills_and_clips_weigh_the_same(tmp_path: Path) -> None:
    for number in range(1, 6):
        frames = 40 if number == 3 else 1
        stored = np.stack([builders.gradient(16, 16, 100 * number + n) for n in range(frames)])
        dataset = builders.radiograph(
            stored if frames > 1 else stored[0], number=number, Modality="US", ViewPosition=None,
            SOPClassUID=UID("1.2.840.10008.5.1.4.1.1.3.1"), BodyPartExamined="ABDOMEN",
        )  # fmt: skip
        builders.write(dataset, tmp_path / f"{number}.dcm")
    study = taken_in(tmp_path)
    chosen = [
        instance.instance_ref for instance in instances(study, key_images(study, budget=5).images)
    ]
    assert chosen == [one.instance_ref for one in study.instances]


def film(folder: Path, number: int, **changed: object) -> Path:
    return builders.write(
        builders.radiograph(builders.gradient(top=1000 + number), number=number, **changed),
        folder / f"{number}.dcm",
    )


def test_a_repeated_view_is_shown_once_and_the_newest(tmp_path: Path) -> None:
    for number, view in enumerate(("PA", "LL", "PA", "LL"), 1):
        film(tmp_path, number, ViewPosition=view)
    study = taken_in(tmp_path)
    images = key_images(study).images
    assert [image.values.max() for image in images] == [1003, 1004]


def test_sides_parts_and_unnamed_views_are_no_repeats(tmp_path: Path) -> None:
    film(tmp_path, 1, ImageLaterality="L", BodyPartExamined="HAND")
    film(tmp_path, 2, ImageLaterality="R", BodyPartExamined="HAND")
    film(tmp_path, 3, ImageLaterality="L", BodyPartExamined="FOOT")
    film(tmp_path, 4, ViewPosition=None)
    film(tmp_path, 5, ViewPosition=None)
    study = taken_in(tmp_path)
    assert len(key_images(study, budget=8).images) == 5


def test_a_film_to_look_at_before_one_to_compute_with(tmp_path: Path) -> None:
    film(tmp_path, 1, Modality="DX", SOPClassUID=UID("1.2.840.10008.5.1.4.1.1.1.1"))
    film(tmp_path, 2, Modality="DX", SOPClassUID=UID("1.2.840.10008.5.1.4.1.1.1.1.1"))
    film(tmp_path, 3, Modality="DX", ImageType=["DERIVED", "PRIMARY"])
    (image,) = key_images(taken_in(tmp_path)).images
    assert image.values.max() == 1001


Spoiled = Callable[[Image.Image], Image.Image]


def noisy(picture: Image.Image) -> Image.Image:
    noise = np.random.default_rng(1).normal(0, 12, picture.size[::-1])
    return Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))


SPOILED: dict[str, Spoiled] = {
    "blurred": lambda picture: picture.filter(ImageFilter.GaussianBlur(2)),
    "noisy": noisy,
    "over-exposed": lambda picture: picture.point(lambda level: min(255, level * 1.8)),
    "flat": lambda picture: picture.point(lambda level: level * 0.4),
}


def test_of_two_takes_the_better_one(tmp_path: Path) -> None:
    folder = DEMO / "studies"
    with Decoder() as decoder:
        films = [decoder.frame(path, 0).pixels for path in sorted(folder.rglob("*.dcm"))[:3]]
    assert films
    for film in films:
        good = worth(from_picture(film))
        for name, spoil in SPOILED.items():
            spoiled = np.asarray(spoil(Image.fromarray(film)))
            assert worth(from_picture(spoiled)) < good, name
    # Both takes through the files: the spoiled one is the newer.
    for number, taken in enumerate((films[0], np.asarray(noisy(Image.fromarray(films[0])))), 1):
        window = {"WindowCenter": "128", "WindowWidth": "256"}
        builders.write(
            builders.radiograph(taken, number=number, **window), tmp_path / f"{number}.dcm"
        )
    (image,) = key_images(taken_in(tmp_path)).images
    assert np.array_equal(image.values, films[0])


def test_a_marked_take_is_shown_whatever_it_looks_like(tmp_path: Path) -> None:
    for number in (1, 2):
        film(tmp_path, number, StudyInstanceUID="1.2.826.0.1.3680043.10.2.60")
    builders.selection(tmp_path / "kos.dcm", "1.2.826.0.1.3680043.10.1.1")
    (image,) = key_images(taken_in(tmp_path)).images
    assert image.values.max() == 1001


def test_windows_are_for_hounsfield_units_only() -> None:
    assert windows("CT", "CHEST") == (WindowName.LUNG, WindowName.MEDIASTINUM)
    assert windows("CT", "HEAD")[0] is WindowName.BRAIN
    assert windows("CT", "ABDOMEN") == (WindowName.ABDOMEN,)
    assert windows("CT", "PELVIS") == (WindowName.ABDOMEN, WindowName.BONE)
    assert windows("CT", "KNEE") == (WindowName.BONE, WindowName.SOFT)
    assert windows("MR", "CHEST") == windows("CT", "") == (WindowName.OWN,)
    slice_ = builders.body(0.5)
    seen = window_of(slice_, WindowName.LUNG)
    assert seen is not None and seen[1].dtype == np.uint8
    assert window_of(slice_, WindowName.OWN) is None
    assert window_of((slice_ + 1024).astype(np.int16), WindowName.LUNG) is None
    assert window_of(np.full((4, 4), -1000, np.int16), WindowName.BONE) is None


@pytest.mark.slow
def test_real_series_give_distinct_images(tmp_path: Path) -> None:
    folders = [one for one in (builders.BUNDLED / "dicomdirtests", builders.SHARED) if one.is_dir()]
    several = 0
    for study in (s for folder in folders for s in read(folder, tmp_path / folder.name).studies):
        deid = deidentify(CheckedStudy(study, ()), builders.SECRET)
        if deid.modality not in {"CT", "MR", "US"} or len(deid.instances) < 2:
            continue
        try:
            images = key_images(deid).images
        except StudyRejected:
            continue
        several += len(images) > 1
        keys = [(image.instance_ref, image.frame, image.window_name) for image in images]
        assert len(set(keys)) == len(keys) <= 4
    assert several > 0
