"""Every image of a study at full depth over `/api`: exact, without identity, and told why not."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from fastapi.testclient import TestClient
from PIL import Image, ImageDraw, ImageFont

from radraft.core.settings import Settings
from radraft.pipeline.full_frames import FullFrames
from radraft.pipeline.service import Service
from radraft.store.database import Store, open_store
from radraft.ui.access import application
from radraft.ui.api.full_frames import add_full_frames
from radraft.ui.api.reports import add_api
from tests.studies import builders
from tests.studies.deid import burned
from tests.ui.chosen import chest_ct, films, take_in
from tests.ui.conftest import asking, make_service
from tests.ui.retained import drop, sign_case

pytestmark = pytest.mark.slow

IDENTITY = ("Zhang", "Wei", "P0042", "ACC778899", "1.2.826", "19700305", "Free text")


@pytest.fixture
def service(sqlite_store: Store, tmp_path: Path) -> Iterator[Service]:
    made = make_service(sqlite_store, tmp_path / "data")
    yield made
    made.full_frames.close()
    made.choosing.close()


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    app = application(service)
    add_api(app, service)
    add_full_frames(app, service)
    with asking(app) as made:
        yield made


def series(client: TestClient, case_id: str) -> list[dict[str, Any]]:
    answer = client.get(f"/api/cases/{case_id}/series")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["series"]
    return found


def frames_of(one: dict[str, Any]) -> list[str]:
    return [
        f"{run['instance_ref']}/{frame}"
        for run in one["instances"]
        for frame in range(run["frames"])
    ]


def path_of(case_id: str, frame: str) -> str:
    return f"/api/cases/{case_id}/frames/{frame}/values"


def values(
    client: TestClient, case_id: str, frame: str, query: str = ""
) -> tuple[dict[str, Any], npt.NDArray[Any]]:
    """Facts and stored values of one frame."""
    answer = client.get(path_of(case_id, frame) + query)
    assert answer.status_code == 200, answer.text
    return opened(answer.content)


def opened(content: bytes) -> tuple[dict[str, Any], npt.NDArray[Any]]:
    length = int.from_bytes(content[:4], "little")
    assert length % 2 == 0
    facts: dict[str, Any] = json.loads(content[4 : 4 + length])
    kind = "<i2" if facts["signed"] else "<u2"
    stored = np.frombuffer(content, kind, offset=4 + length)
    return facts, stored.reshape(facts["rows"], facts["columns"])


def test_every_slice_of_a_ct_is_there_with_exact_values_and_its_place(
    client: TestClient, sqlite_store: Store, tmp_path: Path
) -> None:
    folder = chest_ct(tmp_path / "ct", 8)
    case_id = take_in(sqlite_store, folder)
    _, thick, thin = series(client, case_id)
    assert (thick["modality"], thick["plane"], thick["frames"]) == ("CT", "axial", 8)
    given = [pydicom.dcmread(path) for path in sorted(folder.glob("02-*.dcm"))]
    spaces = set()
    for frame, dataset in zip(frames_of(thick), given, strict=True):
        facts, stored = values(client, case_id, frame)
        assert np.array_equal(stored, dataset.pixel_array)
        assert (facts["slope"], facts["intercept"], facts["unit"]) == (1, 0, "HU")
        assert facts["window"] == [40, 400]
        assert facts["position"] == list(dataset.ImagePositionPatient)
        assert facts["orientation"] == list(dataset.ImageOrientationPatient)
        spaces.add(facts["space"])
    assert len(frames_of(thin)) == 8
    assert len(spaces) == 1


def test_a_stored_value_and_its_rescale_give_hounsfield_units(
    client: TestClient, sqlite_store: Store, tmp_path: Path
) -> None:
    builders.series(
        tmp_path / "ct",
        1,
        2,
        RescaleSlope="2",
        RescaleIntercept="-1024",
        PixelSpacing=["0.5", "0.7"],
    )
    case_id = take_in(sqlite_store, tmp_path / "ct")
    (only,) = series(client, case_id)
    facts, stored = values(client, case_id, frames_of(only)[0])
    dataset = pydicom.dcmread(tmp_path / "ct" / "01-0000.dcm")
    hu = pydicom.pixels.apply_rescale(dataset.pixel_array, dataset)
    assert np.array_equal(stored * facts["slope"] + facts["intercept"], hu)
    assert (facts["spacing"], facts["at_detector"]) == ([0.5, 0.7], False)


def test_a_preview_is_small_and_says_how_large_the_whole_is(
    client: TestClient, sqlite_store: Store, tmp_path: Path
) -> None:
    pixels = builders.gradient()
    large = np.tile(pixels, (-(-1200 // pixels.shape[0]), -(-1000 // pixels.shape[1])))[
        :1200, :1000
    ]
    builders.write(builders.radiograph(large, number=5), tmp_path / "f" / "1.dcm")
    case_id = take_in(sqlite_store, tmp_path / "f")
    (frame,) = frames_of(series(client, case_id)[0])
    facts, small = values(client, case_id, frame, "?preview=true")
    assert max(small.shape) == 160
    assert (facts["whole_rows"], facts["whole_columns"]) == (1200, 1000)
    whole_facts, whole = values(client, case_id, frame)
    assert whole.shape == (1200, 1000)
    assert abs(float(small.mean()) - float(whole.mean())) < 0.01 * float(whole.mean())
    assert whole_facts["unit"] == ""


def test_no_answer_holds_identity(client: TestClient, sqlite_store: Store, tmp_path: Path) -> None:
    case_id = take_in(sqlite_store, chest_ct(tmp_path / "ct", 3))
    answers = [client.get(f"/api/cases/{case_id}/series")]
    for one in series(client, case_id):
        for frame in frames_of(one):
            for query in ("", "?preview=true"):
                answers.append(client.get(path_of(case_id, frame) + query))
    assert len(answers) > 10
    for answer in answers:
        said = answer.content.decode("latin-1") + str(dict(answer.headers))
        for planted in IDENTITY:
            assert planted not in said


@pytest.mark.skipif(not burned.has_fonts(), reason="needs Debian's fonts-noto-cjk")
@pytest.mark.parametrize("modality", ["CR", "CT"])
def test_text_that_is_burned_in_is_not_in_what_is_sent(
    modality: str, client: TestClient, sqlite_store: Store, tmp_path: Path
) -> None:
    """Also into a slice that a scanner reconstructed, where it is bright and flat."""
    film = min((film for film in burned.demo_films() if min(film.shape) > 512), key=np.size)
    written = Image.new("L", film.shape[::-1])
    font = ImageFont.truetype(str(burned.NOTO / "NotoSansCJK-Regular.ttc"), 36)
    ImageDraw.Draw(written).text((40, 30), "ZHANG WEI P0042", font=font, fill=255)
    strokes = np.asarray(written) > 200
    stored = np.minimum(film, 120).astype(np.int16) * 8
    stored[strokes] = 2040
    said = {"SOPClassUID": builders.CT, "Modality": "CT", "ViewPosition": None}
    file = builders.radiograph(stored, number=9, **(said if modality == "CT" else {}))
    builders.write(file, tmp_path / "f" / "1.dcm")
    case_id = take_in(sqlite_store, tmp_path / "f")
    (frame,) = frames_of(series(client, case_id)[0])
    _, sent = values(client, case_id, frame)
    assert strokes.any()
    assert not (sent[strokes] == 2040).any()


def test_what_was_kept_is_answered_without_the_file_and_by_another_process(
    client: TestClient, service: Service, sqlite_store: Store, tmp_path: Path
) -> None:
    case_id = take_in(sqlite_store, chest_ct(tmp_path / "ct", 3))
    frame = frames_of(series(client, case_id)[1])[1]
    first = client.get(path_of(case_id, frame))
    with closing(open_store(Settings(data_dir=tmp_path / "data"))) as other:
        beside = make_service(other, tmp_path / "data")
        ref, _, number = frame.partition("/")
        kept = beside.full_frames.values(case_id, ref, int(number), preview=False)
        assert zlib.decompress(kept) == first.content
        assert beside.full_frames._originals[0]._decoder is None
        assert beside.full_frames._originals[1]._decoder is None
    again = client.get(path_of(case_id, frame), headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == "no-store"


def test_what_is_not_there_has_a_code(
    client: TestClient, sqlite_store: Store, tmp_path: Path
) -> None:
    case_id = take_in(sqlite_store, films(tmp_path / "f", 2001))
    (one,) = series(client, case_id)
    ref = one["instances"][0]["instance_ref"]
    for frame, status in ((f"{ref}/1", 404), ("i-0000000000000000/0", 404), (f"{ref}/x", 422)):
        assert client.get(path_of(case_id, frame)).status_code == status
    gone = "c-0000000000000000"
    for path in (f"/api/cases/{gone}/series", path_of(gone, f"{ref}/0")):
        assert client.get(path).json()["error"]["code"] == "case_not_found", path


def test_a_broken_frame_has_a_code_and_the_others_are_answered(
    client: TestClient, sqlite_store: Store, tmp_path: Path
) -> None:
    case_id = take_in(sqlite_store, chest_ct(tmp_path / "ct", 6))
    frames = frames_of(series(client, case_id)[1])
    key = f"originals/{case_id}/0003.dcm"
    whole = sqlite_store.objects.get(key)
    sqlite_store.objects.put(key, whole[: len(whole) // 2])
    found = [client.get(path_of(case_id, frame)) for frame in frames]
    codes = [one.json()["error"]["code"] if one.status_code != 200 else "" for one in found]
    assert sorted(codes) == ["", "", "", "", "", "pixels_damaged"]
    # What is mended is read again: no failure is kept.
    sqlite_store.objects.put(key, whole)
    broken = frames[codes.index("pixels_damaged")]
    # The decoder's own copy of the file goes when it is asked for another.
    client.get(path_of(case_id, frames[0]) + "?preview=true")
    assert client.get(path_of(case_id, broken)).status_code in (200, 422)


def test_a_decoder_that_is_killed_costs_no_answer_after_it(
    client: TestClient, service: Service, sqlite_store: Store, tmp_path: Path
) -> None:
    case_id = take_in(sqlite_store, chest_ct(tmp_path / "ct", 6))
    frames = frames_of(series(client, case_id)[1])
    assert client.get(path_of(case_id, frames[0])).status_code == 200
    for originals in service.full_frames._originals:
        originals.warm()
        decoder = originals._decoder
        assert decoder is not None and decoder._worker.pid is not None
        os.kill(decoder._worker.pid, signal.SIGKILL)
    for frame in frames[1:]:
        answer = client.get(path_of(case_id, frame))
        assert answer.status_code == 200 or answer.json()["error"]["code"] == "decode_crashed"
    assert [client.get(path_of(case_id, frame)).status_code for frame in frames] == [200] * 6


def test_two_readers_get_the_same_and_each_frame_is_decoded_once(
    client: TestClient, service: Service, sqlite_store: Store, tmp_path: Path
) -> None:
    case_id = take_in(sqlite_store, chest_ct(tmp_path / "ct", 6))
    frames = [tuple(frame.split("/")) for frame in frames_of(series(client, case_id)[1])]

    def read(frame: tuple[str, ...]) -> bytes:
        return service.full_frames.values(case_id, frame[0], int(frame[1]), preview=False)

    with ThreadPoolExecutor(8) as pool:
        first, second = (list(pool.map(read, frames)) for _ in range(2))
    assert first == second
    kept = [path for path in (tmp_path / "data" / "frames").rglob("*") if path.is_file()]
    assert len([path for path in kept if path.name != "room.lock"]) == 2 * 6


def test_dropped_images_are_told_and_what_was_kept_of_them_goes(
    client: TestClient, service: Service, tmp_path: Path
) -> None:
    case_id = take_in(service.store, films(tmp_path / "f", 2002))
    sign_case(service.store, case_id)
    frame = frames_of(series(client, case_id)[0])[0]
    assert client.get(path_of(case_id, frame)).status_code == 200
    at = drop(service.store, Settings(data_dir=tmp_path / "data"), case_id)
    for path in (f"/api/cases/{case_id}/series", path_of(case_id, frame)):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "images_dropped")
        assert f"{at:%Y-%m-%d}" in answer.json()["error"]["message_en"]
    kept = [path for path in (tmp_path / "data" / "frames").rglob("*") if path.is_file()]
    assert [path for path in kept if path.name != "room.lock"] == []


def test_an_archive_that_is_away_is_told_and_what_is_kept_is_shown(
    migrated_folder: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    shutil.copytree(migrated_folder, tmp_path / "site")
    settings = Settings(data_dir=tmp_path / "site", archive_dir=archive)
    with closing(open_store(settings)) as store:
        service = make_service(store, tmp_path / "site")
        case_id = take_in(store, chest_ct(tmp_path / "ct", 3))
        assert store.objects.archive is not None
        store.objects.archive.begin()
        for number in range(7):
            store.objects.move_to_archive(f"originals/{case_id}/{number:04d}.dcm")
        app = application(service)
        add_api(app, service)
        add_full_frames(app, service)
        with closing(service.full_frames), asking(app) as client:
            first, second, _ = frames_of(series(client, case_id)[1])
            kept = client.get(path_of(case_id, first))
            assert kept.status_code == 200
            archive.rename(tmp_path / "away")
            away = client.get(path_of(case_id, second))
            assert (away.status_code, away.json()["error"]["code"]) == (503, "archive_unreachable")
            assert client.get(path_of(case_id, first)).content == kept.content
            (tmp_path / "away").rename(archive)
            assert client.get(path_of(case_id, second)).status_code == 200


@pytest.mark.parametrize(
    ("pattern", "address"),
    [
        ("https://pacs.example/v?acc={accession}", "https://pacs.example/v?acc=ACC778899"),
        (
            "https://pacs.example/{study_uid}/v",
            "https://pacs.example/1.2.826.0.1.3680043.10.2.60/v",
        ),
        ("", None),
    ],
)
def test_the_hospitals_own_viewer_is_linked_by_its_address(
    pattern: str, address: str | None, sqlite_store: Store, tmp_path: Path
) -> None:
    case_id = take_in(sqlite_store, chest_ct(tmp_path / "ct", 2))
    settings = Settings(data_dir=tmp_path / "data", viewer_url=pattern)
    with closing(FullFrames(sqlite_store, settings)) as frames:
        assert frames.link(case_id) == address


@pytest.mark.filterwarnings("ignore:Invalid value for VR:UserWarning")
def test_facts_are_numbers_and_codes(
    client: TestClient, sqlite_store: Store, tmp_path: Path
) -> None:
    """Whatever the file says: no text of its own comes through."""
    builders.write(
        builders.radiograph(
            number=7,
            PatientOrientation=["Wei", "ZHANG"],
            ImageLaterality="ZHANG",
            FrameOfReferenceUID="1.2.826.99.ZHANG",
            PixelSpacing=["-1", "0"],
        ),
        tmp_path / "f" / "1.dcm",
    )
    case_id = take_in(sqlite_store, tmp_path / "f")
    facts, _ = values(client, case_id, frames_of(series(client, case_id)[0])[0])
    assert (facts["sides"], facts["laterality"], facts["spacing"]) == (None, "", None)
    texts = [value for value in facts.values() if isinstance(value, str) and value]
    assert all(re.fullmatch(r"[0-9a-f]{16}|HU", text) for text in texts)
