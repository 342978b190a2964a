"""Rows of a table, a text file's or a workbook's, as past reports."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from typing import IO

from radraft.core import canonical
from radraft.core.errors import ArchiveError
from radraft.reports.archive.csv_table import BrokenRow, TableRow, read_rows
from radraft.reports.archive.mapping import ArchiveMapping
from radraft.reports.archive.records import checked, refusal
from radraft.reports.archive.values import PastReport, PastStatus, RefusalReason, RefusedRecord

_TEXTS = (
    *("accession", "study_uid", "patient_number", "patient_name", "modality", "body_part"),
    *("findings", "impression", "text", "author", "reviewer"),
)
_REPLACED = "\ufffd"


def csv_reports(
    stream: IO[bytes], mapping: ArchiveMapping, name: str
) -> Generator[PastReport | RefusedRecord, None, None]:
    """Yield the reports of a text file called `name`. ArchiveError as `table_reports`."""
    with closing(read_rows(stream, mapping.encoding, mapping.delimiter)) as rows:
        yield from table_reports(rows, mapping, name)


def table_reports(
    rows: Iterable[TableRow | BrokenRow], mapping: ArchiveMapping, name: str
) -> Iterator[PastReport | RefusedRecord]:
    """Yield the report of each row, or why it has none.

    ArchiveError `archive_columns_missing` where the table lacks columns that the mapping names,
    `archive_table_empty` where it has no titles.
    """
    places: Mapping[str, int] | None = None
    for row in rows:
        place = f"{name}:{row.line}"
        if places is None:
            if isinstance(row, BrokenRow):
                raise ArchiveError("archive_table_empty", file=name)
            places = _places(row, mapping, name)
        elif isinstance(row, BrokenRow):
            yield RefusedRecord(
                place, RefusalReason.UNREADABLE, canonical.sha256(["row", row.sha256])
            )
        else:
            values = {field: row.values[at].strip() for field, at in places.items()}
            yield _report(values, mapping, place)
    if places is None:
        raise ArchiveError("archive_table_empty", file=name)


def _places(row: TableRow, mapping: ArchiveMapping, name: str) -> Mapping[str, int]:
    titles = [title.strip().strip("\ufeff") for title in row.values]
    missing = [title for title in mapping.columns.titles.values() if title not in titles]
    if missing:
        raise ArchiveError("archive_columns_missing", file=name, columns=", ".join(missing))
    return {field: titles.index(title) for field, title in mapping.columns.titles.items()}


def _report(
    values: Mapping[str, str], mapping: ArchiveMapping, place: str
) -> PastReport | RefusedRecord:
    status = mapping.status(values.get("status", ""))
    born = mapping.time(values.get("birth_date", ""))
    report = PastReport(
        place,
        **{name: values.get(name, "") for name in _TEXTS},
        sex=mapping.sex(values.get("sex", "")),
        birth_date=None if born is None else born.date(),
        study_time=mapping.time(values.get("study_time", "")),
        reported_at=mapping.time(values.get("reported_at", "")),
        status=status or PastStatus.FINAL,
    )
    if any(_REPLACED in value for value in values.values()):
        return refusal(report, RefusalReason.WRONG_CHARACTERS)
    if status is None:
        return refusal(report, RefusalReason.STATUS_UNKNOWN)
    return checked(report)
