"""A past report is joined where more than an accession number says whose it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest

from radraft.reports.archive.joining import ArchiveStudy, joined
from radraft.reports.archive.values import PastReport, RefusalReason
from radraft.studies.priors import Person

SITE = "site-a"
STUDY = ArchiveStudy(
    "c-1",
    Person(SITE, "N1", "Bo^Jia", date(1961, 4, 12), "F"),
    "1.2.3",
    "1001",
    datetime(2019, 3, 4),
)
ALONE = PastReport("1001.txt", accession="1001", findings="x")


@pytest.mark.parametrize(
    "report",
    [
        replace(ALONE, patient_number="N1"),
        replace(ALONE, patient_name="Bo Jia"),
        replace(ALONE, birth_date=date(1961, 4, 12)),
        replace(ALONE, study_time=datetime(2019, 3, 4, 9)),
        replace(ALONE, study_uid="1.2.3"),
        replace(ALONE, accession="", study_uid="1.2.3"),
    ],
)
def test_one_agreement_beside_the_number_is_enough(report: PastReport) -> None:
    assert joined(report, [STUDY], SITE) is STUDY


def test_the_number_alone_and_the_sex_are_not() -> None:
    for report in (ALONE, replace(ALONE, sex="F")):
        assert joined(report, [STUDY], SITE) is RefusalReason.ACCESSION_ALONE
        assert joined(report, [STUDY], SITE, accession_alone=True) is STUDY


def test_the_flag_joins_no_other_patient() -> None:
    other = replace(ALONE, patient_name="Tan^Wei", birth_date=date(1990, 1, 3))
    assert joined(other, [STUDY], SITE, accession_alone=True) is RefusalReason.WRONG_PATIENT


def test_a_day_that_the_study_lacks_says_nothing() -> None:
    report = replace(ALONE, study_time=datetime(2019, 3, 4))
    undated = replace(STUDY, study_time=None)
    assert joined(report, [undated], SITE) is RefusalReason.ACCESSION_ALONE
