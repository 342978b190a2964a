"""Each kind of bad file has its code, and the good files beside it go on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import ImplicitVRLittleEndian, JPEG2000Lossless

from radraft.core.errors import StudyRejected
from radraft.studies.deidentify import deidentify
from radraft.studies.key_images import key_images
from radraft.studies.quality import check
from radraft.studies.read import ReadResult, read
from tests.studies import builders

pytestmark = pytest.mark.slow


def _bytes(data: bytes) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        path.write_bytes(data)
        return path

    return make


def _cut(keep: float) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        data = builders.write(builders.radiograph(), path).read_bytes()
        path.write_bytes(data[: int(len(data) * keep)])
        return path

    return make


def _cut_in_header(path: Path) -> Path:
    data = builders.write(builders.radiograph(), path).read_bytes()
    path.write_bytes(data[: data.index(b"Zhang^Wei") + 4])
    return path


def _changed(**changed: Any) -> Callable[[Path], Path]:
    return lambda path: builders.write(builders.radiograph(**changed), path)


def _nested(*, defined: bool) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        # 0040,0555 stands after group 0028 and before the pixels.
        return builders.insert(
            builders.write(builders.radiograph(), path), builders.nested(300, defined=defined)
        )

    return make


def _uid(value: bytes) -> Callable[[Path], Path]:
    return lambda path: builders.with_raw(
        builders.write(builders.radiograph(), path), 0x0020000D, b"UI", value
    )


def _of_class(uid: str) -> Callable[[Path], Path]:
    no_pixels = dict.fromkeys(("PixelData", "Rows", "Columns"))
    return _changed(SOPClassUID=uid, Modality="OT", **no_pixels)


def _without(path: Path, tag: bytes) -> Path:
    """Implicit VR without file meta information, and without one element."""
    data = builders.without_meta(path).read_bytes()
    at = data.index(tag)
    length = int.from_bytes(data[at + 4 : at + 8], "little")
    path.write_bytes(data[:at] + data[at + 8 + length :])
    return path


def _encapsulated(fragment: bytes, syntax: str) -> Callable[[Path], Path]:
    """Pixels as one fragment, whatever the transfer syntax."""

    def make(path: Path) -> Path:
        from pydicom.encaps import encapsulate

        dataset = builders.radiograph(PixelData=encapsulate([fragment]))
        dataset["PixelData"].is_undefined_length = True
        dataset["PixelData"].VR = "OB"
        return builders.with_syntax(builders.write(dataset, path, JPEG2000Lossless), syntax)

    return make


BAD: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "text": ("not_dicom", _bytes(b"Not a DICOM file at all, just some text.\n" * 9)),
    "one byte": ("not_dicom", _bytes(b"\x08")),
    "png": ("not_dicom", _bytes(b"\x89PNG\r\n\x1a\n" + bytes(500))),
    "empty": ("empty_file", _bytes(b"")),
    "preamble only": ("truncated_header", _bytes(bytes(128) + b"DICM")),
    "cut in header": ("truncated_header", _cut_in_header),
    "cut in pixels": ("truncated_pixels", _cut(0.8)),
    "short pixels": ("truncated_pixels", _changed(PixelData=bytes(64))),
    "no pixels": ("no_pixel_data", _changed(PixelData=None)),
    "structured report": ("not_an_image", _of_class("1.2.840.10008.5.1.4.1.1.88.33")),
    "pdf": ("not_an_image", _of_class("1.2.840.10008.5.1.4.1.1.104.1")),
    "presentation state": ("not_an_image", _of_class("1.2.840.10008.5.1.4.1.1.11.1")),
    "rt plan": ("not_an_image", _of_class("1.2.840.10008.5.1.4.1.1.481.5")),
    "nested, undefined length": ("nested_too_deep", _nested(defined=False)),
    "nested, defined length": ("nested_too_deep", _nested(defined=True)),
    "deflate bomb": ("inflates_too_much", lambda path: builders.deflate_bomb(path, 200 << 20)),
    "uid climbs": ("bad_uid", _uid(b"../../../../tmp/evil")),
    "uid with letters": ("bad_uid", _uid(b"1.2.x.4")),
    "uid too long": ("bad_uid", _uid(b"1." + b"2" * 70)),
    "no study uid, no meta": ("missing_uid", lambda path: _without(path, b"\x20\x00\x0d\x00")),
    "more bits stored than allocated": ("unsupported_pixels", _changed(BitsStored=17)),
    "three samples of grey": ("unsupported_pixels", _changed(SamplesPerPixel=3)),
    "one sample of colour": ("unsupported_pixels", _changed(PhotometricInterpretation="RGB")),
    "fragments of nothing known": (
        "wrong_transfer_syntax",
        _encapsulated(b"?" * 99, "1.2.840.10008.1.2.1"),
    ),
    "no study uid": ("missing_uid", _changed(StudyInstanceUID=None)),
    "no instance uid": ("missing_uid", _changed(SOPInstanceUID=None)),
    "no rows": ("unsupported_pixels", _changed(Rows=0)),
    "odd bits": ("unsupported_pixels", _changed(BitsAllocated=13)),
    "odd photometric": ("unsupported_pixels", _changed(PhotometricInterpretation="HSV")),
    "too many frames": ("too_large", _changed(NumberOfFrames=100_001)),
    "huge frame": ("too_large", _changed(Rows=60000, Columns=60000)),
    "mpeg": (
        "unsupported_transfer_syntax",
        _encapsulated(b"?" * 99, "1.2.840.10008.1.2.4.102"),
    ),
}


@pytest.fixture(scope="module")
def folder_result(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, ReadResult]:
    """All bad files and one good one, read in one go."""
    root = tmp_path_factory.mktemp("bad")
    source, work = root / "source", root / "work"
    source.mkdir()
    for name, (_, make) in BAD.items():
        make(source / f"{name}.dcm")
    builders.write(builders.radiograph(), source / "sub" / "good.dcm")
    return source, work, read(source, work)


@pytest.mark.parametrize("name", BAD)
def test_bad_file_has_its_code(name: str, folder_result: tuple[Path, Path, ReadResult]) -> None:
    source, _, result = folder_result
    found = [
        rejection
        for rejection in result.rejections
        if rejection.file == str(source / f"{name}.dcm")
    ]
    assert [one.code for one in found] == [BAD[name][0]]
    assert found[0].message_zh and found[0].message_en


def test_good_file_goes_on(folder_result: tuple[Path, Path, ReadResult]) -> None:
    source, work, result = folder_result
    (study,) = result.studies
    assert study.instances[0].path == source / "sub" / "good.dcm"
    assert len(key_images(deidentify(check(study), builders.SECRET)).images) == 1
    assert not work.exists(), "nothing had to be unpacked"


def test_single_bad_file_does_not_raise(tmp_path: Path) -> None:
    result = read(tmp_path / "is not there.dcm", tmp_path / "work")
    assert [rejection.code for rejection in result.rejections] == ["file_not_found"]
    (tmp_path / "nothing here").mkdir()
    result = read(tmp_path / "nothing here", tmp_path / "work")
    assert [one.code for one in result.rejections] == ["no_files"]


def test_unreadable_and_special_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    locked = builders.write(builders.radiograph(), tmp_path / "locked.dcm")
    locked.chmod(0)
    codes = {
        Path(rejection.file).name: rejection.code
        for rejection in read(tmp_path, tmp_path / "w").rejections
    }
    assert codes["pipe"] == "unreadable_file"
    if os.geteuid() != 0:
        assert codes["locked.dcm"] == "unreadable_file"


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    outside = builders.write(builders.radiograph(), tmp_path / "outside" / "secret.dcm")
    inside = tmp_path / "inside"
    good = builders.write(builders.radiograph(number=2), inside / "good.dcm")
    (inside / "link.dcm").symlink_to(outside)
    (inside / "folder").symlink_to(outside.parent, target_is_directory=True)
    (inside / "again.dcm").symlink_to(good)
    result = read(inside, tmp_path / "work")
    assert [instance.path for study in result.studies for instance in study.instances] == [good]
    assert {rejection.code for rejection in result.rejections} == {"link_leaves_folder"}
    assert len(result.rejections) == 2


def test_the_same_instance_twice_is_read_once(tmp_path: Path) -> None:
    builders.write(builders.radiograph(), tmp_path / "1.dcm")
    builders.write(builders.radiograph(), tmp_path / "2.dcm")
    result = read(tmp_path, tmp_path / "work")
    codes = {Path(rejection.file).name: rejection.code for rejection in result.rejections}
    assert codes == {"2.dcm": "duplicate_instance"}
    assert len(result.studies[0].instances) == 1


def test_file_without_meta_header_is_read(tmp_path: Path) -> None:
    (study,) = read(builders.without_meta(tmp_path / "old.dcm"), tmp_path / "work").studies
    assert study.instances[0].transfer_syntax == ImplicitVRLittleEndian
    assert key_images(deidentify(check(study), builders.SECRET)).images[0].pixels.shape == (32, 48)


def test_damaged_pixels_are_found_when_they_are_decoded(tmp_path: Path) -> None:
    from pydicom.encaps import encapsulate

    rubbish = np.random.default_rng(1).bytes(4096)
    dataset = builders.radiograph(PixelData=encapsulate([rubbish]))
    dataset["PixelData"].is_undefined_length = True
    dataset["PixelData"].VR = "OB"
    path = builders.write(dataset, tmp_path / "rubbish.dcm", JPEG2000Lossless)
    (study,) = read(path, tmp_path / "work").studies
    with pytest.raises(StudyRejected) as caught:
        key_images(deidentify(check(study), builders.SECRET))
    assert caught.value.code == "pixels_damaged"


@pytest.mark.slow
def test_bomb_stays_within_memory(tmp_path: Path) -> None:
    builders.deflate_bomb(tmp_path / "bomb.dcm", 500 << 20)
    script = (
        "import resource, sys; from pathlib import Path; from radraft.studies.read import read; "
        "result = read(Path(sys.argv[1]), Path(sys.argv[2])); "
        # Not ru_maxrss: exec keeps the value of the process that forked, here pytest's own.
        "status = Path('/proc/self/status').read_text(); "
        "print([one.code for one in result.rejections], "
        "int(status.split('VmHWM:')[1].split()[0]) // 1024, "
        "resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "bomb.dcm"), str(tmp_path / "work")],
        capture_output=True,
        text=True,
        check=True,
    )
    codes, parent_mib, child_mib = done.stdout.rsplit(maxsplit=2)
    assert codes == "['inflates_too_much']"
    assert int(parent_mib) < 300
    assert int(child_mib) < 900
