"""Frames of the files that studies came as, decoded in a killable worker."""

from __future__ import annotations

import io
import logging
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound, StudyRejected
from radraft.core.scratch import ScratchFolder
from radraft.store import cases, instances, retention
from radraft.studies._child import WorkerLost
from radraft.studies.choose.frames import Taker, cleaned
from radraft.studies.choose.stacks import Slot
from radraft.studies.decode import Decoder, FullFrame
from radraft.studies.deidentify import deidentify
from radraft.studies.read import read
from radraft.studies.values import CheckedStudy, KeyImage, WindowName

if TYPE_CHECKING:
    from radraft.store.database import Store
    from radraft.store.instances import StoredInstance

log = logging.getLogger("radraft.pipeline.frames")

IDLE_S = 30.0
"""Seconds without a question after which the worker ends and the last file is removed, where its
user names no other."""
THUMBNAIL = 256
"""Pixels of a thumbnail's longer side."""


class Originals:
    """Decodes frames, one at a time. `close` ends the worker; the next question starts another."""

    def __init__(self, store: Store, scratch: Path, *, idle_s: float = IDLE_S) -> None:
        self._store = store
        self._scratch = scratch
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._decoder: Decoder | None = None
        self._folder: ScratchFolder | None = None
        self._key = ""
        self._timer: threading.Timer | None = None

    def image(
        self, case_id: str, instance: StoredInstance, frame: int, window: WindowName
    ) -> KeyImage:
        """Return a frame at full depth without burned-in text. StudyRejected where it cannot be
        decoded; NotFound `images_dropped` where a retention rule dropped its file,
        `key_image_unknown` where it is gone otherwise."""
        with self._lock:
            self._stay_awake()
            taker = Taker(self._running(), case_id, cleaned)
            here = replace(instance.deid, path=self._file(case_id, instance.original_key))
            image = taker.image(Slot(here, frame, 0.0), window)
        if image is None:
            raise taker.fault or StudyRejected("no_drawable_image")
        return image

    def full_frame(self, case_id: str, instance: StoredInstance, frame: int) -> FullFrame:
        """Return a frame at full depth and size, text that is burned into it still in it. Errors
        as `image`; StorageUnavailable."""
        with self._lock:
            self._stay_awake()
            return self._running().full_frame(self._file(case_id, instance.original_key), frame)

    def warm(self) -> None:
        """Have the worker ready, so that the first frame need not wait for its start."""
        with self._lock:
            self._stay_awake()
            try:
                self._running().start()
            except (OSError, WorkerLost) as error:
                # The first frame tries again.
                log.warning("no worker for frames yet: %s", type(error).__name__)

    def thumbnail(
        self, case_id: str, instance: StoredInstance, frame: int, window: WindowName
    ) -> bytes:
        """Return a frame as a small 8-bit PNG, made once and then kept."""
        from PIL import Image

        name = f"{instance.deid.instance_ref}-{frame}-{window.value or 'own'}.png"
        key = f"thumbnails/{case_id}/{name}"
        try:
            return self._store.objects.get(key)
        except NotFound:
            pixels = self.image(case_id, instance, frame, window).pixels
        picture = Image.fromarray(pixels)
        picture.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        self._store.objects.put(key, stream.getvalue())
        return stream.getvalue()

    def known(self, case_id: str) -> tuple[StoredInstance, ...]:
        """Return the images of a case in reading order, from their files where the case was taken
        in before images were recorded one by one. NotFound `case_not_found`, `images_dropped`."""
        with self._store.read() as session:
            found = instances.of_case(session, case_id)
            keys = () if found else instances.original_keys(session, case_id)
            dropped = retention.dropped(session, case_id)
        if dropped is not None and not self._any_original(found):
            raise retention.dropped_error(dropped.at)
        if keys:
            self._record(case_id, keys)
            with self._store.read() as session:
                return instances.of_case(session, case_id)
        return found

    def _any_original(self, found: tuple[StoredInstance, ...]) -> bool:
        """Whether images came again after they were dropped."""
        return any(self._store.objects.exists(stored.original_key) for stored in found)

    def close(self) -> None:
        """End the worker and remove what was written for it."""
        with self._lock:
            self._end()

    def _record(self, case_id: str, keys: tuple[str, ...]) -> None:
        with ScratchFolder(self._scratch, f"record-{case_id}-") as folder:
            for number, key in enumerate(keys):
                self._store.objects.get_file(key, folder / f"{number:06d}.dcm")
            for study in read(folder, folder / "work").studies:
                deid = deidentify(CheckedStudy(study, ()), self._store.secret)
                if deid.case_id == case_id:
                    own = tuple(keys[int(instance.path.stem)] for instance in study.instances)
                    with self._store.begin() as session:
                        # Whoever else asks at the same time waits here and finds it done.
                        cases.lock(session, case_id)
                        if not instances.of_case(session, case_id):
                            instances.add(session, study, deid, own)

    def _running(self) -> Decoder:
        if self._decoder is None:
            self._decoder = Decoder()
        return self._decoder

    def _file(self, case_id: str, key: str) -> Path:
        """Return the object as a file; the last one stays, because the frames of one file
        follow."""
        if self._folder is None:
            self._folder = ScratchFolder(self._scratch, "original-")
        path = self._folder.path / "original.dcm"
        if key != self._key:
            self._key = ""
            path.unlink(missing_ok=True)
            try:
                self._store.objects.get_file(key, path)
            except NotFound:
                with self._store.read() as session:
                    dropped = retention.dropped(session, case_id)
                if dropped is not None:
                    raise retention.dropped_error(dropped.at) from None
                raise NotFound("key_image_unknown") from None
            self._key = key
        return path

    def _stay_awake(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(self._idle_s, self.close)
        self._timer.daemon = True
        self._timer.start()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._decoder is not None:
            self._decoder.close()
            self._decoder = None
        if self._folder is not None:
            self._folder.close()
            self._folder, self._key = None, ""
