"""`make bench-intake`: storescu into our listener and into Orthanc, on this machine, in turns.

    python bench/intake.py [--images 1000] [--rounds 3] [--senders 1]

Both get the same files from the same dcmtk storescu over the same loopback, in a network namespace
of their own (needs root, or `unshare -rn` in front). Both acknowledge an image only once it is on
disk: Orthanc syncs its files by default, we sync file, folder and database. What is printed is
images a second from the first byte to the last answer, per round, and the ratio of the medians.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

# Only tests know how to run a PACS.
from tests import orthanc

ROOT = Path(__file__).resolve().parents[1]


SHARED = ROOT.parent / "shared" / "data" / "dicom"
DEMO = ROOT / "demo" / "studies"
PORT = 11112
LEAST, MOST = 100_000, 20_000_000
"""Bytes of a file worth sending: smaller ones are no images of patients."""
CLASSES = {f"1.2.840.10008.5.1.4.1.1.{tail}" for tail in ("1", "1.1", "2", "4", "6.1", "7")}
"""CR, DX, CT, MR, ultrasound, secondary capture: what storescu proposes by itself."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--senders", type=int, default=1, help="storescu processes at a time")
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to measure")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder, orthanc.private_network():
        measure(Path(folder), asked.images, asked.rounds, asked.senders)


def measure(folder: Path, images: int, rounds: int, senders: int) -> None:
    """All rounds; every round has new UIDs, so that nothing is a duplicate."""
    ours: list[float] = []
    theirs: list[float] = []
    with ExitStack() as stack:
        pacs = stack.enter_context(orthanc.running(folder / "orthanc"))
        listener = stack.enter_context(_listening(folder / "data"))
        for number in range(rounds):
            parts, size = make(folder / "films", images, senders, pacs)
            pairs = [("RADRAFT", PORT, ours), ("ORTHANC", pacs.dicom_port, theirs)]
            # The one that goes second finds the files in the page cache.
            for title, port, rates in pairs if number % 2 == 0 else reversed(pairs):
                rates.append(images / send(title, port, parts))
            check(folder / "data", pacs, images)
            print(
                f"round {number + 1}: {images} images, {size / 1e6:.0f} MB: "
                f"ours {ours[-1]:.1f}/s, Orthanc {theirs[-1]:.1f}/s",
                flush=True,
            )
            shutil.rmtree(folder / "films")
        assert listener.poll() is None
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(
        f"median of {rounds}: ours {statistics.median(ours):.1f} images/s, "
        f"Orthanc {statistics.median(theirs):.1f} images/s, ratio {ratio:.2f}"
    )


class _listening:
    """Our listener in a process of its own, as `radraft listen` has it."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def __enter__(self) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "RADRAFT_DATA_DIR": str(self._data),
            "RADRAFT_DICOM_PORT": str(PORT),
            # Reading studies is another matter than receiving them, and Orthanc does not do it.
            "RADRAFT_QUIET_S": "86400",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "radraft.cli", "listen", "--json"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise SystemExit("radraft listen did not start")
        return self._process

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)


def make(folder: Path, images: int, senders: int, pacs: orthanc.Orthanc) -> tuple[list[Path], int]:
    """`images` files with UIDs of their own in `senders` folders, and their bytes in all."""
    from pydicom.uid import generate_uid

    folder.mkdir()
    sources = real_images(folder / "trial.dcm", pacs)
    empty(pacs)
    (folder / "trial.dcm").unlink()
    parts = [folder / f"sender-{number}" for number in range(senders)]
    size = 0
    studies = [generate_uid() for _ in sources]
    for number in range(images):
        which = number % len(sources)
        film = sources[which]
        film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        # A study for each source: Orthanc refuses a study of two patients.
        film.StudyInstanceUID = film.SeriesInstanceUID = studies[which]
        path = parts[number % senders] / f"{number:05d}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        film.save_as(path, enforce_file_format=True)
        size += path.stat().st_size
    return parts, size


def real_images(trial: Path, pacs: orthanc.Orthanc) -> list[Any]:
    """Uncompressed images of real scanners as pydicom has them, else the demo's films."""
    import pydicom
    from pydicom.errors import InvalidDicomError
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

    plain = {ExplicitVRLittleEndian, ImplicitVRLittleEndian}
    found = []
    for path in sorted(SHARED.rglob("*") if SHARED.is_dir() else DEMO.rglob("*")):
        if not path.is_file() or not LEAST < path.stat().st_size < MOST:
            continue
        try:
            film = pydicom.dcmread(path)
            if film.file_meta.TransferSyntaxUID in plain and film.SOPClassUID in CLASSES:
                film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = generate_uid()
                film.StudyInstanceUID = film.SeriesInstanceUID = generate_uid()
                film.save_as(trial, enforce_file_format=True)
                if taken_by_all(trial, pacs):
                    found.append(film)
        except (InvalidDicomError, AttributeError, ValueError, TypeError, OSError, KeyError):
            # Some of the folder are broken on purpose.
            continue
    if not found:
        raise SystemExit(f"no uncompressed images below {SHARED} or {DEMO}")
    return found


def taken_by_all(path: Path, pacs: orthanc.Orthanc) -> bool:
    """Whether dcmtk finds nothing wrong and Orthanc takes it: it refuses some real files."""
    told = subprocess.run(["dcmdump", "-M", str(path)], capture_output=True)
    if told.returncode or told.stderr:
        return False
    content = path.read_bytes()
    answer = httpx.post(f"{pacs.http}/instances", content=content, trust_env=False, timeout=60)
    return answer.is_success


def send(title: str, port: int, parts: Sequence[Path]) -> float:
    """Seconds until every storescu has had its last answer."""
    began = time.perf_counter()
    running = [
        subprocess.Popen(
            ["storescu", "-aet", "BENCH", "-aec", title, "+sd", "127.0.0.1", str(port), str(part)]
        )
        for part in parts
    ]
    codes = [process.wait() for process in running]
    seconds = time.perf_counter() - began
    if any(codes):
        raise SystemExit(f"storescu failed towards {title}: {codes}")
    return seconds


def check(data: Path, pacs: orthanc.Orthanc, images: int) -> None:
    """Both have them all; Orthanc's are removed, for its speed must not sink with its size."""
    waiting = len(list((data / "inbox").iterdir()))
    if waiting % images or pacs.instances() != images:
        raise SystemExit(f"{waiting} images here, {pacs.instances()} there, {images} sent")
    empty(pacs)


def empty(pacs: orthanc.Orthanc) -> None:
    """Remove all that Orthanc has."""
    for study in pacs.get("/studies"):
        httpx.delete(f"{pacs.http}/studies/{study}", trust_env=False, timeout=120)


if __name__ == "__main__":
    main()
