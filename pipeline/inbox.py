"""The inbox: an object is acknowledged once its bytes and its row would survive a power cut.

Files carry names of our own (hash and chance), never a UID of the sender's. A row of `arrivals` is
the truth: a file that no row names was never acknowledged. Each data folder has an inbox of its own
with a name of its own, which its rows bear: servers that share one database and not one folder
leave one another's files alone.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import StorageError, StorageUnavailable
from radraft.exchange.incoming_files import link
from radraft.exchange.values import Clock, Incoming, KeepOutcome
from radraft.pipeline._group_commit import GroupCommit
from radraft.store import arrivals, inbox_name
from radraft.studies.one_patient import PATIENTS_DIFFER

if TYPE_CHECKING:
    from radraft.store.database import Store

_LOG = logging.getLogger("radraft.intake")


def now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


class Inbox:
    """Folders `inbox/` and `quarantine/` of the data folder, and their table. Threads and processes
    may share it."""

    def __init__(self, data_dir: Path, store: Store, *, clock: Clock = now, spare: int = 0) -> None:
        """`spare`: bytes of the disk that must stay free; what would need them is not stored."""
        self.waiting = data_dir / "inbox"
        self.quarantine = data_dir / "quarantine"
        for folder in (self.waiting, self.quarantine):
            folder.mkdir(mode=0o700, exist_ok=True)
        self.name = inbox_name.of_folder(data_dir)
        """Which inbox this is, in the rows of what lies in it."""
        self.clock = clock
        self.arrived = threading.Event()
        """Set whenever an object was stored; whoever waits for it clears it."""
        self._store = store
        self._spare = spare
        self._commit = GroupCommit(self._commit_all)
        self._counts: Counter[KeepOutcome] = Counter()
        self._counting = threading.Lock()
        self._held: int | None = _hold(data_dir / "inbox.lock", self._sweep)

    def close(self) -> None:
        """Let another process sweep."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def keep(self, incoming: Incoming, *, source: str, site: str) -> KeepOutcome:
        """Store `incoming`; on return it is durable, whatever the outcome.

        OSError or StorageError where it could not be; then nothing of it is left.
        """
        sha256 = incoming.sha256()
        name = f"{sha256}-{secrets.token_hex(4)}.dcm"
        path = self.waiting / name
        arrival = arrivals.NewArrival(
            incoming.sop_uid,
            incoming.study_uid,
            sha256,
            name,
            source,
            site,
            self.clock(),
            self.name,
        )
        try:
            self._write(path, incoming)
            added = self._commit(arrival)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        except StorageError:
            self._forget(path)
            raise
        except SQLAlchemyError as error:
            # What the store does not know as a fault of storage: the sender is told all the same.
            _LOG.error("an object could not be kept: %s", type(error).__name__)
            self._forget(path)
            raise StorageUnavailable("storage_failed") from None
        if not added:
            path.unlink()
        else:
            self.arrived.set()
        outcome = KeepOutcome.STORED if added else KeepOutcome.KNOWN
        with self._counting:
            self._counts[outcome] += 1
        return outcome

    def counts(self) -> dict[KeepOutcome, int]:
        """Return how many objects came since this process opened the inbox."""
        with self._counting:
            return {outcome: self._counts[outcome] for outcome in KeepOutcome}

    def take(self, taken: Sequence[arrivals.Arrival]) -> None:
        """The objects are with the originals now: their files go."""
        with self._store.begin() as session:
            arrivals.take(session, [arrival.arrival_id for arrival in taken], self.name)
        self._drop(taken)

    def refuse(self, refused: Sequence[arrivals.Arrival], code: str) -> None:
        """Move the objects' files to quarantine: at any moment a row's file is where it says."""
        for arrival in refused:
            link(self.waiting / arrival.file, self.quarantine / arrival.file)
        _sync_folder(self.quarantine)
        with self._store.begin() as session:
            refused_ids = [arrival.arrival_id for arrival in refused]
            arrivals.refuse(session, refused_ids, code, self.name)
        self._drop(refused)

    def lost(self, gone: Sequence[arrivals.Arrival]) -> None:
        """Forget objects whose files somebody took away, so that they can be sent again."""
        _LOG.error("%d files are missing from the inbox", len(gone))
        with self._store.begin() as session:
            arrivals.forget(session, [arrival.arrival_id for arrival in gone], self.name)

    def _write(self, path: Path, incoming: Incoming) -> None:
        size = len(incoming.head) + len(incoming.data_set)
        if self._spare:
            disk = os.statvfs(self.waiting)
            if disk.f_bavail * disk.f_frsize < size + self._spare:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(incoming.head)
            stream.write(incoming.data_set)
            stream.flush()
            os.fsync(descriptor)

    def _commit_all(self, batch: Sequence[arrivals.NewArrival]) -> list[bool]:
        # A row must never name a file whose directory entry a power cut could take.
        _sync_folder(self.waiting)
        with self._store.begin() as session:
            added = arrivals.add(session, batch)
            known = [arrival for arrival in batch if arrival.file not in added]
            # A study whose patient was corrected is sent again, with files that were right before.
            again = arrivals.send_again(session, known, PATIENTS_DIFFER)
            repeated = [arrival for arrival in known if arrival.file not in again]
            moved = arrivals.move_here(session, repeated)
            arrivals.note_repeats(session, repeated)
        for file in again.values():
            # Committed: what cannot be removed now is removed by the next sweep.
            with suppress(OSError):
                (self.quarantine / file).unlink(missing_ok=True)
        stored = {*added, *again, *moved}
        return [arrival.file in stored for arrival in batch]

    def _forget(self, path: Path) -> None:
        """Remove a file whose commit failed, unless it was committed all the same (a connection may
        break after that) or nobody can tell: then the next sweep decides."""
        try:
            with self._store.read() as session:
                named = path.name in arrivals.files(session, arrivals.ArrivalState.WAITING)
        except (SQLAlchemyError, StorageError):
            return
        if not named:
            path.unlink(missing_ok=True)

    def _drop(self, settled: Iterable[arrivals.Arrival]) -> None:
        for arrival in settled:
            (self.waiting / arrival.file).unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove files that a killed process left: no row names them, so nobody was told that they
        arrived (or they are settled, and the kill came before their file went)."""
        here = {
            path.name for folder in (self.waiting, self.quarantine) for path in folder.iterdir()
        }
        if here:
            with self._store.begin() as session:
                arrivals.adopt(session, self.name, here)
        with self._store.read() as session:
            kept = {
                self.waiting: arrivals.files(session, arrivals.ArrivalState.WAITING),
                self.quarantine: arrivals.files(session, arrivals.ArrivalState.REFUSED),
            }
        orphans = [
            path for folder, names in kept.items() for path in folder.iterdir()
            if path.name not in names
        ]  # fmt: skip
        for path in orphans:
            path.unlink()
        if orphans:
            _LOG.info("removed %d files that had not arrived wholly", len(orphans))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _hold(path: Path, sweep: Callable[[], None]) -> int:
    """Hold the lock that says that somebody may be writing; `sweep()` first where nobody is."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        return descriptor
    sweep()
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor
