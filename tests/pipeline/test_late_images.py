"""Images that come after their study was taken in."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from radraft.pipeline import late_images
from radraft.pipeline.completion import PAUSE, Completion
from radraft.pipeline.inbox import Inbox
from radraft.store import cases, leases, quality, reports
from radraft.store.cases import CaseState
from radraft.store.database import Store
from radraft.store.late_images import LATE, MISSING, PATIENTS_DIFFER
from radraft.store.leases import Owner
from tests import builders
from tests.builders import person
from tests.exchange.builders import QUIET_S, Clock, film, film_file, refused_codes, states
from tests.pipeline.test_completion import arrive, completion, only_case, originals

pytestmark = pytest.mark.slow

__all__ = ["completion"]


def taken_in(completion: Completion, inbox: Inbox, clock: Clock, *paths: Path) -> int:
    arrive(inbox, *paths)
    clock.wait(QUIET_S)
    return completion.run()


def test_late_images_have_an_untouched_study_drafted_anew(
    completion: Completion, inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    taken_in(completion, inbox, clock, film_file(tmp_path, 1))
    case_id = only_case(sqlite_store).case_id
    with sqlite_store.begin() as session:
        builders.save_draft(session, builders.make_draft(case_id))
    assert taken_in(completion, inbox, clock, film_file(tmp_path, 2, ViewPosition="LL")) == 1
    case = only_case(sqlite_store)
    assert (case.case_id, case.state) == (case_id, CaseState.RECEIVED)
    assert late_images.issues(case) == ()
    assert originals(sqlite_store, case_id) == 2
    with sqlite_store.read() as session:
        assert len(cases.key_images(session, case_id)) == 2
    assert states(sqlite_store) == {"taken": 2}


def test_late_images_of_a_begun_report_are_kept_and_said(
    completion: Completion, inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    taken_in(completion, inbox, clock, film_file(tmp_path, 1))
    case_id = only_case(sqlite_store).case_id
    with sqlite_store.begin() as session:
        builders.save_draft(session, builders.make_draft(case_id))
        work = reports.current(session, case_id)
        edited = replace(work.report, findings=(builders.make_sentence("f1", "改过。", "Edited."),))
        reports.save(session, case_id, edited, base_revision=work.revision, editor=person("李"))
    for number in (2, 3):
        assert taken_in(completion, inbox, clock, film_file(tmp_path, number)) == 0
    case = only_case(sqlite_store)
    assert case.state is CaseState.DRAFTED
    assert case.issues.count(LATE) == 1
    assert [issue.code for issue in late_images.issues(case)] == [LATE]
    assert originals(sqlite_store, case_id) == 3
    with sqlite_store.read() as session:
        assert len(cases.key_images(session, case_id)) == 1
    assert states(sqlite_store) == {"taken": 3}


def test_late_images_wait_while_a_draft_is_made(
    completion: Completion, inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    taken_in(completion, inbox, clock, film_file(tmp_path, 1))
    case_id = only_case(sqlite_store).case_id
    owner = Owner()
    with sqlite_store.begin() as session:
        assert leases.claim_case(session, case_id, owner)
    assert taken_in(completion, inbox, clock, film_file(tmp_path, 2)) == 0
    assert states(sqlite_store) == {"taken": 1, "waiting": 1}
    with sqlite_store.begin() as session:
        builders.save_draft(session, builders.make_draft(case_id), owner)
    assert completion.run() == 0
    clock.wait(PAUSE.total_seconds())
    assert completion.run() == 1
    assert originals(sqlite_store, case_id) == 2


def test_a_late_image_of_another_patient_is_refused(
    completion: Completion, inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    taken_in(completion, inbox, clock, film_file(tmp_path, 1))
    taken_in(completion, inbox, clock, film_file(tmp_path, 2, PatientID="ANOTHER"))
    assert refused_codes(sqlite_store) == ["study_patients_differ"]
    case = only_case(sqlite_store)
    assert originals(sqlite_store, case.case_id) == 1
    assert [issue.code for issue in late_images.issues(case)] == [PATIENTS_DIFFER]
    assert quality_codes(sqlite_store) == ["study_patients_differ"]


@pytest.mark.parametrize("patients", [("", "A", "B"), ("A", "", "B"), ("B", "", "A")])
def test_a_missing_identity_hides_no_late_conflict(
    patients: tuple[str, ...],
    completion: Completion,
    inbox: Inbox,
    sqlite_store: Store,
    tmp_path: Path,
    clock: Clock,
) -> None:
    for number, patient in enumerate(patients, start=1):
        taken_in(completion, inbox, clock, film_file(tmp_path, number, PatientID=patient))
    assert states(sqlite_store) == {"taken": 2, "refused": 1}
    assert refused_codes(sqlite_store) == ["study_patients_differ"]


def test_whom_a_case_is_of_is_known_where_its_originals_are_gone(
    completion: Completion, inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    taken_in(completion, inbox, clock, film_file(tmp_path, 1))
    shutil.rmtree(tmp_path / "data" / "objects" / "originals")
    taken_in(completion, inbox, clock, film_file(tmp_path, 2, PatientID="ANOTHER"))
    assert refused_codes(sqlite_store) == ["study_patients_differ"]


def quality_codes(store: Store) -> list[str]:
    with store.read() as session:
        return [reason.code for one in quality.judged(session) for reason in one.reasons]


def test_a_late_image_with_a_known_uid_and_other_bytes_is_refused(
    completion: Completion, inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    taken_in(completion, inbox, clock, film_file(tmp_path, 1))
    taken_in(completion, inbox, clock, film_file(tmp_path, 1, AccessionNumber="OTHER"))
    assert refused_codes(sqlite_store) == ["duplicate_instance"]
    assert originals(sqlite_store, only_case(sqlite_store).case_id) == 1


def test_taking_in_the_same_files_again_changes_nothing(
    completion: Completion, inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    path = film_file(tmp_path / "sent", 1)
    taken_in(completion, inbox, clock, path)
    before = only_case(sqlite_store)
    result = completion._take_in(path.parent, "site-a")
    assert (result.cases, result.known, result.rejections) == ((), (before.case_id,), ())
    assert only_case(sqlite_store) == before
    assert originals(sqlite_store, before.case_id) == 1


def test_a_study_that_lacks_announced_images_says_so_until_they_came(
    completion: Completion, inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    study_uid = str(film().StudyInstanceUID)
    late_images.note_missing(sqlite_store, study_uid, missing=True)
    taken_in(completion, inbox, clock, film_file(tmp_path, 1))
    assert late_images.issues(only_case(sqlite_store)) == ()
    for _ in range(2):
        late_images.note_missing(sqlite_store, study_uid, missing=True)
        (issue,) = late_images.issues(only_case(sqlite_store))
        assert issue.code == MISSING
    for _ in range(2):
        late_images.note_missing(sqlite_store, study_uid, missing=False)
        assert late_images.issues(only_case(sqlite_store)) == ()
