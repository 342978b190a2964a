"""The archive: every record is taken once, or is not and says why."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from radraft.core.errors import NotFound
from radraft.llm.profiles import load_profile
from radraft.pipeline.archive_import import ImportCount, import_archive
from radraft.pipeline.archive_sources import CsvSource, ReportSource
from radraft.pipeline.ingest import IngestResult, ingest
from radraft.pipeline.outgoing import read_signed
from radraft.reports.archive.mapping import ArchiveMapping
from radraft.reports.archive.values import KeptAs, RefusalReason
from radraft.reports.export.values import Institution
from radraft.store import archive, cases, drafts, pairs, signatures, worklist_filling
from radraft.store.database import Store
from tests import archive_corpus as corpus
from tests.archive_corpus import PastStudy, Record, csv_bytes, past_studies, records, truth
from tests.archive_store import SITE, case_of, keep_studies
from tests.pipeline import films
from tests.studies import builders

MAPPING = ArchiveMapping.from_yaml(corpus.MAPPING)
COUNT = 110
"""Each way to be broken once, and one twice."""


def written(folder: Path, made: list[Record], encoding: str = "utf-8-sig") -> ReportSource:
    file = folder / "past.csv"
    file.write_bytes(csv_bytes(made, encoding))
    return CsvSource(file, MAPPING)


def said(count: ImportCount) -> tuple[dict[str, int], dict[str, int]]:
    return (
        {kept.value: number for kept, number in count.kept.items()},
        {reason.value: number for reason, number in count.rejected.items()},
    )


@pytest.fixture
def studies(store: Store) -> list[PastStudy]:
    made = past_studies(COUNT)
    keep_studies(store, made)
    return made


def test_every_record_is_taken_or_not_for_the_right_reason_and_once(
    store: Store, studies: list[PastStudy], tmp_path: Path
) -> None:
    made = records(studies)
    source = written(tmp_path, made)
    expected = truth(made)
    count = import_archive(source, store=store, site=SITE)
    taken, rejected = said(count)
    assert rejected == dict(expected.reasons)
    # A study with a near duplicate has its report besides.
    near = expected.reasons["near_duplicate"]
    assert taken == {"report": expected.reports, "addendum": expected.addenda}
    assert near and count.records == len(made)
    again = import_archive(source, store=store, site=SITE)
    assert said(again) == ({"known": count.taken}, rejected)
    with store.read() as session:
        assert archive.counts(session) == taken | rejected


def test_a_dry_run_says_the_same_and_keeps_nothing(sqlite_store: Store, tmp_path: Path) -> None:
    studies = past_studies(COUNT)
    keep_studies(sqlite_store, studies)
    source = written(tmp_path, records(studies))
    tried = import_archive(source, store=sqlite_store, site=SITE, dry_run=True)
    with sqlite_store.read() as session:
        assert archive.counts(session) == {}
    assert said(import_archive(source, store=sqlite_store, site=SITE)) == said(tried)


def test_what_was_not_taken_is_listed_with_its_place_until_it_is(
    sqlite_store: Store, tmp_path: Path
) -> None:
    (study,) = past_studies(1)
    source = written(tmp_path, [Record(study)])
    import_archive(source, store=sqlite_store, site=SITE)
    with sqlite_store.read() as session:
        (rejected,) = archive.rejects(session, SITE)
    assert (rejected.reason, rejected.place) == (RefusalReason.UNMATCHED, "past.csv:2")
    assert rejected.accession == study.accession
    keep_studies(sqlite_store, [study])
    import_archive(source, store=sqlite_store, site=SITE)
    with sqlite_store.read() as session:
        assert list(archive.rejects(session)) == []
        assert archive.report_of(session, case_of(study)) is not None


def test_the_reader_has_the_report_as_it_was_with_what_was_added(
    sqlite_store: Store, tmp_path: Path
) -> None:
    study = past_studies(2)[1]
    keep_studies(sqlite_store, [study])
    addendum = replace(study, status="补充", findings="", impression="补充：左侧第3肋骨折。")
    source = written(tmp_path, [Record(addendum), Record(study)])
    count = import_archive(source, store=sqlite_store, site=SITE)
    assert said(count) == ({"report": 1, "addendum": 1}, {})
    with sqlite_store.read() as session:
        found = archive.report_of(session, case_of(study))
    assert found is not None
    assert found.report.findings == study.findings
    assert found.report.impression == study.impression
    assert (found.report.author, found.report.reviewer) == (study.author, study.reviewer)
    assert found.report.reported_at == study.reported_at
    assert [text.impression for text in found.addenda] == ["补充：左侧第3肋骨折。"]


def test_a_corrected_report_takes_the_place_of_the_first_in_any_order(
    sqlite_store: Store, tmp_path: Path
) -> None:
    study = past_studies(2)[1]
    keep_studies(sqlite_store, [study])
    right = replace(study, status="更正", impression="左侧气胸。")
    count = import_archive(
        written(tmp_path, [Record(right), Record(study)]), store=sqlite_store, site=SITE
    )
    assert said(count) == ({"correction": 1}, {"superseded": 1})
    other = past_studies(3)[2]
    keep_studies(sqlite_store, [other])
    right = replace(other, status="更正", impression="左侧气胸。")
    count = import_archive(
        written(tmp_path, [Record(other), Record(right)]), store=sqlite_store, site=SITE
    )
    assert said(count) == ({"report": 1, "correction": 1}, {})
    with sqlite_store.read() as session:
        for past in (study, other):
            found = archive.report_of(session, case_of(past))
            assert found is not None and found.report.impression == "左侧气胸。"


def test_a_second_report_that_says_otherwise_is_left_to_a_person(
    sqlite_store: Store, tmp_path: Path
) -> None:
    study = past_studies(2)[1]
    keep_studies(sqlite_store, [study])
    # One side, and nothing else.
    other = replace(study, findings=study.findings.replace("右", "左").replace("双", "左"))
    assert other.findings != study.findings
    count = import_archive(
        written(tmp_path, [Record(study), Record(other)]), store=sqlite_store, site=SITE
    )
    assert said(count) == ({"report": 1}, {"second_report": 1})


def test_a_report_of_another_day_or_of_two_studies_is_not_joined(
    sqlite_store: Store, tmp_path: Path
) -> None:
    first, second, third = past_studies(3)
    same = replace(second, accession=first.accession, patient_number=first.patient_number,
                   name=first.name, born=first.born, sex=first.sex, taken=first.taken)  # fmt: skip
    keep_studies(sqlite_store, [first, same, third])
    late = replace(third, taken=third.taken.replace(year=third.taken.year + 1))
    unsure = replace(first, study_uid="")
    crossed = replace(third, study_uid=first.study_uid)
    source = written(tmp_path, [Record(late), Record(unsure), Record(crossed)])
    count = import_archive(source, store=sqlite_store, site=SITE)
    reasons = {"study_time_differs": 1, "several_studies": 1, "identifiers_disagree": 1}
    assert said(count) == ({}, reasons)


def test_studies_of_another_site_are_not_looked_at(sqlite_store: Store, tmp_path: Path) -> None:
    (study,) = past_studies(1)
    keep_studies(sqlite_store, [study], site="site-b")
    source = written(tmp_path, [Record(study)])
    assert said(import_archive(source, store=sqlite_store, site=SITE)) == ({}, {"unmatched": 1})


def test_nothing_that_identifies_is_left_to_learn_from_and_the_words_stay(
    sqlite_store: Store, tmp_path: Path
) -> None:
    studies = past_studies(COUNT)
    keep_studies(sqlite_store, studies)
    import_archive(written(tmp_path, records(studies)), store=sqlite_store, site=SITE)
    of_case = {case_of(study): study for study in studies}
    left, lost, words = [], [], 0
    with sqlite_store.read() as session:
        taught = list(archive.taught(session))
    assert len(taught) == len({text.case_id for text in taught}) > COUNT * 0.8
    for text in taught:
        study = of_case[text.case_id]
        whole = f"{text.findings} {text.impression}"
        left += [value for value in study.planted if value in whole]
        words += len(study.words)
        lost += [word for word in study.words if word not in whole]
    assert left == []
    assert len(lost) <= words // 100, lost
    # Of ten studies two are of one patient.
    patients = {case_of(study): study.patient_number for study in studies}
    splits: dict[str, set[str]] = {}
    for text in taught:
        splits.setdefault(patients[text.case_id], set()).add(text.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {next(iter(found)) for found in splits.values()} == {"train", "held_out"}


def test_an_import_that_is_killed_goes_on_and_doubles_nothing(
    store: Store, studies: list[PastStudy], tmp_path: Path
) -> None:
    made = records(studies)
    source = written(tmp_path, made)

    def stop(done: int) -> None:
        # Between two transactions; what a kill within one leaves is what the database takes back.
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_archive(source, store=store, site=SITE, on_progress=stop)
    with store.read() as session:
        before = archive.counts(session)
    assert 0 < before["report"] <= 50
    count = import_archive(source, store=store, site=SITE)
    expected = truth(made)
    with store.read() as session:
        found = archive.counts(session)
    assert found == {"report": expected.reports, "addendum": expected.addenda} | expected.reasons
    assert count.kept[KeptAs.KNOWN] > 0


def test_two_imports_at_once_double_nothing(
    store: Store, studies: list[PastStudy], tmp_path: Path
) -> None:
    made = records(studies)
    source = written(tmp_path, made)
    with ThreadPoolExecutor(2) as both:
        counts = list(both.map(lambda _: import_archive(source, store=store, site=SITE), range(2)))
    expected = truth(made)
    with store.read() as session:
        found = archive.counts(session)
    assert found == {"report": expected.reports, "addendum": expected.addenda} | expected.reasons
    assert sum(count.taken for count in counts) == expected.reports + expected.addenda


def test_an_archived_report_is_no_signed_one_and_in_no_figure(
    sqlite_store: Store, tmp_path: Path
) -> None:
    study = past_studies(2)[1]
    keep_studies(sqlite_store, [study])
    import_archive(written(tmp_path, [Record(study)]), store=sqlite_store, site=SITE)
    with sqlite_store.read() as session:
        assert signatures.versions(session, case_of(study)) == ()
        assert list(pairs.pairs(session)) == []
        assert list(pairs.pair_keys(session)) == []
    with sqlite_store.read() as session, pytest.raises(NotFound):
        read_signed(session, case_of(study), institution=Institution(SITE))


def test_past_studies_stand_on_no_worklist_until_somebody_wants_a_draft(store: Store) -> None:
    old, new = past_studies(2)
    keep_studies(store, [old], archived=True)
    keep_studies(store, [new])

    def listed() -> set[str]:
        with store.read() as session:
            return {row.case_id for row in cases.worklist(session).rows}

    assert listed() == {case_of(new)}
    with store.begin() as session:
        worklist_filling.begin_anew(session)
    assert list(worklist_filling.fill(store))
    assert listed() == {case_of(new)}
    with store.begin() as session:
        assert leases_waiting(session) == {case_of(new)}
        cases.requeue(session, case_of(old))
    assert listed() == {case_of(old), case_of(new)}


def leases_waiting(session: Session) -> set[str]:
    """Return the cases that a worker would claim."""
    states = {
        case_of(study): cases.get_case(session, case_of(study)).state for study in past_studies(2)
    }
    return {case_id for case_id, state in states.items() if state is cases.CaseState.RECEIVED}


def test_past_studies_of_a_folder_wait_for_no_draft_and_have_their_reports(
    sqlite_store: Store, tmp_path: Path
) -> None:
    study = past_studies(2)[1]
    folder = tmp_path / "films"
    film = films.good(
        1,
        SpecificCharacterSet="GB18030",
        StudyInstanceUID=study.study_uid,
        AccessionNumber=study.accession,
        PatientID=study.patient_number,
        PatientName=study.name,
        PatientBirthDate=f"{study.born:%Y%m%d}",
        PatientSex="M" if study.sex == "男" else "F",
        StudyDate=f"{study.taken:%Y%m%d}",
        StudyTime=f"{study.taken:%H%M%S}",
    )
    builders.write(film, folder / "film.dcm")

    def take_in() -> IngestResult:
        return ingest(
            folder,
            store=sqlite_store,
            profile=load_profile("starter"),
            site=SITE,
            scratch=tmp_path / "scratch",
            archived=True,
        )

    (case_id,) = take_in().cases
    # The same again, and an image that a PACS sends once more, bring it on no list.
    assert take_in().known == (case_id,)
    source = written(tmp_path, [Record(study)])
    assert said(import_archive(source, store=sqlite_store, site=SITE)) == ({"report": 1}, {})
    with sqlite_store.read() as session:
        assert cases.get_case(session, case_id).state is cases.CaseState.ARCHIVED
        assert drafts.latest(session, case_id) is None
        assert cases.worklist(session).rows == ()
        assert cases.key_images(session, case_id)
        found = archive.report_of(session, case_id)
    assert found is not None and found.report.findings == study.findings
