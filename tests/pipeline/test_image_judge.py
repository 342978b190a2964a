"""Images are judged as they arrive: by whom, by what, and what a killed process leaves."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from radraft.core.errors import EncodingError
from radraft.core.settings import Settings
from radraft.exchange.incoming_files import keep_file
from radraft.llm.profiles import load_profile
from radraft.pipeline.completion import Completion
from radraft.pipeline.encoders import extractor_loader
from radraft.pipeline.image_judge import AT_ONCE, RECENT, ImageJudge
from radraft.pipeline.inbox import Inbox
from radraft.pipeline.ingest import IngestResult, ingest
from radraft.store import arrival_lines, image_verdicts, instances, retakes
from radraft.store.arrival_lines import ArrivalLine
from radraft.store.database import Store, open_store
from radraft.store.image_verdicts import TERM
from radraft.store.tables import CaseRow, ImageVerdictRow
from radraft.studies.features import FeatureExtractor, Floats
from radraft.studies.one_image import ImageReader
from radraft.studies.quality.content import shipped
from radraft.studies.quality.judged_by import JudgedBy
from radraft.studies.quality.values import Verdict
from radraft.studies.values import KeyImages
from tests import children, orthanc
from tests.exchange.builders import OURS, QUIET_S, Clock, completing, film, listening, send
from tests.pipeline import films
from tests.studies import builders
from tests.ui.conftest import make_service

DEMO = Path(__file__).parents[2] / "demo" / "studies" / "01" / "CR01.dcm"


@pytest.fixture(scope="module")
def reader() -> Iterator[ImageReader]:
    with ImageReader() as opened:
        opened.start()
        yield opened


def by_rules() -> FeatureExtractor | None:
    return None


def judge_of(store: Store, inbox: Inbox) -> ImageJudge:
    """A judge that nobody started: tests call it themselves."""
    return ImageJudge(store, inbox, inbox.waiting.parent / "scratch", by_rules)


def lines(store: Store, inbox: Inbox) -> list[ArrivalLine]:
    """What is shown, in the order of arrival."""
    with store.read() as session:
        found = arrival_lines.lines(session, inbox.clock() - RECENT, sites=None)
    return sorted(found, key=lambda line: line.arrival_id)


def put(folder: Path, inbox: Inbox, *named: tuple[str, bytes]) -> None:
    """Have files arrive as the watched folder has them."""
    for name, content in named:
        path = folder / name
        path.write_bytes(content)
        keep_file(path, inbox, source="watch", site="site-a")


def test_a_poor_film_and_a_good_one_have_their_verdicts_before_their_study_is_complete(
    sqlite_store: Store, inbox: Inbox, reader: ImageReader
) -> None:
    with listening(inbox) as listener:
        send(listener.port, films.too_bright(1), films.good(2))
    assert judge_of(sqlite_store, inbox).judge_waiting(reader) == 2
    poor, good = lines(sqlite_store, inbox)
    assert (poor.verdict, good.verdict) == (Verdict.POOR, Verdict.GOOD)
    assert [reason.code for reason in poor.reasons] == ["quality_too_bright"]
    assert (good.device.source, good.device.station, good.view) == ("CT1", "ROOM1", "PA")
    assert (good.judged_by, good.waiting) == (JudgedBy.PIXELS, 1)
    with sqlite_store.read() as session:
        assert image_verdicts.thumbnail(session, good.arrival_id).startswith(b"\x89PNG")
        assert retakes.links(session, [2])[2].replaces == 1


def test_all_slices_of_a_study_are_one_line_and_a_film_does_not_wait_for_them(
    sqlite_store: Store, inbox: Inbox, reader: ImageReader
) -> None:
    with listening(inbox) as listener:
        films.send_slices(listener.port, 2 * AT_ONCE + 8)
        send(listener.port, films.good(1, study=2))
    judging = judge_of(sqlite_store, inbox)
    judging.judge_waiting(reader)
    known = {line.modality: line for line in lines(sqlite_store, inbox)}
    assert known["CR"].verdict is Verdict.GOOD
    assert (known["CT"].images, known["CT"].judged) == (2 * AT_ONCE + 8, AT_ONCE - 1)
    while judging.judge_waiting(reader):
        continue
    _, scan = sorted(lines(sqlite_store, inbox), key=lambda line: line.images)
    assert (scan.judged, scan.series, scan.judged_by) == (scan.images, 1, JudgedBy.HEADER)
    assert scan.picture is not None


def test_what_the_rules_do_not_cover_is_not_called_good(
    sqlite_store: Store, inbox: Inbox, reader: ImageReader, tmp_path: Path
) -> None:
    echo = films.good(1, Modality="US", ViewPosition=None)
    path = builders.write(echo, tmp_path / "echo.dcm")
    keep_file(path, inbox, source="watch", site="site-a")
    judge_of(sqlite_store, inbox).judge_waiting(reader)
    [line] = lines(sqlite_store, inbox)
    assert (line.verdict, line.judged_by, line.judged) == (None, JudgedBy.NOTHING, 1)


def test_what_cannot_be_read_says_why_and_an_archive_is_no_fault(
    sqlite_store: Store, inbox: Inbox, reader: ImageReader, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as archive:
        archive.writestr("film.dcm", b"x")
    content = (tmp_path / "made.zip").read_bytes()
    put(tmp_path, inbox, ("letter.txt", b"made-up letter" * 40), ("disc.zip", content))
    judge_of(sqlite_store, inbox).judge_waiting(reader)
    with sqlite_store.read() as session:
        codes = session.scalars(select(ImageVerdictRow.code).order_by(ImageVerdictRow.arrival_id))
        assert list(codes) == ["not_dicom", None]


def test_a_study_that_was_taken_in_before_its_judge_came_is_judged_from_its_originals(
    sqlite_store: Store, inbox: Inbox, reader: ImageReader, clock: Clock, tmp_path: Path
) -> None:
    with listening(inbox) as listener:
        send(listener.port, films.good(1))
    clock.wait(QUIET_S)
    assert completing(sqlite_store, inbox, tmp_path / "scratch").run() == 1
    assert list(inbox.waiting.iterdir()) == []
    judge_of(sqlite_store, inbox).judge_waiting(reader)
    [line] = lines(sqlite_store, inbox)
    assert (line.verdict, line.waiting) == (Verdict.GOOD, 0)


def test_a_film_that_was_taken_again_is_known_to_its_readers_and_in_the_sites_figures(
    sqlite_store: Store, inbox: Inbox, reader: ImageReader, clock: Clock, tmp_path: Path
) -> None:
    with listening(inbox) as listener:
        send(listener.port, films.too_bright(1), films.good(2))
    judge_of(sqlite_store, inbox).judge_waiting(reader)
    clock.wait(QUIET_S)
    take_in = partial(_ingest, store=sqlite_store, scratch=tmp_path / "scratch")
    done = Completion(
        sqlite_store, inbox, take_in=take_in, quiet_s=lambda site: QUIET_S, scratch=tmp_path
    )
    assert done.run() == 1
    with sqlite_store.read() as session:
        [case_id] = session.scalars(select(CaseRow.case_id))
        images = instances.of_case(session, case_id)
        assert retakes.replaced_instances(session, case_id) == {images[0].deid.instance_ref}
        [rate] = retakes.rates(session, clock() - RECENT)
        assert retakes.rates(session, clock() - RECENT, "elsewhere") == ()
    assert (rate.site, rate.films, rate.retaken) == ("site-a", 2, 1)
    assert rate.device.startswith("Maker Model")
    view = make_service(sqlite_store, tmp_path).case_view(case_id)
    assert view.retaken == (images[0].deid.instance_ref,)


def _ingest(folder: Path, site: str, *, store: Store, scratch: Path) -> IngestResult:
    return ingest(folder, store=store, profile=load_profile("starter"), site=site, scratch=scratch)


def test_what_lies_in_another_machines_inbox_is_left_to_it(
    sqlite_store: Store, inbox: Inbox, reader: ImageReader, clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    elsewhere = Inbox(tmp_path / "elsewhere", sqlite_store, clock=clock)
    with listening(elsewhere) as listener:
        send(listener.port, films.good(1))
    assert judge_of(sqlite_store, inbox).judge_waiting(reader) == 0
    assert judge_of(sqlite_store, elsewhere).judge_waiting(reader) == 1
    elsewhere.close()


def test_a_claim_begins_when_the_files_are_at_hand_however_long_they_took(
    sqlite_store: Store, inbox: Inbox, reader: ImageReader, clock: Clock
) -> None:
    with listening(inbox) as listener:
        send(listener.port, films.good(1))
    looked_at = clock()
    at_hand = looked_at + 2 * TERM
    times = iter([looked_at])
    inbox.clock = lambda: next(times, at_hand)
    assert judge_of(sqlite_store, inbox).judge_waiting(reader) == 1
    with sqlite_store.read() as session:
        assert list(session.scalars(select(ImageVerdictRow.claimed_at))) == [at_hand]


def test_an_encoder_that_fails_leaves_the_rules(
    sqlite_store: Store, inbox: Inbox, reader: ImageReader
) -> None:
    def broken() -> FeatureExtractor | None:
        raise EncodingError("encoder_weights_invalid")

    with listening(inbox) as listener:
        send(listener.port, films.too_bright(1))
    judging = ImageJudge(sqlite_store, inbox, inbox.waiting.parent / "scratch", broken)
    judging.load_encoder()
    judging.judge_waiting(reader)
    [line] = lines(sqlite_store, inbox)
    assert (line.verdict, line.judged_by) == (Verdict.POOR, JudgedBy.PIXELS)


@pytest.mark.slow
def test_the_encoder_looks_at_a_chest_and_stores_nothing_of_pixels_that_may_name_somebody(
    sqlite_store: Store, inbox: Inbox, reader: ImageReader
) -> None:
    pytest.importorskip("torch")
    keep_file(DEMO, inbox, source="watch", site="site-a")
    scratch = inbox.waiting.parent / "scratch"
    judging = ImageJudge(sqlite_store, inbox, scratch, extractor_loader(sqlite_store))
    judging.load_encoder()
    judging.judge_waiting(reader)
    [line] = lines(sqlite_store, inbox)
    assert (line.judged_by, line.verdict) == (JudgedBy.CONTENT, Verdict.GOOD)
    objects = inbox.waiting.parent / "objects"
    assert [path for path in objects.rglob("*") if path.is_file()] == []


class Stuck:
    """Features that nobody gets before `go_on`."""

    encoder_id = shipped().encoder_id

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def extract(self, images: KeyImages) -> Floats:
        self.begun.set()
        assert self.go_on.wait(60)
        raise EncodingError("encoder_pixels_invalid")


def test_a_sender_is_answered_while_an_image_is_being_judged(
    sqlite_store: Store, inbox: Inbox
) -> None:
    stuck = Stuck()
    judging = ImageJudge(sqlite_store, inbox, inbox.waiting.parent / "scratch", lambda: stuck)
    judging.load_encoder()
    with listening(inbox) as listener:
        judging.start()
        assert send(listener.port, films.good(1)) == [0]
        assert stuck.begun.wait(60)
        assert send(listener.port, films.good(2)) == [0]
        assert [line.judged for line in lines(sqlite_store, inbox)] == [0]
        stuck.go_on.set()
    judging.stop()
    judging.join(60)
    assert not judging.is_alive()


def test_while_the_encoder_loads_the_rules_judge(sqlite_store: Store, inbox: Inbox) -> None:
    go_on, judged = threading.Event(), threading.Event()

    def slow() -> FeatureExtractor | None:
        assert go_on.wait(60)
        return None

    class Told(ImageJudge):
        def judge_waiting(self, reader: ImageReader) -> int:
            found = super().judge_waiting(reader)
            if found:
                judged.set()
            return found

    judging = Told(sqlite_store, inbox, inbox.waiting.parent / "scratch", slow)
    with listening(inbox) as listener:
        judging.start()
        send(listener.port, films.too_bright(1))
        assert judged.wait(60)
    [line] = lines(sqlite_store, inbox)
    assert (line.verdict, line.judged_by) == (Verdict.POOR, JudgedBy.PIXELS)
    go_on.set()
    judging.stop()
    judging.join(60)


def test_nothing_of_a_patient_is_logged(
    sqlite_store: Store, inbox: Inbox, reader: ImageReader, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="radraft")
    told = films.too_bright(1)
    with listening(inbox) as listener:
        send(listener.port, told, film(2, study=3, PatientName="Made^Up"))
    judge_of(sqlite_store, inbox).judge_waiting(reader)
    for text in ("Made", told.PatientID, told.StudyInstanceUID, "ROOM1", "CT1"):
        assert text not in caplog.text


# --- several processes


def judge_until_nothing_waits(folder: str) -> None:
    """In a process of its own: judge what it can get."""
    store = open_store(Settings(data_dir=Path(folder)))
    inbox = Inbox(Path(folder), store)
    judging = judge_of(store, inbox)
    with ImageReader() as own:
        while judging.judge_waiting(own):
            continue
    inbox.close()
    store.close()


@pytest.mark.slow
def test_two_processes_judge_each_image_once(tmp_path: Path, migrated_folder: Path) -> None:
    folder = shutil.copytree(migrated_folder, tmp_path / "data")
    store = open_store(Settings(data_dir=folder))
    inbox = Inbox(folder, store)
    with listening(inbox) as listener:
        send(listener.port, *(films.good(n, study=n) for n in range(1, 25)))
    children.together(judge_until_nothing_waits, str(folder), processes=2)
    with store.read() as session:
        rows = session.scalars(select(ImageVerdictRow)).all()
        assert [(row.tries, row.owner, row.verdict) for row in rows] == [(1, "", "good")] * 24
    inbox.close()
    store.close()


JUDGING = """
import sys, threading
from pathlib import Path
from radraft.core.settings import Settings
from radraft.pipeline.image_judge import ImageJudge
from radraft.pipeline.inbox import Inbox
from radraft.pipeline.ingest import IngestResult, ingest
from radraft.store.database import open_store
from radraft.studies.one_image import ImageReader
from radraft.studies.quality.content import shipped

class Stuck:
    encoder_id = shipped().encoder_id

    def extract(self, images):
        print("at work", flush=True)
        threading.Event().wait()

data = Path(sys.argv[1])
store = open_store(Settings(data_dir=data))
judge = ImageJudge(store, Inbox(data, store), data / "scratch", Stuck)
judge.load_encoder()
with ImageReader() as reader:
    judge.judge_waiting(reader)
"""


@pytest.mark.slow
def test_what_a_killed_process_was_judging_another_judges(
    tmp_path: Path, migrated_folder: Path, reader: ImageReader
) -> None:
    folder = shutil.copytree(migrated_folder, tmp_path / "data")
    store = open_store(Settings(data_dir=folder))
    inbox = Inbox(folder, store)
    with listening(inbox) as listener:
        send(listener.port, films.too_bright(1), films.good(2))
    child = subprocess.Popen(
        [sys.executable, "-c", JUDGING, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "at work\n"
    child.kill()
    child.communicate()
    judging = judge_of(store, inbox)
    assert judging.judge_waiting(reader) == 0
    claimed = inbox.clock()
    inbox.clock = lambda: claimed + TERM + timedelta(seconds=1)
    assert judging.judge_waiting(reader) == 2
    assert [line.verdict for line in lines(store, inbox)] == [Verdict.POOR, Verdict.GOOD]
    inbox.close()
    store.close()


def test_an_image_that_takes_its_judges_with_it_is_given_up(
    sqlite_store: Store, inbox: Inbox, reader: ImageReader, clock: Clock
) -> None:
    with listening(inbox) as listener:
        send(listener.port, films.good(1))
    for owner in ("a", "b", "c"):
        with sqlite_store.begin() as session:
            found = image_verdicts.unjudged(session, clock() - RECENT, clock())
            assert len(image_verdicts.claim(session, found, owner, clock())) == 1
        clock.wait(TERM.total_seconds() + 1)
    assert judge_of(sqlite_store, inbox).judge_waiting(reader) == 1
    [line] = lines(sqlite_store, inbox)
    assert (line.code, line.verdict, line.judged) == ("judging_breaks", None, 1)


@pytest.mark.pacs
def test_what_dcmtk_sends_is_judged(
    sqlite_store: Store, inbox: Inbox, reader: ImageReader, tmp_path: Path
) -> None:
    orthanc.needs("storescu")
    path = builders.write(films.too_bright(1), tmp_path / "film.dcm")
    with listening(inbox) as listener:
        command = ["storescu", "-aet", "DR1", "-aec", OURS, "127.0.0.1", str(listener.port)]
        subprocess.run([*command, str(path)], check=True, capture_output=True)
        subprocess.run([*command, str(path)], check=True, capture_output=True)
    judge_of(sqlite_store, inbox).judge_waiting(reader)
    [line] = lines(sqlite_store, inbox)
    assert (line.verdict, line.device.source, line.repeats) == (Verdict.POOR, "DR1", 1)
