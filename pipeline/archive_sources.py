"""Where past reports are read from: a table or a folder, as records one after another."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from radraft.core import canonical
from radraft.core.errors import ArchiveError
from radraft.reports.archive.csv_table import encoding_of
from radraft.reports.archive.fhir_bundle import fhir_reports
from radraft.reports.archive.hl7_results import hl7_reports
from radraft.reports.archive.mapping import ArchiveMapping, time_of
from radraft.reports.archive.records import checked
from radraft.reports.archive.sr import sr_report
from radraft.reports.archive.table import csv_reports
from radraft.reports.archive.values import PastReport, RefusalReason, RefusedRecord
from radraft.reports.archive.workbook import workbook_reports

TABLES = (".csv", ".tsv", ".txt")
WORKBOOK = ".xlsx"
MESSAGES = (b"MSH", b"FHS", b"BHS")
HL7_NAMES = (".hl7", ".oru")
_DATED = re.compile(r"(.+)[_ ]((?:19|20)\d{2}-\d{2}-\d{2})")
MOST_FILE = 16 << 20
"""Bytes of one message or document."""


class ReportSource(Protocol):
    """Records that can be read again and again, the same each time."""

    @property
    def size(self) -> int:
        """How much there is, in bytes or files."""
        ...

    def read(self) -> Iterator[tuple[int, PastReport | RefusedRecord]]:
        """Yield each record with how much of `size` was read by then. ArchiveError."""
        ...


def source_of(path: Path, mapping: ArchiveMapping | None) -> ReportSource:
    """Return the reports at `path`: of a table by `mapping`, of a folder by what its files are.

    ArchiveError `archive_source_missing`, `archive_mapping_needed`, `archive_source_unknown`.
    """
    if path.is_dir():
        return FolderSource(path)
    if not path.is_file():
        raise ArchiveError("archive_source_missing", file=str(path))
    kind = path.suffix.lower()
    if kind not in (*TABLES, WORKBOOK):
        raise ArchiveError("archive_source_unknown", file=str(path))
    if mapping is None:
        raise ArchiveError("archive_mapping_needed", file=str(path))
    return WorkbookSource(path, mapping) if kind == WORKBOOK else CsvSource(path, mapping)


@dataclass(frozen=True)
class CsvSource:
    """A table in a text file."""

    path: Path = field(repr=False)
    mapping: ArchiveMapping

    @property
    def size(self) -> int:
        """Return its bytes."""
        return self.path.stat().st_size

    def read(self) -> Iterator[tuple[int, PastReport | RefusedRecord]]:
        """Yield its rows' reports."""
        with (
            self.path.open("rb") as stream,
            closing(csv_reports(stream, self.mapping, self.path.name)) as reports,
        ):
            for report in reports:
                yield stream.tell(), report


@dataclass(frozen=True)
class WorkbookSource:
    """A table in an Excel workbook."""

    path: Path = field(repr=False)
    mapping: ArchiveMapping

    @property
    def size(self) -> int:
        """Return 0: how many rows a sheet has is not known before it was read."""
        return 0

    def read(self) -> Iterator[tuple[int, PastReport | RefusedRecord]]:
        """Yield its rows' reports."""
        for report in workbook_reports(self.path, self.mapping, self.path.name):
            yield 0, report


@dataclass(frozen=True)
class FolderSource:
    """A folder of messages and documents, each told by its content or its name: HL7 results, DICOM
    structured reports, FHIR, and plain text whose file is named by its accession number."""

    path: Path = field(repr=False)

    @property
    def size(self) -> int:
        """Return how many files it has."""
        return sum(1 for _ in _files(self.path))

    def read(self) -> Iterator[tuple[int, PastReport | RefusedRecord]]:
        """Yield its files' reports, by path."""
        for number, file in enumerate(_files(self.path), start=1):
            place = file.relative_to(self.path).as_posix()
            for record in _of_file(file, place):
                yield number, record


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below `folder` in order; no hidden ones, no link is followed."""
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry.path)


def _of_file(file: Path, place: str) -> Iterator[PastReport | RefusedRecord]:
    try:
        with file.open("rb") as stream:
            beginning = stream.read(512)
            dicom = beginning[128:132] == b"DICM"
            data = b"" if dicom else beginning + stream.read(MOST_FILE)
    except OSError:
        yield _refused(place, RefusalReason.UNREADABLE, file.name.encode("utf-8", "replace"))
        return
    if dicom:
        report = sr_report(file, place)
        if report is not None:
            # Images lie beside the reports of them.
            yield report
    elif len(data) > MOST_FILE:
        yield _refused(place, RefusalReason.TOO_LONG, data)
    elif data.lstrip(b"\x0b\r\n \xef\xbb\xbf")[:3] in MESSAGES or file.suffix.lower() in HL7_NAMES:
        yield from hl7_reports(data, place)
    elif file.suffix.lower() == ".json":
        yield from fhir_reports(data, place)
    elif file.suffix.lower() == ".txt":
        yield _text(data, file.stem, place)
    else:
        yield _refused(place, RefusalReason.NOT_A_REPORT, data)


def _text(data: bytes, name: str, place: str) -> PastReport | RefusedRecord:
    """Return the report of a plain text that is named by its accession number and, where a day
    stands behind it, that: `1001_2019-03-04`."""
    dated = _DATED.fullmatch(name)
    accession, taken = (dated[1], time_of(dated[2])) if dated else (name, None)
    text = data.decode(encoding_of(data), "replace").removeprefix("\ufeff")
    return checked(PastReport(place, accession=accession.strip(), study_time=taken, text=text))


def _refused(place: str, reason: RefusalReason, data: bytes) -> RefusedRecord:
    digest = hashlib.sha256(data).hexdigest()
    return RefusedRecord(place, reason, canonical.sha256(["file", digest]))
