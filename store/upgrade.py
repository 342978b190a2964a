"""Upgrading the database: on a copy first, which says how long it takes and whether all holds."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ProgrammingError

from radraft.core.errors import BackupError
from radraft.core.scratch import ScratchFolder
from radraft.core.settings import Settings
from radraft.store import backup_database, faults, migrations, site_secret, soundness
from radraft.store.backup_database import FILE_OF, SQLITE
from radraft.store.backup_pool import write_file
from radraft.store.database import engine_of, open_store, url_of

Move = Callable[[str, float], None]
"""Moves a progress bar: what is being done, and the part of it from 0 to 1."""


@dataclass(frozen=True)
class Rehearsed:
    """An upgrade of a copy of the database."""

    before: str
    """Number of the schema."""
    newest: str
    seconds: float
    """What the copy took to migrate, on this machine and as busy as it was."""
    counts: Mapping[str, int]
    """Rows of the database."""
    faults: Mapping[str, int]
    """What does not hold of the copy afterwards, and how often."""


def rehearse(settings: Settings, move: Move) -> Rehearsed:
    """Copy the database as it is, migrate the copy, verify all signatures and the audit of it, and
    take it away. The site's database is only read, and radraft may run.

    BackupError `backup_nothing`, `backup_newer`, `upgrade_copy_refused`, those of PostgreSQL's
    programs, `backup_disk_full`; StorageError; SettingsError.
    """
    backup_database.require_source(settings)
    kind = backup_database.kind_of(url_of(settings))
    with ScratchFolder(settings.data_dir / "scratch", "upgrade-") as folder:
        file = folder / FILE_OF[kind]

        def told(done: int, whole: int) -> None:
            move("copy", done / max(whole, 1))

        with backup_database.copied(settings, file, told) as connection:
            snapshot = backup_database.snapshot(connection, kind)
        secret = site_secret.of_database(settings.data_dir, snapshot.secret_check)
        with _other_place(settings, folder) as place:
            write_file(place.data_dir / site_secret.NAME, secret)
            backup_database.put_back(place, file)
            move("upgrade", 0.0)
            started = time.perf_counter()
            store = open_store(place, accept_missing_triggers=True, accept_worklist=True)
            seconds = time.perf_counter() - started
            try:
                move("signatures", 0.0)
                found = soundness.faults_of(store)
            finally:
                store.close()
    return Rehearsed(snapshot.schema, migrations.newest(), seconds, snapshot.counts, found)


def upgrade(settings: Settings) -> float:
    """Migrate the site's own database and return the seconds it took. SettingsError as
    `open_store`."""
    started = time.perf_counter()
    open_store(settings).close()
    return time.perf_counter() - started


@contextmanager
def _other_place(settings: Settings, folder: Path) -> Iterator[Settings]:
    """Settings of the copy: with the site's objects, which are only read, and sending nothing."""
    data = folder / "data"
    data.mkdir(mode=0o700)
    objects = settings.objects_url or (settings.data_dir / "objects").resolve().as_uri()
    place = settings.model_copy(
        update={
            "data_dir": data,
            "database_url": "",
            "objects_url": objects,
            "signature_log": "",
            "audit_syslog": "",
        }
    )
    url = url_of(settings)
    if backup_database.kind_of(url) == SQLITE:
        yield place
        return
    name = f"{url.database}_upgrade_{secrets.token_hex(4)}"
    _in_server(settings, url, f'CREATE DATABASE "{name}" TEMPLATE template0')
    try:
        there = url.set(database=name).render_as_string(hide_password=False)
        yield place.model_copy(update={"database_url": there})
    finally:
        _in_server(settings, url, f'DROP DATABASE "{name}"')


def _in_server(settings: Settings, url: URL, command: str) -> None:
    engine = engine_of(url, settings.database_wait_s, read_only=False)
    try:
        with (
            faults.translated(writing=True),
            engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection,
        ):
            connection.execute(text(command))
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) == _NOT_ALLOWED:
            raise BackupError("upgrade_copy_refused") from None
        raise
    finally:
        engine.dispose()


_NOT_ALLOWED = "42501"
