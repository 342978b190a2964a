"""Past reports in a table: every character set, and a broken row costs itself alone."""

from __future__ import annotations

import io
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from radraft.core.errors import ArchiveError
from radraft.reports.archive.csv_table import BrokenRow, TableRow, encoding_of, read_rows
from radraft.reports.archive.mapping import ArchiveMapping, load_mapping, time_of
from radraft.reports.archive.table import csv_reports
from radraft.reports.archive.values import PastReport, PastStatus, RefusalReason, RefusedRecord
from tests import archive_corpus as corpus
from tests.archive_corpus import Break, csv_bytes, past_studies, records

MAPPING = ArchiveMapping.from_yaml(corpus.MAPPING)
READ_LATER = {Break.UNKNOWN_ACCESSION, Break.OTHER_PATIENT, Break.NEAR_DUPLICATE,
              Break.LONE_ADDENDUM}  # fmt: skip
"""What only a look into the store can tell."""


def read(data: bytes, mapping: ArchiveMapping = MAPPING) -> list[PastReport | RefusedRecord]:
    return list(csv_reports(io.BytesIO(data), mapping, "past.csv"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "utf-16", "gb18030"])
def test_every_character_set_gives_the_same_reports_and_reasons(encoding: str) -> None:
    made = records(past_studies(400))
    found = read(csv_bytes(made, encoding))
    bad = [record for record in made if record.broken and record.broken not in READ_LATER]
    expected = Counter(corpus.REASONS[record.broken] for record in bad if record.broken)
    assert Counter(item.reason for item in found if isinstance(item, RefusedRecord)) == expected
    reports = {}
    for item in found:
        if isinstance(item, PastReport) and item.status is PastStatus.FINAL:
            reports.setdefault(item.accession, item)
    for record in made:
        if record.broken is None and record.study.status == "已审核":
            report, study = reports[record.study.accession], record.study
            assert (report.findings, report.impression) == (study.findings, study.impression)
            assert (report.author, report.patient_name) == (study.author, study.name)
            assert (report.birth_date, report.study_time) == (study.born, study.taken)


def rows(text: str) -> list[tuple[str, ...] | None]:
    found = read_rows(io.BytesIO(text.encode()))
    return [row.values if isinstance(row, TableRow) else None for row in found]


def test_a_quoted_value_has_delimiters_quotes_and_lines() -> None:
    assert rows('a,b\r\n1,"x, ""y""\r\nz"\r\n2,5" tube\r\n') == [
        ("a", "b"), ("1", 'x, "y"\r\nz'), ("2", '5" tube')
    ]  # fmt: skip


@pytest.mark.parametrize(
    "broken",
    [
        'A3,"opened and never closed',
        'A3,"closed"too early',
        "A3",
        "A3,x,y",
        'A3,"two\nlines"x\nmore',
    ],
)
def test_a_broken_row_costs_itself_alone(broken: str) -> None:
    before = 'n,t\nA1,one\nA2,"two, or\nmore"\n'
    after = 'A4,"four"\nA5,five\n'
    assert rows(before + broken + "\n" + after) == [
        ("n", "t"), ("A1", "one"), ("A2", "two, or\nmore"), None, ("A4", "four"), ("A5", "five")
    ]  # fmt: skip


def test_broken_rows_one_after_another_are_counted_one_by_one() -> None:
    text = 'n,t\nA1,one\nA2,"x"y\nA3,"open\nA4,x,y\nA5,five\n'
    assert rows(text) == [("n", "t"), ("A1", "one"), None, None, None, ("A5", "five")]


def test_the_delimiter_is_found_from_the_titles() -> None:
    assert rows("a;b\n1;2,5\n")[1] == ("1", "2,5")
    assert rows("a\tb\n1\t2\n")[1] == ("1", "2")


def test_a_table_of_any_size_is_read_in_little_memory() -> None:
    class Endless(io.RawIOBase):
        """A table of 40 MB that is made while it is read."""

        def __init__(self) -> None:
            self.at = 0

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def seek(self, place: int, whence: int = 0) -> int:
            self.at = place
            return place

        def tell(self) -> int:
            return self.at

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            row = b'A10000001,"' + b"x" * 4075 + b'",ok\n' + b" " * 7
            row = row[:4095] + b"\n"
            wanted = min(len(buffer), 40_000_000 - self.at)
            data = (row * (wanted // len(row) + 2))[self.at % len(row) :][:wanted]
            buffer[:wanted] = data
            self.at += wanted
            return wanted

    tracemalloc.start()
    count = sum(isinstance(row, TableRow) for row in read_rows(io.BufferedReader(Endless())))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count > 9000
    assert most < 16 << 20


def test_one_endless_line_is_one_broken_row() -> None:
    found = list(read_rows(io.BytesIO(b"a,b\n1,2\n" + b"x" * 3_000_000 + b"\n3,4\n")))
    assert [isinstance(row, BrokenRow) for row in found] == [False, False, True, False]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("检查号,影像所见\n".encode(), "utf-8"),
        ("检查号,影像所见\n".encode("gb18030"), "gb18030"),
        ("accession,findings\n".encode("utf-16-le"), "utf-16-le"),
        ("accession,findings\n".encode("utf-16-be"), "utf-16-be"),
        (b"", "utf-8"),
    ],
)
def test_a_character_set_is_known_without_a_mark(data: bytes, encoding: str) -> None:
    assert encoding_of(data) == encoding


def test_columns_that_are_not_there_are_named() -> None:
    with pytest.raises(ArchiveError) as refused:
        read("检查号,所见\n".encode())
    assert refused.value.code == "archive_columns_missing"
    assert "影像所见" in refused.value.message_en


@pytest.mark.parametrize("data", [b"", b"\n\n"])
def test_an_empty_table_says_so(data: bytes) -> None:
    with pytest.raises(ArchiveError) as refused:
        read(data)
    assert refused.value.code == "archive_table_empty"


def test_a_raw_text_of_a_thousand_lines_and_quotes_is_one_value() -> None:
    raw = '{"影像所见", 双肺清晰}\r\n' * 3000
    quoted = raw.replace('"', '""')
    text = f'n,raw,t\nA1,"{quoted}",one\nA2,"{quoted}"x,two\nA3,"open,three\nA4,"{quoted}",four\n'
    assert rows(text) == [("n", "raw", "t"), ("A1", raw, "one"), None, None, ("A4", raw, "four")]


def test_what_a_column_of_whole_text_says_beside_the_sections_is_shown_and_not_taught() -> None:
    mapping = ArchiveMapping.from_yaml(
        "columns: {accession: a, findings: f, impression: i, text: t}"
    )
    whole = "病史：咳嗽。影像所见：双肺清晰。心影不大。诊断意见：1. 未见异常。2. 建议复查。"
    lines = [
        f"A1,双肺清晰。,未见异常,{whole}",
        "A2,双肺清晰。,未见异常。,影像所见：双肺清晰。诊断意见：未见异常。",
        "A3,双肺清晰。,,正常",
    ]
    found = read(("a,f,i,t\n" + "\n".join(lines)).encode(), mapping)
    first, second, third = (item for item in found if isinstance(item, PastReport))
    assert (first.findings, first.impression) == ("双肺清晰。", "未见异常")
    for said in ("心影不大。", "建议复查。", "咳嗽"):
        assert said in first.shown
    assert first.shown.count("双肺清晰") == 1
    assert second.shown == "双肺清晰。"
    assert third.whole.endswith("正常")


def test_a_status_that_nobody_named_is_left_to_a_person() -> None:
    text = "a,f,s\nA1,clear lungs,final\nA2,clear lungs,whatever\nA3,clear lungs,\n"
    mapping = ArchiveMapping.from_yaml("columns: {accession: a, findings: f, status: s}")
    found = read(text.encode(), mapping)
    assert [getattr(item, "reason", None) for item in found] == [
        None,
        RefusalReason.STATUS_UNKNOWN,
        None,
    ]


@pytest.mark.parametrize(
    ("yaml", "named"),
    [
        ("columns: {findings: f}", "columns"),
        ("columns: {accession: a}", "columns"),
        ("columns: {accession: a, findings: f}\nencoding: klingon", "encoding"),
        ("columns: {accession: a, findings: f}\nstatuses: {x: maybe}", "statuses"),
        ("columns: {accession: a, findings: f, colour: c}", "colour"),
        ("][", "file"),
    ],
)
def test_a_mapping_that_cannot_work_names_what_to_correct(
    yaml: str, named: str, tmp_path: Path
) -> None:
    file = tmp_path / "mapping.yaml"
    file.write_text(yaml, encoding="utf-8")
    with pytest.raises(ArchiveError) as refused:
        load_mapping(file)
    assert refused.value.code == "archive_mapping_invalid"
    assert named in refused.value.message_en


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2019-03-04 15:06:07", "2019-03-04T15:06:07"),
        ("2019/3/4", "2019-03-04T00:00:00"),
        ("20190304150607", "2019-03-04T15:06:07"),
        ("20190304150607.123+0800", "2019-03-04T15:06:07"),
        ("2019年3月4日 15时06分", "2019-03-04T15:06:00"),
        ("2019-03-04T15:06:07Z", "2019-03-04T15:06:07"),
        ("2019-13-04", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times_are_read_as_tables_write_them(text: str, said: str | None) -> None:
    found = time_of(text)
    assert (None if found is None else found.isoformat()) == said
