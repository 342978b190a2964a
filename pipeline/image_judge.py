"""Judges each image as it arrives, so that it can be taken again while the patient is there.

A thread beside the receiver, which waits for nothing of it. What it judges it claims in the store:
a process that is killed at it is followed by another, or by its own next start.
"""

from __future__ import annotations

import io
import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import EncodingError, NotFound, StorageError, StudyRejected
from radraft.core.scratch import ScratchFolder
from radraft.exchange.incoming_files import link
from radraft.pipeline.encoders import StoredFeatures
from radraft.pipeline.file_check import file_judge
from radraft.store import image_verdicts, retakes
from radraft.store.arrival_lines import image_line, study_line
from radraft.store.arrivals import ArrivalState
from radraft.store.image_verdicts import BREAKS, MOST_TRIES, ImageHeader, ImageVerdict, Unjudged
from radraft.studies import _sop
from radraft.studies._child import WorkerLost
from radraft.studies.one_image import ImageReader
from radraft.studies.quality.check import check
from radraft.studies.quality.judge import judge
from radraft.studies.quality.judged_by import JudgedBy, judged_by
from radraft.studies.quality.limits import About, rules
from radraft.studies.quality.tags import body_part
from radraft.studies.retakes import WITHIN, find_retakes
from radraft.studies.values import KeyImages, Study

if TYPE_CHECKING:
    from radraft.pipeline.inbox import Inbox
    from radraft.store.database import Store
    from radraft.studies.decode import Frame
    from radraft.studies.features import FeatureExtractor
    from radraft.studies.quality.values import StudyQuality

_LOG = logging.getLogger("radraft.intake")

LOOK_S = 0.5
"""How often the store is asked for arrivals of other processes."""
RECENT = timedelta(hours=1)
"""What came before is not judged any more: the patient is gone."""
AT_ONCE = 32
"""Images of one claim: slices, whose header alone is read, share its two transactions."""
BEAT_S = 5.0
"""Seconds between two signs of life while images of one claim are judged."""
KEPT = timedelta(days=1)
"""How long small pictures are kept."""
_TIDY_S = 600.0
_DEVICE_S = 60.0
"""How often a device that goes on sending is noted."""
_ENCODER_AGAIN_S = 60.0
"""Until an encoder that failed is asked again."""
THUMBNAIL = 160
"""Pixels of a small picture's longer side."""
_MOST_LINES = 10_000
_TOO_SLOW = frozenset({"header_timeout", "decode_timeout"})


class ImageJudge(threading.Thread):
    """Judges what arrives in `inbox`, until `stop` is called."""

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        scratch: Path,
        load_extractor: Callable[[], FeatureExtractor | None],
    ) -> None:
        super().__init__(name="radraft-image-judge", daemon=True)
        self.owner = f"{socket.gethostname()[:24]}-{uuid.uuid4().hex[:16]}"
        self._store = store
        self._inbox = inbox
        self._scratch = scratch
        self._load_extractor = load_extractor
        self._stop_event = threading.Event()
        self._extractor: FeatureExtractor | None = None
        self._loader: threading.Thread | None = None
        self._encoder_from = 0.0
        self._devices: dict[tuple[str, str, str], float] = {}
        self._pictured: set[str] = set()
        self._tidied = -_TIDY_S
        self._beaten = 0.0

    def stop(self) -> None:
        """End after the image that is being judged."""
        self._stop_event.set()
        self._inbox.arrived.set()

    def run(self) -> None:
        """Thread body."""
        with ImageReader() as reader:
            self._start(reader)
            while not self._stop_event.is_set():
                self._inbox.arrived.clear()
                self._load_beside()
                try:
                    judged = self.judge_waiting(reader)
                    self._tidy()
                except (StorageError, SQLAlchemyError, OSError) as error:
                    _LOG.error("judging images paused: %s", type(error).__name__)
                    judged = 0
                    self._stop_event.wait(LOOK_S)
                if not judged:
                    self._inbox.arrived.wait(LOOK_S)

    def judge_waiting(self, reader: ImageReader) -> int:
        """Judge what waits, at most `AT_ONCE` images; how many this process claimed."""
        looked_at = self._inbox.clock()
        with self._store.read() as session:
            found = image_verdicts.unjudged(session, looked_at - RECENT, looked_at)
        if not found:
            return 0
        with ScratchFolder(self._scratch, "judging-") as folder:
            here = self._at_hand(found, folder)
            if not here:
                return 0
            with self._store.begin() as session:
                wanted = [waiting.arrival for waiting in here]
                # By now: fetching the files may have taken longer than a claim holds.
                mine = image_verdicts.claim(session, wanted, self.owner, self._inbox.clock())
            claimed = {arrival.arrival_id for arrival in mine}
            work = [waiting for waiting in here if waiting.arrival.arrival_id in claimed]
            slow: set[int] = set()
            try:
                self._judge_all(work, reader, slow)
            finally:
                # What a full disk or a stop left unjudged need not wait for its claim to expire.
                with suppress(StorageError, SQLAlchemyError), self._store.begin() as session:
                    image_verdicts.give_back(session, self.owner, claimed - slow)
        return len(mine)

    def load_encoder(self) -> None:
        """Load the encoder, or note that there is none for a while: then rules judge alone."""
        try:
            extractor = self._load_extractor()
        except EncodingError as error:
            self._encoder_failed(error)
            return
        if isinstance(extractor, StoredFeatures):
            extractor = extractor.unstored
        self._encoder_from = time.monotonic() + (_ENCODER_AGAIN_S if extractor is None else 0.0)
        self._extractor = extractor

    def _load_beside(self) -> None:
        """Load the encoder in a thread of its own: the first images do not wait for it."""
        missing = self._extractor is None and time.monotonic() >= self._encoder_from
        if missing and (self._loader is None or not self._loader.is_alive()):
            self._loader = threading.Thread(
                target=self.load_encoder, name="radraft-image-judge-encoder", daemon=True
            )
            self._loader.start()

    def _start(self, reader: ImageReader) -> None:
        """Have a worker ready before the first image comes."""
        try:
            reader.start()
        except (OSError, WorkerLost) as error:
            # The first image tries again.
            _LOG.error("no worker for judging images yet: %s", type(error).__name__)

    def _at_hand(self, found: Sequence[Unjudged], folder: Path) -> list[_Waiting]:
        """Return those whose file this process can read, at most `AT_ONCE`, each under a name that
        stays when its study is taken in meanwhile."""
        here: list[_Waiting] = []
        for arrival in found:
            if len(here) >= AT_ONCE:
                break
            path = folder / f"{arrival.arrival_id}.dcm"
            if self._fetch(arrival, path):
                here.append(_Waiting(arrival, path))
        return here

    def _fetch(self, arrival: Unjudged, path: Path) -> bool:
        """Have the arrival's file at `path`; False where it is in another machine's inbox."""
        held = {
            ArrivalState.WAITING: self._inbox.waiting,
            ArrivalState.REFUSED: self._inbox.quarantine,
        }
        if arrival.file:
            # Its state may have changed since it was read.
            for folder in (held[arrival.state], self._inbox.waiting, self._inbox.quarantine):
                with suppress(FileNotFoundError):
                    link(folder / arrival.file, path)
                    return True
            return False
        with self._store.read() as session:
            key = image_verdicts.original_key(session, arrival.study_uid, arrival.sop_uid)
        if key is None:
            return False
        with suppress(NotFound):
            self._store.objects.get_file(key, path)
            return True
        return False

    def _judge_all(self, work: Sequence[_Waiting], reader: ImageReader, slow: set[int]) -> None:
        """Judge `work`; what took too long is added to `slow` and tried again when its claim has
        expired: on a machine that is overloaded nothing is wrong with the image."""
        self._beaten = time.monotonic()
        found: list[ImageVerdict] = []
        try:
            for waiting in work:
                if self._stop_event.is_set():
                    return
                verdict = self._guarded(waiting, reader)
                if verdict.code in _TOO_SLOW and waiting.arrival.tries + 1 < MOST_TRIES:
                    slow.add(waiting.arrival.arrival_id)
                    continue
                found.append(verdict)
                is_film = verdict.header.modality in _sop.RADIOGRAPHS
                if is_film or time.monotonic() - self._beaten > BEAT_S:
                    self._save(found, work, slow)
                    found = []
        finally:
            if found:
                self._save(found, work, slow)

    def _guarded(self, waiting: _Waiting, reader: ImageReader) -> ImageVerdict:
        """Judge one image; what breaks the line here must not keep the others waiting."""
        arrival = waiting.arrival
        if arrival.tries >= MOST_TRIES:
            # It took as many processes with it.
            return ImageVerdict(arrival.arrival_id, study_line(arrival.study_uid), code=BREAKS)
        try:
            return self._judge(waiting, reader)
        except StudyRejected as error:
            line = study_line(arrival.study_uid)
            return ImageVerdict(arrival.arrival_id, line, code=error.code)
        except (StorageError, SQLAlchemyError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - see above; the type only, for its text may quote
            _LOG.error("an image could not be judged: %s", type(error).__name__)
            return ImageVerdict(arrival.arrival_id, study_line(arrival.study_uid), code=BREAKS)

    def _judge(self, waiting: _Waiting, reader: ImageReader) -> ImageVerdict:
        arrival = waiting.arrival
        study = None if _is_zip(waiting.path) else reader.study(waiting.path)
        if study is None:
            line = study_line(arrival.study_uid)
            return ImageVerdict(arrival.arrival_id, line, judged_by=JudgedBy.NOTHING)
        header = _header(study)
        film = study.modality in _sop.RADIOGRAPHS
        line = image_line(arrival.arrival_id) if film else study_line(study.study_uid)
        number = study.instances[0].frames // 2
        try:
            frame = reader.frame(waiting.path, number) if film or self._first_of(line) else None
        except StudyRejected as error:
            return ImageVerdict(arrival.arrival_id, line, header, code=error.code)
        if film and frame is not None:
            found = self._of_film(study, frame, number)
        else:
            found = _of_header(study)
        by = judged_by(study, found)
        return ImageVerdict(
            arrival.arrival_id,
            line,
            header,
            # Of a kind that no rule is about nothing is said, rather than that it is good.
            verdict=None if by is JudgedBy.NOTHING and not found.reasons else found.verdict,
            judged_by=by,
            reasons=found.reasons,
            thumbnail=None if frame is None else _thumbnail(frame),
        )

    def _of_film(self, study: Study, frame: Frame, number: int) -> StudyQuality:
        """Judge a film as it came: to take out text that is burned in costs more than all the rest,
        and nothing of what is looked at is stored."""
        extractor = self._extractor
        if extractor is not None and time.monotonic() >= self._encoder_from:
            try:
                return file_judge(extractor)(study, frame, number)
            except EncodingError as error:
                self._encoder_failed(error)
        return file_judge()(study, frame, number)

    def _encoder_failed(self, error: EncodingError) -> None:
        _LOG.error("images are judged by rules alone for a while: %s", error.code)
        self._encoder_from = time.monotonic() + _ENCODER_AGAIN_S

    def _first_of(self, line: str) -> bool:
        """Return whether a line has no small picture yet, as far as this process knows."""
        if line in self._pictured:
            return False
        if len(self._pictured) >= _MOST_LINES:
            self._pictured.clear()
        self._pictured.add(line)
        return True

    def _save(
        self, found: Sequence[ImageVerdict], work: Sequence[_Waiting], slow: set[int]
    ) -> None:
        """Keep verdicts, note their devices and link retakes; the claim on the rest lives on, but
        for what was too slow."""
        now = self._inbox.clock()
        sources = {waiting.arrival.arrival_id: waiting.arrival for waiting in work}
        with self._store.begin() as session:
            kept = set(image_verdicts.save(session, found, self.owner, now))
            image_verdicts.beat(session, self.owner, sources.keys() - slow, now)
            for verdict in found:
                if verdict.arrival_id in kept:
                    arrival = sources[verdict.arrival_id]
                    device = (arrival.site, arrival.source, verdict.header.station)
                    if self._to_note(device):
                        image_verdicts.note_device(session, device, now)
        self._beaten = time.monotonic()
        films = [
            verdict.arrival_id
            for verdict in found
            if verdict.arrival_id in kept and verdict.header.modality in _sop.RADIOGRAPHS
        ]
        for arrival_id in films:
            link_retakes(self._store, arrival_id, now)

    def _to_note(self, device: tuple[str, str, str]) -> bool:
        now = time.monotonic()
        if now - self._devices.get(device, -_DEVICE_S) < _DEVICE_S:
            return False
        self._devices[device] = now
        return True

    def _tidy(self) -> None:
        if time.monotonic() - self._tidied < _TIDY_S:
            return
        self._tidied = time.monotonic()
        with self._store.begin() as session:
            gone = image_verdicts.drop_thumbnails(session, self._inbox.clock() - KEPT)
        if gone:
            _LOG.info("removed %d small pictures", gone)


@dataclass(frozen=True)
class _Waiting:
    """An arrival and a name of its file that stays."""

    arrival: Unjudged
    path: Path


def link_retakes(store: Store, arrival_id: int, now: datetime) -> None:
    """Link the retakes among the films that came about when this one did, where there are any.

    After the verdict was committed: of two processes that judge a film and its retake at once, the
    later one sees both.
    """
    with store.read() as session:
        taken = retakes.exposure(session, arrival_id)
        found = find_retakes(retakes.near(session, taken, WITHIN))
    if found:
        with store.begin() as session:
            retakes.link_by_rule(session, found, now)


def _of_header(study: Study) -> StudyQuality:
    """Judge by what a single image's header says: what only a whole series can lack is not asked
    of it."""
    checked = check(study)
    of_series = rules(About.SERIES)
    asked = tuple(reason for reason in checked.reasons if reason.code not in of_series)
    return judge(replace(checked, reasons=asked), KeyImages("", ()))


def _is_zip(path: Path) -> bool:
    """Return whether a file is an archive: what is in it is read when it is taken in."""
    with path.open("rb") as stream:
        return stream.read(4) == b"PK\x03\x04"


def _header(study: Study) -> ImageHeader:
    image = study.instances[0]
    device = image.technique
    return ImageHeader(
        study_uid=study.study_uid,
        series_uid=image.series_uid,
        patient_name=study.patient.name,
        patient_id=study.patient.patient_id,
        accession=study.accession,
        modality=study.modality if study.modality in _sop.MODALITY_CODES else "OT",
        body_part=body_part(study),
        view=image.view_position,
        laterality=image.technique.laterality,
        manufacturer=device.manufacturer.strip(),
        model=device.model.strip(),
        station=device.station.strip(),
    )


def _thumbnail(frame: Frame) -> bytes:
    """Return a frame as it came as a small 8-bit PNG, text that is burned in among it."""
    from PIL import Image

    picture = Image.fromarray(frame.pixels)
    picture.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
