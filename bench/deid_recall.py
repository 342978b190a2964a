"""Prints how much planted identity de-identification takes out, by kind, and what it costs.

    python bench/deid_recall.py [--seeds N] [--films FOLDER]

Plants identity in DICOM files and text on the demo films (Debian's fonts-noto-cjk), counts what
survives, counts what is blackened on films where nothing was planted, and times both tests.
`--films`: a folder of film pictures (JPEG or PNG) to count on besides.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from radraft.studies.deid import structure
from radraft.studies.deid._process import deid_worker
from radraft.studies.deid.dicom import deidentify_file
from radraft.studies.deid.pixels import clean, find
from radraft.studies.deid.pseudonyms import Pseudonyms
from tests.studies.deid import burned, measure


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4, help="times that each film is used")
    parser.add_argument("--films", type=Path, help="folder of pictures without planted text")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally, count = measure.files(Path(folder))
    print(f"planted in {count} files:\n{tally.table()}\n")
    films = tuple(film for film in burned.demo_films() if min(film.shape) > 512)
    find(films[0])
    tally, seconds = measure.burned(films, range(chosen.seeds))
    print(f"burned in, {chosen.seeds} times {len(films)} films:\n{tally.table()}")
    print(f"lines gone: {_lines(tally):.2%}")
    print("\n".join(tally.wrong))
    _films("demo films", films)
    if chosen.films:
        _films(chosen.films.name, _pictures(chosen.films))
    _times(films, seconds)


def _lines(tally: measure.Tally) -> float:
    kinds = [kind for kind in tally.planted if kind.split()[0] in {"plain", "rotated", "small"}]
    return sum(tally.right[kind] for kind in kinds) / sum(tally.planted[kind] for kind in kinds)


def _pictures(folder: Path) -> tuple[measure.Gray, ...]:
    from PIL import Image

    paths = sorted(folder.rglob("*.jpg")) + sorted(folder.rglob("*.png"))
    return tuple(np.asarray(Image.open(path).convert("L")) for path in paths[::20])


def _films(name: str, films: tuple[measure.Gray, ...]) -> None:
    found = [find(film) for film in films]
    boxes = [box for image in found for box in image.boxes]
    area = [(box.bottom - box.top) * (box.right - box.left) for box in boxes]
    print(
        f"{name}, nothing planted: {len(boxes)} boxes black on {len(films)} films, "
        f"{sum(area) / sum(film.size for film in films):.4%} of their area; "
        f"{sum(len(image.markers) for image in found)} markers kept"
    )


def _times(films: tuple[measure.Gray, ...], seconds: list[float]) -> None:
    import cv2

    large = cv2.resize(films[0], (2048, 2048)).astype(np.uint8)
    blank = np.zeros((2048, 2048), np.uint8)
    looks = [_milliseconds(lambda: structure.regions(large)) for _ in range(20)]
    nothing = _milliseconds(lambda: clean(blank, blank.astype(np.int16)))
    print(
        f"is there text, 2048 x 2048: {np.median(looks):.1f} ms processor time; clean() of a frame "
        f"without any: {nothing:.1f} ms"
    )
    print(
        f"with OCR, 1024 x 1024 and five lines, processor time of all threads: "
        f"median {np.median(seconds):.2f} s, longest {max(seconds):.2f} s"
    )
    start = time.perf_counter()
    find(films[1])
    print(f"one film with OCR, by the clock: {time.perf_counter() - start:.2f} s")
    _whole_files()


def _whole_files() -> None:
    """Read, clean, decode, look at and write 20 radiographs without text, by the clock."""
    from tests.studies.builders import gradient, radiograph, write

    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for number in range(1, 21):
            dataset = radiograph(gradient(2048, 2048), number=number)
            write(dataset, work / "in" / f"{number}.dcm")
        with deid_worker() as worker:
            key = Pseudonyms(measure.SECRET)
            deidentify_file(work / "in/1.dcm", work / "out", key, worker)
            start = time.perf_counter()
            for number in range(2, 21):
                deidentify_file(work / f"in/{number}.dcm", work / "out", key, worker)
            each = (time.perf_counter() - start) / 19
    print(f"a whole file of 2048 x 2048 without text, by the clock: {1000 * each:.0f} ms")


def _milliseconds(work: object) -> float:
    def now() -> float:
        usage = resource.getrusage(resource.RUSAGE_THREAD)
        return usage.ru_utime + usage.ru_stime

    start = now()
    work()  # type: ignore[operator]
    return 1000 * (now() - start)


if __name__ == "__main__":
    start = time.perf_counter()
    main()
    print(f"took {time.perf_counter() - start:.0f} s")
