"""Takes studies out of the inbox once nothing more of them has come for a while."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import StorageError
from radraft.core.locks import alone, locked
from radraft.core.scratch import ScratchFolder
from radraft.exchange.incoming_files import link
from radraft.pipeline.inbox import Inbox
from radraft.pipeline.ingest import LATER, IngestResult
from radraft.store import arrivals, late_images
from radraft.store.database import Store
from radraft.studies.one_patient import PATIENTS_DIFFER

_LOG = logging.getLogger("radraft.intake")

TRIES = 3
"""How often a study that breaks the line is tried before it goes to quarantine."""
PAUSE = timedelta(seconds=10)
"""Between two tries of one study."""
BROKEN = "study_breaks_line"


class Completion:
    """Decides which studies are complete and has them taken in, one after another."""

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        *,
        take_in: Callable[[Path, str], IngestResult],
        quiet_s: Callable[[str], float],
        scratch: Path,
    ) -> None:
        """`take_in(folder, site)` takes in all studies of a folder; `quiet_s(site)` is how many
        seconds nothing of a study may come before it counts as complete."""
        self._store = store
        self._inbox = inbox
        self._take_in = take_in
        self._quiet_s = quiet_s
        self._scratch = scratch
        self._tries: dict[arrivals.WaitingStudy, int] = defaultdict(int)
        self._not_before: dict[arrivals.WaitingStudy, datetime] = {}

    def run(
        self, *, only: frozenset[str] | None = None, stop: threading.Event | None = None
    ) -> int:
        """Take in every complete study; how many cases are new or have new images.

        Of several processes at one data folder one does it and the others return 0; a study that
        lies in two folders in parts is taken in by both, each with its own. `only`: these Study
        Instance UIDs, without waiting for more of them, and after another process is done: each of
        them that was waiting is taken in or refused then. Once `stop` is set, no further study is
        begun.
        """
        taken = 0
        with self._turn(waiting=only is not None) as first:
            if not first:
                return 0
            with self._store.read() as session:
                waiting = arrivals.waiting_studies(session, self._inbox.name)
            self._not_before = {k: v for k, v in self._not_before.items() if k in waiting}
            for study in waiting:
                if stop is not None and stop.is_set():
                    break
                if study.study_uid in only if only is not None else self._is_complete(study):
                    # Whatever makes it wait on passes, but not within a second.
                    self._not_before[study] = self._inbox.clock() + PAUSE
                    taken += self._guarded(study)
        return taken

    @contextmanager
    def _turn(self, *, waiting: bool) -> Iterator[bool]:
        path = self._scratch / "completion.lock"
        if waiting:
            path.parent.mkdir(parents=True, exist_ok=True)
            with locked(path):
                yield True
        else:
            with alone(path) as first:
                yield first

    def _is_complete(self, study: arrivals.WaitingStudy) -> bool:
        quiet = timedelta(seconds=self._quiet_s(study.site))
        since = max(study.last_at + quiet, self._not_before.get(study, study.last_at))
        return since <= self._inbox.clock()

    def _guarded(self, study: arrivals.WaitingStudy) -> int:
        """Take one study in; one that breaks the line must not keep the others out."""
        with self._store.read() as session:
            arrived = arrivals.waiting(session, study, self._inbox.name)
        try:
            return self._settle(arrived, study.site)
        except (StorageError, SQLAlchemyError, OSError) as error:
            # A full disk, a database that restarts: nothing is wrong with the study.
            _LOG.error("a study waits on: %s", type(error).__name__)
        except Exception as error:  # noqa: BLE001 - see above; the type only, for its text may quote
            self._tries[study] += 1
            _LOG.error("a study broke the line: %s", type(error).__name__)
            if self._tries[study] >= TRIES:
                del self._tries[study]
                self._inbox.refuse(arrived, BROKEN)
        return 0

    def _settle(self, arrived: Sequence[arrivals.Arrival], site: str) -> int:
        with ScratchFolder(self._scratch, "arrived-") as folder:
            named, lost = self._gather(arrived, folder)
            if lost:
                self._inbox.lost(lost)
            if not named:
                return 0
            result = self._take_in(folder, site)
            verdicts = _verdicts(result, named, folder)
        self._note_strangers(result, arrived[0].study_uid)
        self._inbox.take([arrival for arrival in named.values() if arrival.file not in verdicts])
        by_code: dict[str, list[arrivals.Arrival]] = defaultdict(list)
        for arrival in named.values():
            if (code := verdicts.get(arrival.file)) is not None and code not in LATER:
                by_code[code].append(arrival)
        for code, refused in by_code.items():
            self._inbox.refuse(refused, code)
            _LOG.warning("%d objects refused: %s", len(refused), code)
        return len(result.cases)

    def _note_strangers(self, result: IngestResult, study_uid: str) -> None:
        """Have readers told that other files of the study are in quarantine: a study of which some
        were corrected and sent again may lack the rest."""
        with self._store.read() as session:
            strangers = arrivals.has_refused(session, study_uid, PATIENTS_DIFFER)
        if strangers:
            with self._store.begin() as session:
                for case_id in (*result.cases, *result.known):
                    late_images.note(session, case_id, late_images.PATIENTS_DIFFER)

    def _gather(
        self, arrived: Sequence[arrivals.Arrival], folder: Path
    ) -> tuple[dict[str, arrivals.Arrival], list[arrivals.Arrival]]:
        """Files of one study in a folder, named in the order of arrival; those that are gone."""
        named, lost = {}, []
        for number, arrival in enumerate(arrived):
            name = f"{number:06d}.dcm"
            try:
                link(self._inbox.waiting / arrival.file, folder / name)
            except FileNotFoundError:
                lost.append(arrival)
            else:
                named[name] = arrival
        return named, lost


def _verdicts(
    result: IngestResult, named: dict[str, arrivals.Arrival], folder: Path
) -> dict[str, str]:
    """Code by inbox file of all that is not with the originals of a case now."""
    # A member of a zip is shown as "000000.dcm!/member": one bad member keeps the zip.
    codes = {
        Path(rejection.file.split("!/")[0]).name: rejection.code for rejection in result.rejections
    }
    of_studies = dict(result.refused)
    unpacked = bool(result.cases or result.known)
    verdicts = {}
    for name, arrival in named.items():
        path = folder / name
        if path in result.stored:
            continue
        code = of_studies.get(path) or codes.get(name)
        if code is None and unpacked and _is_zip(path):
            continue
        verdicts[arrival.file] = code or "not_an_image"
    return verdicts


def _is_zip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"PK\x03\x04"
