"""What an import of past reports costs, and what of it is counted, over real films.

Wraps films of a folder as past studies, takes them in as the archive's, and imports reports of them
from a table, from HL7 results and from structured reports, a tenth of the records broken in ten
ways. The texts do not belong to the films. Prints counts beside what was broken, times and the
memory of the process.

    .venv/bin/python bench/archive_import.py --films ../shared/data/cxr_kermany --count 5000
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path

from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.archive_import import ImportCount, import_archive
from radraft.pipeline.archive_sources import CsvSource, FolderSource, ReportSource
from radraft.pipeline.ingest import ingest
from radraft.reports.archive.mapping import ArchiveMapping
from radraft.store import archive
from radraft.store.database import Store, open_store
from radraft.studies.wrap import Picture, wrap
from tests import archive_corpus as corpus
from tests.archive_corpus import PastStudy, csv_bytes, past_studies, records, truth

SITE = "site-a"


def main() -> None:
    """Prints the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--films", type=Path, default=Path("../shared/data/cxr_kermany"))
    options.add_argument("--count", type=int, default=5000)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _run(Path(folder), chosen.films, chosen.count)


def _run(folder: Path, films: Path, count: int) -> None:
    store = open_store(Settings(data_dir=folder / "data"))
    studies = past_studies(count)
    pictures = sorted(path for path in films.rglob("*") if path.suffix in {".jpg", ".jpeg", ".png"})
    began = time.monotonic()
    for study in studies:
        _wrap(study, pictures[study.number % len(pictures)], folder / "dicom")
    _said("films wrapped", count, began)
    began = time.monotonic()
    taken = ingest(
        folder / "dicom",
        store=store,
        profile=load_profile("starter"),
        site=SITE,
        scratch=folder / "scratch",
        archived=True,
    )
    _said("studies taken in", len(taken.cases), began)
    parts = [[study for study in studies if study.number // 10 % 3 == form] for form in range(3)]
    sources, expected = _written(folder, parts)
    for turn in ("first", "second"):
        found: Counter[str] = Counter()
        began = time.monotonic()
        for source in sources:
            found.update(_counted(import_archive(source, store=store, site=SITE)))
        _said(f"records of the {turn} import", sum(found.values()), began)
        print(f"  {dict(sorted(found.items()))}")
    with store.read() as session:
        kept = archive.counts(session)
    print(f"kept as expected: {kept == dict(expected)}")
    _identity(store, studies)
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")
    store.close()


def _wrap(study: PastStudy, picture: Path, folder: Path) -> None:
    """Write a film as the DICOM file of a past study."""
    from pydicom import dcmread

    target = folder / f"{study.number:06d}.dcm"
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
) -> tuple[tuple[ReportSource, ...], Counter[str]]:
    """Write the reports, a third in each form, and say what must come of them."""
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
    table = CsvSource(folder / "past.csv", ArchiveMapping.from_yaml(corpus.MAPPING))
    return (table, FolderSource(folder / "results"), FolderSource(folder / "documents")), expected


def _counted(count: ImportCount) -> Counter[str]:
    found = Counter({kept.value: number for kept, number in count.kept.items()})
    found.update({reason.value: number for reason, number in count.rejected.items()})
    return found


def _identity(store: Store, studies: list[PastStudy]) -> None:
    """Print what of the planted identity is left to learn from, and how many clinical words are."""
    with store.read() as session:
        taught = {text.case_id: f"{text.findings} {text.impression}"
                  for text in archive.taught(session)}  # fmt: skip
        studies_of = {
            study.case_id: study.study_uid
            for study in archive.studies_of(
                session, SITE, (), [study.study_uid for study in studies]
            )
        }
    by_uid = {study.study_uid: study for study in studies}
    left = words = kept = 0
    for case_id, whole in taught.items():
        study = by_uid[studies_of[case_id]]
        left += sum(value in whole for value in study.planted)
        words += len(study.words)
        kept += sum(word in whole for word in study.words)
    print(f"{len(taught)} texts to learn from: {left} planted names, numbers and dates are left")
    print(f"clinical sentences kept: {kept} of {words} ({kept / words:.2%})")


def _said(what: str, count: int, began: float) -> None:
    seconds = time.monotonic() - began
    print(f"{what}: {count} in {seconds:.1f} s ({count / max(seconds, 1e-9):.0f}/s)")


if __name__ == "__main__":
    main()
