"""Past reports in an Excel workbook."""

from __future__ import annotations

import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from radraft.core.errors import ArchiveError
from radraft.reports.archive import workbook
from radraft.reports.archive.mapping import ArchiveMapping
from radraft.reports.archive.values import PastReport, RefusalReason, RefusedRecord
from radraft.reports.archive.workbook import workbook_reports
from tests import archive_corpus as corpus
from tests.archive_corpus import past_studies

MAPPING = ArchiveMapping.from_yaml(corpus.MAPPING)


def saved(path: Path, *rows: list[object], sheet: str = "Sheet1") -> Path:
    book = Workbook()
    assert book.active is not None
    book.active.title = sheet
    for row in (list(corpus.COLUMNS), *rows):
        book.active.append(row)
    book.save(path)
    return path


def read(path: Path, mapping: ArchiveMapping = MAPPING) -> list[PastReport | RefusedRecord]:
    return list(workbook_reports(path, mapping, path.name))


def test_rows_of_a_sheet_are_reports_with_days_and_numbers_as_numbers(tmp_path: Path) -> None:
    first, second, third = past_studies(3)
    rows = [list[object](corpus.fields(study)) for study in (first, second, third)]
    # As a workbook holds them: a number, a day, a text with an escaped line end.
    rows[0][0] = 100200300
    rows[0][5] = datetime(1961, 4, 12)
    rows[1][10] = "1. A_x000D_\n2. B"
    rows[2][9] = rows[2][10] = None
    found = read(saved(tmp_path / "past.xlsx", *rows))
    assert isinstance(found[0], PastReport) and isinstance(found[1], PastReport)
    assert found[0].accession == "100200300"
    assert found[0].birth_date == datetime(1961, 4, 12).date()
    assert (found[0].findings, found[0].author) == (first.findings, first.author)
    assert found[0].study_time == first.taken
    assert found[1].impression == "1. A\n2. B"
    assert (found[1].place, found[1].findings) == ("past.xlsx:3", second.findings)
    assert isinstance(found[2], RefusedRecord) and found[2].reason is RefusalReason.EMPTY


def test_a_sheet_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    path = saved(tmp_path / "past.xlsx", sheet="报告")
    other = MAPPING.model_copy(update={"sheet": "2019"})
    with pytest.raises(ArchiveError) as refused:
        read(path, other)
    assert refused.value.code == "archive_sheet_missing"
    assert "报告" in refused.value.message_zh


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no workbook", b"\xd0\xcf\x11\xe0 an old one"])
def test_what_is_no_workbook_says_so(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "past.xlsx"
    path.write_bytes(data)
    with pytest.raises(ArchiveError) as refused:
        read(path)
    assert refused.value.code == "archive_workbook_damaged"


def test_a_workbook_cut_short_says_so(tmp_path: Path) -> None:
    path = saved(tmp_path / "past.xlsx", list(corpus.fields(past_studies(1)[0])))
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(ArchiveError) as refused:
        read(path)
    assert refused.value.code == "archive_workbook_damaged"


def test_a_workbook_whose_texts_would_fill_the_memory_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "past.xlsx", list(corpus.fields(past_studies(1)[0])))
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr("xl/sharedStrings.xml", "<sst/>" * 100)
    monkeypatch.setattr(workbook, "MOST_TEXTS", 100)
    with pytest.raises(ArchiveError) as refused:
        read(path)
    assert refused.value.code == "archive_workbook_large"
