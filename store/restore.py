"""Putting a backup back to an empty place.

All hashes are compared before anything is written. The database comes last, wholly or not at all:
a restore that was broken off leaves a place that radraft does not open (`database_lost`) and that
no restore writes to again (`restore_not_empty`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from radraft.core.errors import BackupError, SettingsError, StorageUnavailable
from radraft.core.settings import Settings
from radraft.store import (
    backup,
    backup_database,
    backup_manifest,
    outbox,
    sign_ins,
    site_secret,
    soundness,
)
from radraft.store.backup_database import FILE_OF
from radraft.store.backup_index import ARCHIVE, OBJECTS, BackupIndex
from radraft.store.backup_manifest import INDEX, Manifest
from radraft.store.backup_pool import Pool, copy_file, require_same, sync_folder, write_file
from radraft.store.database import objects_of, open_store, url_of
from radraft.store.objects import Archive

Move = Callable[[str, float], None]
"""Moves a progress bar: what is being done, and the part of it from 0 to 1."""


@dataclass(frozen=True)
class Examined:
    """A backup of which every file is what its manifest says."""

    folder: Path
    manifest: Manifest
    secret: bytes
    """The site's."""


@dataclass(frozen=True)
class LaterBackup:
    """A backup of the same site that was made later, and what it has more."""

    folder: Path
    signatures: int
    events: int
    """Of the audit."""


@dataclass(frozen=True)
class Restored:
    """What was put back, and what does not hold of it."""

    examined: Examined
    faults: Mapping[str, int]
    later: LaterBackup | None
    """The newest that lies beside; None where what was put back is the newest there."""
    held: int
    """Reports that waited to be sent, and wait for a person's word now."""


def examine(target: Path, secret_file: Path | None, move: Move) -> Examined:
    """Compare every file of a backup with its manifest and write nothing.

    `target` is one backup's folder, or the folder with several, whose newest is taken.
    `secret_file` has the site secret of a backup that is without. BackupError `backup_none`,
    `backup_newer`, `backup_secret_missing`, `backup_secret_other`, `backup_manifest_changed`,
    `backup_file_missing`, `backup_file_changed`.
    """
    folder = target if (target / backup_manifest.NAME).exists() else backup.newest(target)
    if folder is None:
        raise BackupError("backup_none")
    found = backup_manifest.read(folder)
    secret = _secret(folder, found.manifest, secret_file)
    found.require_sealed(secret)
    for name, beside in found.manifest.beside.items():
        require_same(folder / name, beside.sha256, name)
    done = 0
    pool = _pool(folder)
    with BackupIndex(folder / INDEX) as index:
        for file in index.files():
            require_same(pool.path(file.sha256), file.sha256, f"{backup.POOL}/{file.sha256}")
            done += file.size
            move("hashes", done / max(found.manifest.bytes, 1))
    return Examined(folder, found.manifest, secret)


def restore(settings: Settings, target: Path, secret_file: Path | None, move: Move) -> Restored:
    """Put a backup back where `settings` have their data, which must be empty, and say whether its
    signatures and its audit hold. An earlier schema is migrated, nobody is signed in, and no
    report leaves that waited, until a person says so.

    BackupError as `examine`, and `restore_not_empty`, `restore_other_database`, those of
    PostgreSQL's programs; StorageError and OSError where the place cannot be written: then what was
    written to the data folder is taken away again.
    """
    _require_empty(settings)
    found = examine(target, secret_file, move)
    here = backup_database.kind_of(url_of(settings))
    if here != found.manifest.database:
        raise BackupError("restore_other_database", backup=found.manifest.database, here=here)
    backup_database.require_programs(settings)
    whole = False
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.data_dir.chmod(0o700)
    # A secret without its database is what no opening takes for a new site: it comes first. Of two
    # restores at once one writes it, and the other clears nothing away.
    try:
        write_file(settings.data_dir / site_secret.NAME, found.secret)
    except FileExistsError:
        raise BackupError("restore_not_empty", found="RADRAFT_DATA_DIR") from None
    try:
        if settings.archive_dir is not None:
            Archive(settings.archive_dir).begin()
        _put_keys(settings, found)
        _put_files(settings, found, move)
        move("database", 0.0)
        backup_database.put_back(settings, found.folder / FILE_OF[here])
        whole = True
    finally:
        if not whole:
            _empty(settings.data_dir)
    move("signatures", 0.0)
    store = open_store(settings, accept_missing_triggers=True, accept_worklist=True)
    try:
        # Whoever was signed in then need not be now.
        with store.begin() as session:
            sign_ins.end_everybodys(session)
            # What waited then may have left since, and later versions after it.
            held = outbox.hold_all(session)
        return Restored(found, soundness.faults_of(store), _later(found), held)
    finally:
        store.close()


def _later(found: Examined) -> LaterBackup | None:
    """The newest backup beside the one that was put back, if the same site made it later: an older
    state holds in itself, and only what is newer shows that it is not all."""
    newest = backup.newest(found.folder.resolve().parent)
    if newest is None or newest.name <= found.folder.name:
        return None
    try:
        other = backup_manifest.read(newest)
        other.require_sealed(found.secret)
    except BackupError:
        return None
    mine, theirs = found.manifest.counts, other.manifest.counts
    more = {name: theirs.get(name, 0) - mine.get(name, 0) for name in theirs}
    return LaterBackup(newest, more.get("signatures", 0), more.get("audit_events", 0))


def _secret(folder: Path, manifest: Manifest, given: Path | None) -> bytes:
    if given is not None:
        secret = given.read_bytes()
    elif manifest.with_secret:
        try:
            secret = (folder / site_secret.NAME).read_bytes()
        except FileNotFoundError:
            raise BackupError("backup_file_missing", name=site_secret.NAME) from None
    else:
        raise BackupError("backup_secret_missing")
    if site_secret.fingerprint(secret) != manifest.secret_check:
        raise BackupError("backup_secret_other")
    return secret


def _require_empty(settings: Settings) -> None:
    folder = settings.data_dir
    try:
        found = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    except NotADirectoryError:
        raise SettingsError("data_dir_unusable") from None
    # A file system of its own comes with one.
    if [name for name in found if name != _LOST]:
        raise BackupError("restore_not_empty", found="RADRAFT_DATA_DIR")
    backup_database.require_empty(settings)
    if settings.objects_url and objects_of(settings).any():
        raise BackupError("restore_not_empty", found="RADRAFT_OBJECTS_URL")
    if settings.archive_dir is not None:
        if not settings.archive_dir.is_dir():
            raise StorageUnavailable("archive_unreachable")
        archive = Archive(settings.archive_dir)
        if archive.is_there() or archive.objects.any():
            raise BackupError("restore_not_empty", found="RADRAFT_ARCHIVE_DIR")


def _put_files(settings: Settings, found: Examined, move: Move) -> None:
    pool = _pool(found.folder)
    objects = objects_of(settings)
    archive = objects if objects.archive is None else objects.archive.objects
    done = 0
    with BackupIndex(found.folder / INDEX) as index:
        for file in index.files():
            kind, _, inside = file.path.partition("/")
            source = pool.path(file.sha256)
            if kind == OBJECTS:
                objects.put_file(inside, source)
            elif kind == ARCHIVE:
                archive.put_file(inside, source)
            else:
                place = settings.data_dir / inside
                place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                copy_file(source, place)
                sync_folder(place.parent)
            done += file.size
            move("files", done / max(found.manifest.bytes, 1))


def _put_keys(settings: Settings, found: Examined) -> None:
    for name in backup.KEYS:
        if name in found.manifest.beside:
            copy_file(found.folder / name, settings.data_dir / name)
    sync_folder(settings.data_dir)


def _pool(folder: Path) -> Pool:
    return Pool(folder.resolve().parent / backup.POOL)


def _empty(folder: Path) -> None:
    """Take away what was written: the folder was empty before."""
    for path in folder.iterdir():
        if path.name == _LOST:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


_LOST = "lost+found"
