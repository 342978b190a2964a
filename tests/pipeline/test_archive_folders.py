"""The archive from folders: HL7 results, structured reports, plain text."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from radraft.pipeline.archive_import import ImportCount, import_archive
from radraft.pipeline.archive_sources import FolderSource
from radraft.reports.archive.values import PastReport, PastStatus, RefusalReason, RefusedRecord
from radraft.store import archive
from radraft.store.database import Store
from tests import archive_corpus as corpus
from tests.archive_corpus import Break, Record, past_studies, records, truth
from tests.archive_store import SITE, case_of, keep_studies

SAMPLES = Path(__file__).parents[2] / ".." / "shared" / "data" / "interop_samples" / "dicom_sr"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder beside the store's."""
    made = tmp_path / "past"
    made.mkdir()
    return made


def said(count: ImportCount) -> tuple[dict[str, int], dict[str, int]]:
    return (
        {kept.value: number for kept, number in count.kept.items()},
        {reason.value: number for reason, number in count.rejected.items()},
    )


def read(folder: Path) -> list[PastReport | RefusedRecord]:
    return [record for _, record in FolderSource(folder).read()]


def test_results_of_a_folder_are_each_taken_or_not_for_the_right_reason(
    sqlite_store: Store, folder: Path
) -> None:
    studies = past_studies(110)
    keep_studies(sqlite_store, studies)
    made = records(studies)
    for number, record in enumerate(made):
        (folder / f"{number:05d}.hl7").write_bytes(corpus.oru_message(record))
    expected = truth(made)
    source = FolderSource(folder)
    assert source.size == len(made)
    count = import_archive(source, store=sqlite_store, site=SITE)
    assert said(count) == (
        {"report": expected.reports, "addendum": expected.addenda},
        dict(expected.reasons),
    )
    again = import_archive(source, store=sqlite_store, site=SITE)
    assert said(again) == ({"known": count.taken}, dict(expected.reasons))
    study = studies[1]
    with sqlite_store.read() as session:
        found = archive.report_of(session, case_of(study))
    assert found is not None
    assert (found.report.findings, found.report.impression) == (study.findings, study.impression)
    assert (found.report.author, found.report.reviewer) == (study.author, study.reviewer)
    assert found.report.reported_at == study.reported_at


def test_structured_reports_of_a_folder_are_each_taken_or_not_for_the_right_reason(
    sqlite_store: Store, folder: Path
) -> None:
    studies = past_studies(110)
    keep_studies(sqlite_store, studies)
    made = [record for record in records(studies)
            if record.study.status != "补充" and record.broken not in corpus.SR_WHOLE]  # fmt: skip
    for number, record in enumerate(made):
        (folder / f"{number:05d}.dcm").write_bytes(corpus.sr_document(record))
    count = import_archive(FolderSource(folder), store=sqlite_store, site=SITE)
    expected = Counter(
        corpus.SR_BROKEN.get(record.broken, corpus.REASONS[record.broken])
        for record in made
        if record.broken
    )
    good = sum(record.broken is None for record in made)
    assert said(count) == ({"report": good}, dict(expected))
    study = studies[1]
    with sqlite_store.read() as session:
        found = archive.report_of(session, case_of(study))
    assert found is not None
    assert (found.report.findings, found.report.impression) == (study.findings, study.impression)
    assert found.report.author == study.author


def test_many_messages_of_a_file_in_any_framing_are_read_one_by_one(folder: Path) -> None:
    first, second = (corpus.oru_message(Record(study)) for study in past_studies(2))
    batch = b"FHS|^~\\&|RIS\rBHS|^~\\&\r" + first + second + b"BTS|2\rFTS|1\r"
    (folder / "batch.hl7").write_bytes(batch)
    (folder / "framed.dat").write_bytes(b"\x0b" + first + b"\x1c\r\x0b" + second + b"\x1c\r")
    (folder / "lines.txt").write_bytes(first.replace(b"\r", b"\r\n") + b"\r\n")
    found = read(folder)
    assert [type(record) for record in found] == [PastReport] * 5
    assert [record.place for record in found] == [
        "batch.hl7#1", "batch.hl7#2", "framed.dat#1", "framed.dat#2", "lines.txt"
    ]  # fmt: skip
    assert len({record.record_id for record in found}) == 2


@pytest.mark.parametrize("said", ["GB 18030-2000", "UNICODE UTF-8", "8859/1", ""])
def test_a_character_set_that_is_named_wrong_is_mended(folder: Path, said: str) -> None:
    study = past_studies(2)[1]
    text = corpus.oru_message(Record(study)).decode().replace("UNICODE UTF-8", said)
    (folder / "a.hl7").write_bytes(text.encode("gb18030"))
    (report,) = read(folder)
    assert isinstance(report, PastReport)
    assert report.findings == study.findings


def test_a_message_without_sections_is_divided_by_its_headings(folder: Path) -> None:
    message = (
        "MSH|^~\\&|RIS|A|||20190304||ORU^R01|1|P|2.3\r"
        "PID|||N1||Doe^Jane||19610412|F\rOBR|1|P7|F7|71020|||20190304\r"
        "OBX|1|TX|71020||HISTORY: cough||||||F\rOBX|2|TX|71020||FINDINGS:||||||F\r"
        "OBX|3|TX|71020||Clear lungs~and a small heart \\T\\ aorta.||||||F\r"
        "OBX|4|TX|71020&IMP||Normal.||||||F\r"
    )
    (folder / "a.hl7").write_bytes(message.encode())
    (report,) = read(folder)
    assert isinstance(report, PastReport)
    assert report.findings == "Clear lungs\nand a small heart & aorta."
    assert (report.impression, report.accession) == ("Normal.", "F7")
    assert (report.patient_name, report.status) == ("Doe^Jane", PastStatus.FINAL)


def test_other_messages_and_files_are_counted_as_what_they_are(folder: Path) -> None:
    (folder / "order.hl7").write_bytes(b"MSH|^~\\&|RIS||||2019||ORM^O01|1|P|2.3\rPID|||1\r")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n")
    (folder / "empty.txt").write_bytes(b"")
    (folder / ".hidden").write_bytes(b"x")
    found = {record.place: getattr(record, "reason", None) for record in read(folder)}
    assert found == {
        "order.hl7": RefusalReason.NOT_A_REPORT,
        "picture.png": RefusalReason.NOT_A_REPORT,
        "empty.txt": RefusalReason.EMPTY,
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_plain_text_is_joined_by_its_name(sqlite_store: Store, folder: Path, encoding: str) -> None:
    study = past_studies(2)[1]
    keep_studies(sqlite_store, [study])
    text = f"检查所见：{study.findings}\n诊断意见：{study.impression}"
    (folder / "2019").mkdir()
    (folder / "2019" / f"{study.accession}.txt").write_bytes(text.encode(encoding))
    source = FolderSource(folder)
    count = import_archive(source, store=sqlite_store, site=SITE, accession_alone=True)
    assert said(count) == ({"report": 1}, {})
    with sqlite_store.read() as session:
        found = archive.report_of(session, case_of(study))
    assert found is not None
    assert (found.report.findings, found.report.impression) == (study.findings, study.impression)


def test_an_accession_number_alone_says_not_whose_a_report_is(
    sqlite_store: Store, folder: Path
) -> None:
    study = past_studies(2)[1]
    keep_studies(sqlite_store, [study])
    (folder / f"{study.accession}.txt").write_text(study.findings, encoding="utf-8")
    source = FolderSource(folder)
    count = import_archive(source, store=sqlite_store, site=SITE)
    assert said(count) == ({}, {"accession_alone": 1})
    dated = folder / f"{study.accession}_{study.taken:%Y-%m-%d}.txt"
    (folder / f"{study.accession}.txt").rename(dated)
    count = import_archive(source, store=sqlite_store, site=SITE)
    assert said(count) == ({"report": 1}, {})


def test_a_dated_text_of_another_day_is_not_joined(sqlite_store: Store, folder: Path) -> None:
    study = past_studies(2)[1]
    keep_studies(sqlite_store, [study])
    (folder / f"{study.accession}_1999-01-02.txt").write_text(study.findings, encoding="utf-8")
    count = import_archive(
        FolderSource(folder), store=sqlite_store, site=SITE, accession_alone=True
    )
    assert said(count) == ({}, {"study_time_differs": 1})


def test_the_ten_ways_are_all_there() -> None:
    made = records(past_studies(110))
    assert {record.broken for record in made} == {*Break, None}


def test_structured_reports_of_other_makers_are_read_or_say_why_not() -> None:
    if not SAMPLES.is_dir():
        pytest.skip("no samples of other makers here")
    found = {record.place: record for record in read(SAMPLES) if record.place.endswith(".dcm")}
    reasons = {place: getattr(record, "reason", None) for place, record in found.items()}
    assert reasons == {
        "dcmjs_sample_sr.dcm": None,
        "dcmjs_structured_report.dcm": None,
        # Their Completion Flag says PARTIAL.
        "dcmqi_tid1500_sr.dcm": RefusalReason.NOT_FINAL,
        "highdicom_sr_document.dcm": RefusalReason.NOT_FINAL,
        "highdicom_sr_multiple_groups.dcm": RefusalReason.NOT_FINAL,
    }
    sample = found["dcmjs_structured_report.dcm"]
    assert isinstance(sample, PastReport)
    assert sample.findings == "ExampleText"
