"""From the inbox along the real line: quiet time, refusals, restarts, images that come late."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from radraft.core.locks import alone
from radraft.exchange._multipart import related
from radraft.exchange.dicomweb import pull
from radraft.exchange.incoming_files import keep_file
from radraft.exchange.watched_folder import Watcher
from radraft.pipeline.completion import BROKEN, PAUSE, TRIES, Completion
from radraft.pipeline.inbox import Inbox
from radraft.pipeline.ingest import IngestResult
from radraft.store import cases, instances, quality
from radraft.store.cases import CaseState
from radraft.store.database import Store
from radraft.store.late_images import PATIENTS_DIFFER
from tests.exchange.builders import (
    QUIET_S,
    Clock,
    completing,
    film,
    film_file,
    listening,
    refused_codes,
    send,
    states,
)
from tests.exchange.test_dicomweb import answering
from tests.studies import builders

pytestmark = pytest.mark.slow


@pytest.fixture
def completion(sqlite_store: Store, inbox: Inbox, tmp_path: Path) -> Completion:
    return completing(sqlite_store, inbox, tmp_path / "data" / "scratch")


def arrive(inbox: Inbox, *paths: Path) -> None:
    for path in paths:
        keep_file(path, inbox, source="CT1", site="site-a")


def only_case(store: Store) -> cases.Case:
    with store.read() as session:
        [row] = cases.worklist(session).rows
        return cases.get_case(session, row.case_id)


def originals(store: Store, case_id: str) -> int:
    from radraft.store.tables import StudyIdentityRow

    with store.read() as session:
        keys = session.get_one(StudyIdentityRow, case_id).original_keys
        assert [one.original_key for one in instances.of_case(session, case_id)] == list(keys)
    assert all(store.objects.exists(key) for key in keys)
    assert len(set(keys)) == len(keys)
    return len(keys)


def test_a_study_is_taken_in_once_it_was_quiet(
    completion: Completion, inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    arrive(inbox, film_file(tmp_path, 1))
    clock.wait(QUIET_S - 1)
    arrive(inbox, film_file(tmp_path, 2))
    clock.wait(QUIET_S - 1)
    assert completion.run() == 0
    clock.wait(1)
    assert completion.run() == 1
    case = only_case(sqlite_store)
    assert (case.state, case.site) == (CaseState.RECEIVED, "site-a")
    assert originals(sqlite_store, case.case_id) == 2
    assert states(sqlite_store) == {"taken": 2}
    assert list(inbox.waiting.iterdir()) == []


def test_one_study_does_not_wait_for_another(
    completion: Completion, inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    arrive(inbox, film_file(tmp_path, 1, study=1))
    clock.wait(QUIET_S)
    arrive(inbox, film_file(tmp_path, 1, study=2))
    assert completion.run() == 1
    assert states(sqlite_store) == {"taken": 1, "waiting": 1}


def test_what_is_asked_for_waits_until_another_process_is_done(
    completion: Completion, inbox: Inbox, sqlite_store: Store, tmp_path: Path
) -> None:
    """A pull must not end before its studies are cases: it has something to say of them."""
    arrive(inbox, film_file(tmp_path, 1))
    only = frozenset({str(film().StudyInstanceUID)})
    path = tmp_path / "data" / "scratch" / "completion.lock"
    with ThreadPoolExecutor(1) as pool:
        with alone(path) as held:
            assert held
            taken = pool.submit(completion.run, only=only)
            while not waited_for(path):
                assert not taken.done()
        assert taken.result() == 1


def waited_for(path: Path) -> bool:
    """Whether somebody waits for the lock on a file."""
    waiting = [line for line in Path("/proc/locks").read_text().splitlines() if " -> " in line]
    return any(line.split()[-3].endswith(f":{path.stat().st_ino}") for line in waiting)


def test_what_reading_refuses_is_in_quarantine_with_its_code(
    completion: Completion, inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    good = film_file(tmp_path, 1)
    other_bytes = film_file(tmp_path / "again", 1, AccessionNumber="OTHER")
    cut = film_file(tmp_path, 3)
    cut.write_bytes(cut.read_bytes()[:-500])
    text = tmp_path / "notes.txt"
    text.write_text("no DICOM at all")
    arrive(inbox, good, other_bytes, cut, text)
    clock.wait(QUIET_S)
    assert completion.run() == 1
    assert sorted(map(str, refused_codes(sqlite_store))) == [
        "duplicate_instance",
        "not_dicom",
        "truncated_pixels",
    ]
    kept = {path.read_bytes() for path in inbox.quarantine.iterdir()}
    assert kept == {path.read_bytes() for path in (other_bytes, cut, text)}
    assert list(inbox.waiting.iterdir()) == []


def test_a_study_refused_as_a_whole_is_in_quarantine_as_a_whole(
    completion: Completion, inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    for number in (1, 2):
        # Well-formed fragments that hold no JPEG: found out when they are decoded.
        broken = film(number)
        broken.PixelData = encapsulate([b"\xff\xd8 no JPEG at all"])
        broken["PixelData"].is_undefined_length = True
        path = builders.write(broken, tmp_path / f"{number}.dcm", JPEGBaseline8Bit)
        arrive(inbox, path)
    clock.wait(QUIET_S)
    assert completion.run() == 0
    assert states(sqlite_store) == {"refused": 2}
    assert len(list(inbox.quarantine.iterdir())) == 2


Way = Callable[[Inbox, Path, list[Dataset]], None]


def by_network(inbox: Inbox, folder: Path, films: list[Dataset]) -> None:
    with listening(inbox) as listener:
        assert set(send(listener.port, *films)) == {0}


def by_folder(inbox: Inbox, folder: Path, films: list[Dataset]) -> None:
    watched = folder / "watched"
    for number, image in enumerate(films):
        builders.write(image, watched / f"{number}.dcm")
    watcher = Watcher(watched, inbox, site="site-a", quiet_s=0, clock=inbox.clock)
    assert watcher.poll() == len(films)


def by_dicomweb(inbox: Inbox, folder: Path, films: list[Dataset]) -> None:
    paths = [builders.write(image, folder / f"{n}.dcm") for n, image in enumerate(films)]
    kind, body = related(paths)
    with answering(kind=kind, body=b"".join(body)) as (pacs, _):
        uid = films[0].StudyInstanceUID
        pulled = pull(pacs, uid, inbox, site="site-a", scratch=folder)
        assert pulled.instances == len(films)


@pytest.mark.parametrize("way", [by_network, by_folder, by_dicomweb])
@pytest.mark.parametrize("patients", [("", "A", "B"), ("A", "", "B"), ("B", "A", "")])
def test_a_study_of_two_patients_is_in_quarantine_as_a_whole(
    way: Way,
    patients: tuple[str, ...],
    completion: Completion,
    inbox: Inbox,
    sqlite_store: Store,
    tmp_path: Path,
    clock: Clock,
) -> None:
    way(inbox, tmp_path, [film(n, PatientID=patient) for n, patient in enumerate(patients)])
    clock.wait(QUIET_S)
    assert completion.run() == 0
    assert refused_codes(sqlite_store) == ["study_patients_differ"] * 3
    assert len(list(inbox.quarantine.iterdir())) == 3
    with sqlite_store.read() as session:
        [counted] = quality.judged(session)
    assert [reason.code for reason in counted.reasons] == ["study_patients_differ"]


def test_a_study_whose_patient_was_corrected_is_taken_in_when_it_is_sent_again(
    completion: Completion, inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    right, wrong = film_file(tmp_path, 1), film_file(tmp_path, 2, PatientID="ANOTHER")
    arrive(inbox, right, wrong)
    clock.wait(QUIET_S)
    assert completion.run() == 0
    corrected = film_file(tmp_path / "corrected", 2)
    arrive(inbox, right, corrected)
    clock.wait(QUIET_S)
    assert completion.run() == 1
    case = only_case(sqlite_store)
    assert originals(sqlite_store, case.case_id) == 2
    assert states(sqlite_store) == {"taken": 2, "refused": 1}
    assert [path.read_bytes() for path in inbox.quarantine.iterdir()] == [wrong.read_bytes()]
    # Somebody should see that the study was mended, and whether it is whole.
    assert PATIENTS_DIFFER in case.issues


def test_a_zip_is_taken_in_with_what_it_holds(
    completion: Completion, inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "disc.zip", "w") as disc:
        disc.write(film_file(tmp_path, 1), "a")
        disc.write(film_file(tmp_path, 2), "b")
    arrive(inbox, tmp_path / "disc.zip")
    clock.wait(QUIET_S)
    assert completion.run() == 1
    assert originals(sqlite_store, only_case(sqlite_store).case_id) == 2
    assert states(sqlite_store) == {"taken": 1}


def test_a_restart_goes_on_where_it_was(
    inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    """Killed after the case was committed, before the arrivals were settled."""
    arrive(inbox, film_file(tmp_path, 1))
    clock.wait(QUIET_S)
    scratch = tmp_path / "data" / "scratch"

    class Killed(BaseException):
        pass

    def killed(folder: Path, site: str) -> IngestResult:
        real._take_in(folder, site)
        raise Killed

    real = completing(sqlite_store, inbox, scratch)
    with pytest.raises(Killed):
        Completion(
            sqlite_store, inbox, take_in=killed, quiet_s=lambda site: QUIET_S, scratch=scratch
        ).run()
    assert states(sqlite_store) == {"waiting": 1}
    inbox.close()
    again = Inbox(tmp_path / "data", sqlite_store, clock=clock)
    assert completing(sqlite_store, again, scratch).run() == 0
    assert states(sqlite_store) == {"taken": 1}
    assert originals(sqlite_store, only_case(sqlite_store).case_id) == 1
    again.close()


def test_a_study_that_breaks_the_line_is_tried_and_then_put_aside(
    inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    def broken(folder: Path, site: str) -> IngestResult:
        raise RuntimeError

    arrive(inbox, film_file(tmp_path, 1))
    clock.wait(QUIET_S)
    completion = Completion(
        sqlite_store, inbox, take_in=broken, quiet_s=lambda site: 0, scratch=tmp_path / "scratch"
    )
    for _ in range(TRIES - 1):
        completion.run()
        completion.run()
        clock.wait(PAUSE.total_seconds())
    assert states(sqlite_store) == {"waiting": 1}
    completion.run()
    assert refused_codes(sqlite_store) == [BROKEN]


def test_a_disk_that_is_full_is_no_fault_of_the_study(
    inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    def full(folder: Path, site: str) -> IngestResult:
        raise OSError(28, "No space left on device")

    arrive(inbox, film_file(tmp_path, 1))
    completion = Completion(
        sqlite_store, inbox, take_in=full, quiet_s=lambda site: 0, scratch=tmp_path / "scratch"
    )
    for _ in range(TRIES + 1):
        completion.run()
        clock.wait(PAUSE.total_seconds())
    assert states(sqlite_store) == {"waiting": 1}


def test_a_file_that_somebody_removed_can_be_sent_again(
    completion: Completion, inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    path = film_file(tmp_path, 1)
    arrive(inbox, path)
    for kept in inbox.waiting.iterdir():
        kept.unlink()
    clock.wait(QUIET_S)
    assert completion.run() == 0
    arrive(inbox, path)
    clock.wait(QUIET_S)
    assert completion.run() == 1
