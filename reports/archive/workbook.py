"""A table in an Excel workbook (.xlsx), row by row."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from radraft.core.errors import ArchiveError
from radraft.reports.archive.csv_table import TableRow
from radraft.reports.archive.mapping import ArchiveMapping
from radraft.reports.archive.table import table_reports
from radraft.reports.archive.values import PastReport, RefusedRecord

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

MOST_TEXTS = 256 << 20
"""Bytes of a workbook's texts: they are held all at once, whatever is read of it."""
MOST_SHEET = 4 << 30
"""Bytes of a sheet, which is read a row at a time."""
_TEXTS = "xl/sharedStrings.xml"
_DAMAGED = (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError, ParseError, OSError)
"""What openpyxl was seen to raise on files that are no workbooks."""
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
"""ECMA-376 part 1, 22.9.2.19: characters that XML does not have as they are."""


def workbook_reports(
    path: Path, mapping: ArchiveMapping, name: str
) -> Iterator[PastReport | RefusedRecord]:
    """Yield the reports of a workbook's sheet, the mapping's or else its first.

    ArchiveError as `table_reports`, and `archive_workbook_damaged`, `archive_workbook_large`,
    `archive_sheet_missing`.
    """
    try:
        _check(path)
        with closing(_opened(path)) as book:
            yield from table_reports(_rows(book, mapping.sheet, name), mapping, name)
    except ArchiveError:
        raise
    except _DAMAGED:
        raise ArchiveError("archive_workbook_damaged", file=str(path)) from None


def _opened(path: Path) -> Workbook:
    from openpyxl import load_workbook

    # No formula is computed: what its maker's program saw there last is read.
    return load_workbook(path, read_only=True, data_only=True)


def _check(path: Path) -> None:
    with zipfile.ZipFile(path) as packed:
        for part in packed.infolist():
            most = MOST_TEXTS if part.filename == _TEXTS else MOST_SHEET
            if part.file_size > most:
                raise ArchiveError("archive_workbook_large", file=str(path))


def _rows(book: Workbook, sheet: str, name: str) -> Iterator[TableRow]:
    if sheet and sheet not in book.sheetnames:
        known = ", ".join(book.sheetnames)
        raise ArchiveError("archive_sheet_missing", file=name, sheet=sheet, known=known)
    width = 0
    for number, cells in enumerate(
        book[sheet or book.sheetnames[0]].iter_rows(values_only=True), start=1
    ):
        values = tuple(map(_text, cells))
        if not any(values):
            continue
        width = width or len(values)
        # A row ends with its last value.
        yield TableRow(number, (*values, *[""] * (width - len(values)))[:width])


def _text(value: Any) -> str:
    """Return a cell's value as a text table would have it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        # A number of a patient or a study that the workbook took for one.
        return str(int(value))
    return _ESCAPED.sub(lambda code: chr(int(code[1], 16)), str(value))
