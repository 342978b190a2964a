"""What an import of past reports costs, and what of it is counted, over real films.

Wraps films of a folder as past studies, takes them in as the archive's, and imports reports of them
from a table, from HL7 results and from structured reports, a tenth of the records broken in ten
ways. The texts do not belong to the films. `radraft archive import` is killed (-9) again and again
before it may end, and is run once more. Prints counts beside what was broken, times, and the memory
of the importing process. `--data` keeps what was made in a folder, with which a later run goes on.

    .venv/bin/python -m radraft.bench.archive_import --films ../shared/data/cxr_kermany --count 5000
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from radraft.bench.archive_command import ImportRun, import_archive
from radraft.core.settings import Settings
from radraft.eval.looks.calibration import wilson
from radraft.llm.profiles import load_profile
from radraft.pipeline.ingest import ingest
from radraft.store import archive
from radraft.store.database import Store, open_store
from radraft.studies.wrap import Picture, wrap
from tests import archive_corpus as corpus
from tests.archive_corpus import PastStudy, csv_bytes, past_studies, records, truth

SITE = "site-a"
SAID_EVERY = 100
"""Films from one line of progress to the next."""


def main() -> None:
    """Prints the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--films", type=Path, default=Path("../shared/data/cxr_kermany"))
    options.add_argument("--count", type=int, default=5000)
    options.add_argument("--kills", type=int, default=2, help="of each source")
    options.add_argument("--data", type=Path, help="a folder to keep what was made in")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kept = chosen.data or Path(folder)
        studies = past_studies(chosen.count)
        _take_in(kept, studies, chosen.films)
        _import(kept, Path(folder), studies, chosen.kills)


def _take_in(folder: Path, studies: list[PastStudy], films: Path) -> None:
    """Make the studies of films and take them in, those that were not before."""
    pictures = sorted(path for path in films.rglob("*") if path.suffix in {".jpg", ".jpeg", ".png"})
    store = open_store(Settings(data_dir=folder / "data"))
    there = set(_studies(store, studies))
    new = [study for study in studies if study.study_uid not in there]
    if there:
        print(f"studies that are there: {len(there)}")
    if not new:
        store.close()
        return
    incoming = folder / "dicom"
    began = time.monotonic()
    for study in new:
        if not (incoming / _film(study)).exists():
            _wrap(study, pictures[study.number % len(pictures)], incoming)
    _said("films wrapped", len(new), began)
    began = time.monotonic()
    taken = ingest(
        incoming,
        store=store,
        profile=load_profile("starter"),
        site=SITE,
        scratch=folder / "scratch",
        archived=True,
        on_study=lambda done, total: _progress(done, total, began),
    )
    _said("studies taken in", len(taken.cases), began)
    print(f"most memory while taking in: {_peak()} MiB")
    store.close()


def _import(folder: Path, written: Path, studies: list[PastStudy], kills: int) -> None:
    """Import the reports, killed on the way, then to the end, then once more."""
    store = open_store(Settings(data_dir=folder / "data"))
    there = _studies(store, studies)
    parts = [
        [study for study in studies if study.study_uid in there and study.number // 10 % 3 == form]
        for form in range(3)
    ]
    sources, expected = _written(written, parts)
    dice = random.Random(7)
    runs: list[ImportRun] = []
    for source, mapping in sources:
        for kill_at in (*sorted(dice.sample(range(5, 95), kills)), None):
            runs.append(
                import_archive(
                    source,
                    data_dir=folder / "data",
                    site=SITE,
                    mapping=mapping,
                    kill_at=kill_at,
                )
            )
    killed = sum(run.status == -9 for run in runs)
    seconds, processor = (sum(times) for times in zip(*map(_times, runs), strict=True))
    print(f"records imported: {sum(expected.values())} in {seconds:.1f} s "
          f"({processor:.1f} s of the processor), killed {killed} times")  # fmt: skip
    print(f"most memory of an import: {max(run.peak for run in runs)} MiB")
    with store.read() as session:
        kept = archive.counts(session, SITE)
    for name in sorted(expected | Counter(kept)):
        print(f"  {name:28}{expected[name]:6} in the sources{kept.get(name, 0):6} counted")
    print(f"counted as broken: {kept == dict(expected)}")
    again: Counter[str] = Counter()
    for source, mapping in sources:
        run = import_archive(source, data_dir=folder / "data", site=SITE, mapping=mapping)
        again.update(run.counted)
    added = sum(again[name] for name in ("report", "correction", "addendum"))
    print(f"a second import of {again.total()} records adds {added}; known: {again['known']}")
    _identity(store, studies)
    store.close()


def _times(run: ImportRun) -> tuple[float, float]:
    return run.seconds, run.processor


def _studies(store: Store, studies: list[PastStudy]) -> dict[str, str]:
    """Return the case ids of those that were taken in, by Study Instance UID."""
    with store.read() as session:
        found = archive.studies_of(session, SITE, (), [study.study_uid for study in studies])
    return {study.study_uid: study.case_id for study in found}


def _film(study: PastStudy) -> str:
    return f"{study.number:06d}.dcm"


def _wrap(study: PastStudy, picture: Path, folder: Path) -> None:
    """Write a film as the DICOM file of a past study."""
    from pydicom import dcmread

    target = folder / _film(study)
    wrap(picture, target, Picture(key=study.study_uid, patient=study.patient_number, view="PA"))
    dataset = dcmread(target)
    dataset.SpecificCharacterSet = "GB18030"
    dataset.StudyInstanceUID = study.study_uid
    dataset.AccessionNumber = study.accession
    dataset.PatientID, dataset.PatientName = study.patient_number, study.name
    dataset.PatientBirthDate = f"{study.born:%Y%m%d}"
    dataset.PatientSex = "M" if study.sex == "男" else "F"
    dataset.StudyDate, dataset.StudyTime = f"{study.taken:%Y%m%d}", f"{study.taken:%H%M%S}"
    dataset.save_as(target)


def _written(
    folder: Path, parts: list[list[PastStudy]]
) -> tuple[tuple[tuple[Path, Path | None], ...], Counter[str]]:
    """Write the reports, a third in each form; return the sources, each with its mapping, and what
    must come of them."""
    tables, results, documents = map(records, parts)
    documents = [
        record
        for record in documents
        if record.study.status != "补充" and record.broken not in corpus.SR_WHOLE
    ]
    (folder / "past.csv").write_bytes(csv_bytes(tables))
    for name, suffix, made, write in (
        ("results", "hl7", results, corpus.oru_message),
        ("documents", "dcm", documents, corpus.sr_document),
    ):
        (folder / name).mkdir()
        for number, record in enumerate(made):
            (folder / name / f"{number:06d}.{suffix}").write_bytes(write(record))
    expected: Counter[str] = Counter()
    for made in (tables, results):
        known = truth(made)
        expected.update({"report": known.reports, "addendum": known.addenda})
        expected.update(known.reasons)
    for record in documents:
        broken = record.broken
        named = broken and corpus.SR_BROKEN.get(broken, corpus.REASONS[broken])
        expected[named or "report"] += 1
    mapping = folder / "mapping.yaml"
    mapping.write_text(corpus.MAPPING, encoding="utf-8")
    folders = ((folder / "results", None), (folder / "documents", None))
    return ((folder / "past.csv", mapping), *folders), expected


def _identity(store: Store, studies: list[PastStudy]) -> None:
    """Print what of the planted identity is left to learn from, and how many clinical sentences
    are."""
    by_case = _studies(store, studies)
    with store.read() as session:
        taught = {
            text.case_id: f"{text.findings} {text.impression}" for text in archive.taught(session)
        }
    planted = left = words = kept = 0
    for study in studies:
        whole = taught.get(by_case.get(study.study_uid, ""))
        if whole is not None:
            planted += len(study.planted)
            left += sum(value in whole for value in study.planted)
            words += len(study.words)
            kept += sum(word in whole for word in study.words)
    print(f"{len(taught)} texts to learn from; of {planted} planted names, numbers and dates left:",
          left)  # fmt: skip
    low, high = wilson(kept, words)
    print(f"clinical sentences kept: {kept} of {words}, {kept / words:.2%} "
          f"(95%: {low:.2%} to {high:.2%})")  # fmt: skip


def _progress(done: int, total: int, began: float) -> None:
    if done % SAID_EVERY == 0:
        spent = time.monotonic() - began
        sys.stderr.write(f"{done} of {total} studies, {spent:.0f} s\n")


def _peak() -> int:
    """Return the most memory that this process had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _said(what: str, count: int, began: float) -> None:
    seconds = time.monotonic() - began
    print(f"{what}: {count} in {seconds:.1f} s ({count / max(seconds, 1e-9):.1f}/s)", flush=True)


if __name__ == "__main__":
    main()
