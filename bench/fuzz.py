"""Mutated DICOM files through `radraft study check`'s own code: nothing may die, hang or swell.

    python -m radraft.bench.fuzz --files 10000 [--seed 1] [--jobs 2] [--bundled]

Seeds `seed` to `seed + files - 1` each give one mutant of the real files at hand: pydicom's, the
demo studies, and ../shared/data/dicom where it is there. Printed: how many files of each code, the
slowest, the memory taken over rest. Exit 1 with the seeds of all offenders: a process that died, a
file over its time, a code without a sentence, an exception, memory over the limit.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing as mp
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from radraft.core.errors import catalogue
from radraft.studies._limits import CHECK_SECONDS
from tests.studies.mutate import mutate, sources

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from radraft.pipeline.file_check import Checker

ROOT = Path(__file__).resolve().parents[1]
GRACE = 0.5
"""Seconds that killing a worker and telling of it may take beyond the limit."""
STUCK = 60.0
"""Seconds without a word after which a process counts as hung."""
MEMORY_MIB = 1024
CRASHES = frozenset({"header_crashed", "decode_crashed"})
SHOWN = 10


@dataclass(frozen=True)
class Outcome:
    """What became of one mutant."""

    seed: int
    codes: tuple[str, ...]
    """One for each file that was found in it: `ok` or the code of the refusal."""
    seconds: float
    """Of the slowest of them."""
    peaks: tuple[int, int]
    """Highest resident memory so far over rest, of the checking process and of its workers, MiB."""
    changes: tuple[str, ...]
    fault: str = ""


def main() -> None:
    """Parse the arguments, run, print, and exit 1 where there are offenders."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--bundled", action="store_true", help="leave ../shared/data out")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    files = _files(bundled=given.bundled)
    seeds = list(range(given.seed, given.seed + given.files))
    begun = time.monotonic()
    outcomes = list(_progress(_run(seeds, files, given.jobs), len(seeds)))
    _report(outcomes, len(set(files)), time.monotonic() - begun, as_json=given.json)
    if any(outcome.fault for outcome in outcomes):
        raise SystemExit(1)


def _files(*, bundled: bool) -> list[Path]:
    folders = [Path(pydicom.__file__).parent / "data/test_files", ROOT / "demo/studies"]
    shared = ROOT.parent / "shared/data/dicom"
    if not bundled and shared.is_dir():
        folders.append(shared)
    return sources(*folders)


def _progress(outcomes: Iterator[Outcome], total: int) -> Iterator[Outcome]:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("left:"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("Mutated files", total=total)
        for outcome in outcomes:
            yield outcome
            progress.advance(task)


def _run(seeds: list[int], files: list[Path], jobs: int) -> Iterator[Outcome]:
    """Outcomes as they come, from `jobs` processes; one that dies is replaced."""
    waiting = [seeds[number::jobs] for number in range(jobs)]
    running = [_start(part, files) for part in waiting if part]
    while running:
        ready = wait([talk for _, talk, _ in running], timeout=STUCK)
        for job in [*running]:
            process, talk, left = job
            if ready and talk not in ready:
                continue
            try:
                outcome: Outcome = talk.recv() if talk.poll() else _lost(process, left[0])
            except EOFError:
                outcome = _lost(process, left[0])
            yield outcome
            left.remove(outcome.seed)
            if outcome.fault.startswith("process") or not left:
                talk.close()
                process.join()
                running.remove(job)
                if left:
                    running.append(_start(left, files))


def _lost(process: SpawnProcess, seed: int) -> Outcome:
    hung = process.is_alive()
    process.kill()
    process.join()
    fault = "process hung" if hung else f"process died with {process.exitcode}"
    return Outcome(seed, (), 0.0, (0, 0), (), fault)


def _start(seeds: list[int], files: list[Path]) -> tuple[SpawnProcess, Connection, list[int]]:
    context = mp.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_check_all, args=(seeds, files, theirs))
    process.start()
    theirs.close()
    return process, ours, list(seeds)


def _check_all(seeds: list[int], files: list[Path], talk: Connection) -> None:
    """Check the mutants of `seeds`, each as `radraft study check --fast FILE` does."""
    from radraft.pipeline.file_check import Checker, file_judge

    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, Checker(file_judge()) as checker:
        rest = _at_rest(checker, files[0], Path(folder))
        highest = (0, 0)
        for seed in seeds:
            outcome = _check(checker, seed, files, Path(folder), rest)
            if sum(outcome.peaks) > MEMORY_MIB >= sum(highest) and not outcome.fault:
                # Peaks stay: only the file that made this one is to blame.
                outcome = replace(outcome, fault=f"too much memory: {outcome.peaks} MiB")
            highest = outcome.peaks
            talk.send(outcome)


def _at_rest(checker: Checker, file: Path, folder: Path) -> tuple[int, int]:
    """Resident memory of this process and of its worker after one good file, in MiB."""
    list(checker.files(file, folder / "work"))
    return _peak("self"), _peak(str(checker.worker_pid))


def _check(
    checker: Checker, seed: int, files: list[Path], folder: Path, rest: tuple[int, int]
) -> Outcome:
    mutant = mutate(seed, files)
    path = folder / "mutant.dcm"
    path.write_bytes(mutant.data)
    checker.start()
    begun = time.monotonic()
    fault = ""
    try:
        with tempfile.TemporaryDirectory(dir=folder) as work_dir:
            found = list(checker.files(path, Path(work_dir)))
    except Exception as error:  # noqa: BLE001 - an offender of any kind is told, not raised
        return Outcome(seed, (), 0.0, (0, 0), mutant.changes, f"raised {type(error).__name__}")
    took = time.monotonic() - begun
    codes = tuple(checked.code or "ok" for checked in found)
    slowest = max((outcome.seconds for outcome in found), default=took)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    worker = max(ended, _peak(str(checker.worker_pid)))
    peaks = (_peak("self") - rest[0], worker - rest[1])
    if not codes or not set(codes) <= {"ok", *catalogue()}:
        fault = "no stable code"
    elif CRASHES.intersection(codes):
        fault = "worker died"
    elif slowest > CHECK_SECONDS + GRACE or (len(found) == 1 and took > CHECK_SECONDS + GRACE):
        fault = "too slow"
    return Outcome(seed, codes, max(slowest, took / len(found)), peaks, mutant.changes, fault)


def _peak(process: str) -> int:
    """Highest resident memory of a process so far in MiB; 0 where it has ended or is a zombie."""
    try:
        status = Path("/proc", process, "status").read_text(encoding="ascii")
    except FileNotFoundError:
        return 0
    return next(
        (int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM:")),
        0,
    )


def _report(outcomes: list[Outcome], sources: int, seconds: float, *, as_json: bool) -> None:
    codes = Counter(code for outcome in outcomes for code in outcome.codes)
    slowest = sorted(outcomes, key=lambda one: one.seconds, reverse=True)[:SHOWN]
    offenders = [outcome for outcome in outcomes if outcome.fault]
    peak = [max((outcome.peaks[n] for outcome in outcomes), default=0) for n in range(2)]
    if as_json:
        sys.stdout.write(json.dumps({
            "files": len(outcomes), "sources": sources, "seconds": round(seconds, 1),
            "codes": dict(codes.most_common()), "peak_mib_over_rest": peak,
            "slowest": [asdict(outcome) for outcome in slowest],
            "offenders": [asdict(offender) for offender in offenders],
        }) + "\n")  # fmt: skip
        return
    print(f"{len(outcomes)} mutants of {sources} files in {seconds:.0f} s")
    print("\n".join(f"{number:7d}  {code}" for code, number in codes.most_common()))
    print("slowest (s):")
    for slow in slowest:
        told = f"{' '.join(slow.codes)}  {', '.join(slow.changes)}"
        print(f"{slow.seconds:7.2f}  seed {slow.seed}  {told}")
    print(f"peak over rest: {peak[0]} MiB in a checking process, {peak[1]} MiB in its workers")
    for at in offenders:
        told = f"{' '.join(at.codes)}  {at.changes}"
        print(f"OFFENDER seed {at.seed}: {at.fault}  {told}")
    print(f"{len(offenders)} offenders")


if __name__ == "__main__":
    main()
