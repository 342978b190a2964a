"""Making a backup while radraft runs: database, objects, the data folder's files, the secret.

A target folder keeps any number of backups: each has a folder of its own, and their bytes lie once
in a pool, by their hash, so that a next backup copies only what is new. The order is what makes a
backup whole: the inbox is copied before the database's snapshot and again behind it, and the
objects behind it, so that whatever the snapshot names was written before. The manifest comes last,
in one step: a backup without one is none, and the next one clears it away.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path

import radraft
from radraft.core.errors import BackupError, NotFound
from radraft.core.file_hash import file_sha256
from radraft.core.locks import alone
from radraft.core.settings import Settings
from radraft.store import backup_database, backup_manifest, inbox_name, site_secret
from radraft.store.backup_database import FILE_OF, Snapshot
from radraft.store.backup_index import ARCHIVE, AT_ONCE, OBJECTS, BackupIndex, IndexedFile
from radraft.store.backup_manifest import Manifest, PlainFile
from radraft.store.backup_pool import (
    Pool,
    copy_file,
    read_chunks,
    require_same,
    sync_folder,
    target_errors,
    write_file,
)
from radraft.store.database import objects_of, url_of
from radraft.store.objects import Archive
from radraft.store.sql import chunks

POOL = "pool"
_STAMP = re.compile(r"\d{8}T\d{6}Z(-\d{3})?")
KEYS = ("adapter.key",)
"""Secrets beside the site's own: kept apart with it where a backup is to be without."""
FOLDERS = ("adapters", "trusted_keys", inbox_name.NAME, "inbox", "quarantine")
"""What of the data folder is kept. Logs, scratch files, runs of trainings and evaluations, and what
can be built again are not."""
INCOMING = ("inbox", "quarantine")
Move = Callable[[str, float], None]
"""Moves a progress bar: what is being done, and the part of it from 0 to 1."""


@dataclass(frozen=True)
class Made:
    """A backup that was made."""

    folder: Path
    manifest: Manifest
    copied: int
    """Files whose bytes were not in the target yet."""
    copied_bytes: int
    missing: tuple[str, ...]
    """What the database names and the site had no more."""


def make(settings: Settings, target: Path, move: Move, *, with_secret: bool = True) -> Made:
    """Make a backup below the folder `target` and return what it holds; nothing of the site's data
    is changed, and no other backup there.

    BackupError for what stands in the way; StorageError; SettingsError for a secret that is not
    this database's.
    """
    _require_outside(settings, target)
    _require_archive(settings)
    backup_database.require_source(settings)
    with target_errors():
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        pool = Pool(target / POOL)
    with _only(target):
        with target_errors():
            _clear(target)
            pool.prepare()
            made_at = backup_manifest.now()
            folder = _new_folder(target, f"{made_at:%Y%m%dT%H%M%SZ}")
        work = _Work(settings, folder, pool, _index_before(target), move)
        try:
            snapshot, missing = work.run()
            secret = site_secret.of_database(settings.data_dir, snapshot.secret_check)
            with target_errors():
                work.keep_secrets(with_secret)
                manifest = _manifest(work, snapshot, made_at, with_secret, len(missing))
                part = folder / f"{backup_manifest.NAME}.part"
                write_file(part, backup_manifest.text_of(manifest, secret))
                sync_folder(target)
                part.rename(folder / backup_manifest.NAME)
                sync_folder(folder)
        finally:
            if not (folder / backup_manifest.NAME).exists():
                shutil.rmtree(folder, ignore_errors=True)
    return Made(folder, manifest, work.copied, work.copied_bytes, missing)


def newest(target: Path) -> Path | None:
    """Return the newest whole backup below `target`; None where there is none."""
    found = sorted(path.parent for path in target.glob(f"*/{backup_manifest.NAME}"))
    return found[-1] if found else None


def _index_before(target: Path) -> Path | None:
    """Return the index of the newest backup there; None where none can be believed, and everything
    is copied."""
    folder = newest(target)
    if folder is None:
        return None
    index = folder / backup_manifest.INDEX
    with suppress(BackupError, KeyError):
        known = backup_manifest.read(folder).manifest.beside[backup_manifest.INDEX]
        require_same(index, known.sha256, index.name)
        return index
    return None


@dataclass
class _Work:
    """One backup on its way."""

    settings: Settings
    folder: Path
    pool: Pool
    last: Path | None
    """Index of the backup before."""
    move: Move
    copied: int = 0
    copied_bytes: int = 0
    files: int = 0
    size: int = 0
    _known: BackupIndex | None = field(default=None, init=False)

    def run(self) -> tuple[Snapshot, tuple[str, ...]]:
        """Copy everything; what the database said, and what it names that is nowhere."""
        url = url_of(self.settings)
        kind = backup_database.kind_of(url)
        with BackupIndex(self.folder / backup_manifest.INDEX, new=True) as index:
            self._known = None if self.last is None else BackupIndex(self.last)
            try:
                self._add(index, self._of_folders(INCOMING))
                file = self.folder / FILE_OF[kind]
                with backup_database.copied(self.settings, file, self._told) as connection:
                    snapshot = backup_database.snapshot(connection, kind)
                    # Before hours of copying, for nothing.
                    site_secret.of_database(self.settings.data_dir, snapshot.secret_check)
                    inbox = inbox_name.read(self.settings.data_dir)
                    for paths in chunks(backup_database.named_files(connection, inbox), AT_ONCE):
                        index.name(paths)
                self._add(index, self._of_folders(FOLDERS))
                self._add(index, self._of_objects())
            finally:
                if self._known is not None:
                    self._known.close()
            self.files, self.size = index.extent()
            return snapshot, index.missing()

    def keep_secrets(self, wanted: bool) -> None:
        """Copy the secrets beside the manifest. OSError."""
        for name in (site_secret.NAME, *KEYS):
            if wanted and (self.settings.data_dir / name).exists():
                copy_file(self.settings.data_dir / name, self.folder / name)

    def _told(self, done: int, whole: int) -> None:
        self.move("database", done / max(whole, 1))

    def _add(self, index: BackupIndex, files: Iterable[IndexedFile]) -> None:
        for some in chunks(files, AT_ONCE):
            index.add(some)

    def _of_folders(self, names: Iterable[str]) -> Iterator[IndexedFile]:
        root = self.settings.data_dir
        for name in names:
            for path in sorted((root / name).rglob("*")) or [root / name]:
                inside = path.relative_to(root)
                hidden = any(part.startswith(".") for part in inside.parts)
                if hidden or path.is_symlink() or not path.is_file():
                    continue
                try:
                    state = path.stat()
                    stamp = f"{state.st_ino} {state.st_mtime_ns} {state.st_size}"
                    yield self._kept(
                        f"data/{inside.as_posix()}", state.st_size, stamp, read_chunks(path)
                    )
                except FileNotFoundError:
                    # Taken in meanwhile: then it is with the objects, which come later.
                    continue

    def _of_objects(self) -> Iterator[IndexedFile]:
        objects = objects_of(self.settings)
        places = {OBJECTS: objects}
        if objects.archive is not None and objects.archive.is_there():
            # After the objects: what is moved meanwhile is in the archive before it leaves them.
            places[ARCHIVE] = objects.archive.objects
        # Listed twice: the names of a network's objects are not held.
        whole = sum(item.size for place in places.values() for item in place.listing())
        done = 0
        for name, place in places.items():
            for item in place.listing():
                # What was removed since it was listed is left out; whether a row names it is seen
                # at the end.
                with suppress(NotFound):
                    yield self._kept(
                        f"{name}/{item.key}", item.size, item.stamp, place.chunks(item.key)
                    )
                done += item.size
                self.move("objects", min(done / max(whole, 1), 1.0))

    def _kept(self, path: str, size: int, stamp: str, content: Iterable[bytes]) -> IndexedFile:
        before = None if self._known is None else self._known.find(path)
        if (
            before is not None
            and (before.size, before.stamp) == (size, stamp)
            and self.pool.holds(before.sha256, size)
        ):
            return before
        sha256, size, new = self.pool.add(content)
        self.copied += new
        self.copied_bytes += size if new else 0
        return IndexedFile(path, sha256, size, stamp)


def _manifest(
    work: _Work, snapshot: Snapshot, made_at: datetime, with_secret: bool, missing: int
) -> Manifest:
    beside = {
        path.name: PlainFile(sha256=file_sha256(path), size=path.stat().st_size)
        for path in sorted(work.folder.iterdir())
    }
    return Manifest(
        format=backup_manifest.FORMAT,
        radraft=radraft.__version__,
        made_at=made_at,
        database=snapshot.kind,
        schema_number=snapshot.schema,
        secret_check=snapshot.secret_check,
        with_secret=with_secret,
        counts=dict(snapshot.counts),
        files=work.files,
        bytes=work.size,
        missing=missing,
        beside=beside,
    )


def _require_outside(settings: Settings, target: Path) -> None:
    data, place = settings.data_dir.resolve(), target.resolve()
    if place.is_relative_to(data) or data.is_relative_to(place):
        raise BackupError("backup_inside_data")


def _require_archive(settings: Settings) -> None:
    """Require an archive that is set and was used: without its objects a backup is not whole."""
    if settings.archive_dir is not None:
        archive = Archive(settings.archive_dir)
        if not archive.is_there() and backup_database.uses_archive(settings):
            archive.require()


@contextmanager
def _only(target: Path) -> Iterator[None]:
    with ExitStack() as stack:
        with target_errors():
            first = stack.enter_context(alone(target / ".lock"))
        if not first:
            raise BackupError("backup_running")
        yield


def _clear(target: Path) -> None:
    """Remove what killed backups left; the lock is held, so nobody works there."""
    for path in target.iterdir():
        if _STAMP.fullmatch(path.name) and not (path / backup_manifest.NAME).exists():
            shutil.rmtree(path)


def _new_folder(target: Path, name: str) -> Path:
    """Make the folder of a backup; of two within a second the later sorts behind the earlier."""
    folder = next(
        folder
        for number in count(1)
        if not (folder := target / (name if number == 1 else f"{name}-{number:03d}")).exists()
    )
    folder.mkdir(mode=0o700)
    return folder
