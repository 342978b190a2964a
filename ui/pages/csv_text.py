"""Records as CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_text(columns: Sequence[str], records: Iterable[Mapping[str, object]]) -> str:
    """Return the records as CSV; a column that a record lacks, or has as None, is empty.

    It begins with a byte order mark: spreadsheets take it for UTF-8 then.
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in record.items()} for record in records)
    return "\ufeff" + stream.getvalue()


def _cell(value: object) -> object:
    """What a site or a device is called must not become a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
