"""Archived reports as sets: without identity, split by patient, in the form of exported pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from radraft.finetune.archive_set.values import ArchiveSetCount
from radraft.finetune.archived import export_archive, reference_path
from radraft.llm.profiles import load_profile
from radraft.pipeline.archive_import import import_archive
from radraft.pipeline.archive_sources import CsvSource
from radraft.reports.archive.mapping import ArchiveMapping
from radraft.reports.training_pair import split_of
from radraft.store import cases, images, signatures
from radraft.store.database import Store
from radraft.store.pairs import pairs
from radraft.studies import deidentify
from tests import archive_corpus as corpus
from tests.archive_corpus import Record, csv_bytes, past_studies
from tests.archive_store import SITE, case_of, keep_studies
from tests.builders import make_images

COUNT = 40


@pytest.fixture
def written(sqlite_store: Store, tmp_path: Path) -> tuple[Path, ArchiveSetCount]:
    """The sets of a store in which every study but the first has an image."""
    studies = past_studies(COUNT)
    keep_studies(sqlite_store, studies)
    table = tmp_path / "past.csv"
    table.write_bytes(csv_bytes([Record(study) for study in studies]))
    source = CsvSource(table, ArchiveMapping.from_yaml(corpus.MAPPING))
    import_archive(source, store=sqlite_store, site=SITE)
    with sqlite_store.begin() as session:
        for study in studies[1:]:
            made = make_images(case_of(study), seed=study.number)
            images.save(sqlite_store.objects, made)
            cases.add_key_images(session, made)
    out = tmp_path / "set.jsonl"
    with sqlite_store.read() as session:
        count = export_archive(session, sqlite_store.objects, load_profile("starter"), out, SITE)
    return out, count


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_every_report_is_in_one_set_or_counted(written: tuple[Path, ArchiveSetCount]) -> None:
    out, count = written
    held = [line for lang in ("zh", "en") for line in lines(reference_path(out, lang))]  # type: ignore[arg-type]
    assert (count.examples, count.held_out) == (len(lines(out)), len(held))
    assert count.examples > 0 and count.held_out > 0
    assert count.left_out == {"no_images": 1}
    assert count.examples + count.held_out + 1 == COUNT


def test_no_patient_trains_and_is_judged(
    written: tuple[Path, ArchiveSetCount], sqlite_store: Store
) -> None:
    out, _ = written
    with sqlite_store.read() as session:
        for line in lines(out):
            case = cases.get_case(session, line["metadata"]["case_id"])
            assert split_of(case.patient_ref) == "train"
            assert line["metadata"]["split"] in {"train", "valid"}
        for line in lines(reference_path(out, "zh")):
            assert split_of(cases.get_case(session, line["id"]).patient_ref) == "held_out"


def test_an_example_is_the_report_in_the_form_of_a_pair(
    written: tuple[Path, ArchiveSetCount],
) -> None:
    out, _ = written
    by_case = {line["metadata"]["case_id"]: line for line in lines(out)}
    study = next(
        study for study in past_studies(COUNT) if study.number % 4 and case_of(study) in by_case
    )
    line = by_case[case_of(study)]
    assert line["metadata"]["origin"] == "archive"
    assert line["metadata"]["languages"] == ["zh"]
    assert line["metadata"]["redacted"] > 0
    assert len(line["images"]) == 1
    asked = [part["type"] for message in line["messages"][:-1] for part in message["content"]]
    assert asked.count("image") == 1
    report = json.loads(line["messages"][-1]["content"][0]["text"])
    said = [sentence["zh"] for section in report.values() for sentence in section]
    assert all(any(word in sentence for sentence in said) for word in study.words)
    assert [sentence["zh"] for sentence in report["impression"]] == list(study.words[-2:])


def test_nothing_of_anybody_is_in_a_set(written: tuple[Path, ArchiveSetCount]) -> None:
    out, _ = written
    planted = {value for study in past_studies(COUNT) for value in study.planted}
    for path in (out, reference_path(out, "zh"), reference_path(out, "en")):
        text = path.read_text("utf-8")
        assert [value for value in planted if value in text] == []
        assert (path.stat().st_mode & 0o777) == 0o600


def test_a_date_of_comparison_leaves_no_report_out() -> None:
    # As exported pairs, these would be withheld whole.
    reports = [study.findings for study in past_studies(30) if study.number % 4]
    assert all(map(deidentify.identifies, reports))


def test_an_archived_report_makes_no_pair_and_no_signature(
    written: tuple[Path, ArchiveSetCount], sqlite_store: Store
) -> None:
    with sqlite_store.read() as session:
        assert list(pairs(session)) == []
        assert signatures.newest_versions(session) == {}
