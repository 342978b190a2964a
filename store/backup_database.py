"""Copies of the database as it stood at one moment, while others write; and the way back."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, create_engine, exists, func, inspect, select, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from radraft.core.errors import BackupError
from radraft.core.settings import Settings
from radraft.store import faults, images, migrations, retention
from radraft.store.backup_pool import copy_file, sync_file, sync_folder, target_errors
from radraft.store.base import Base
from radraft.store.database import engine_of, url_of
from radraft.store.retention import RetentionStep
from radraft.store.tables import (
    AdapterRow,
    CaseRow,
    KeyImageRow,
    PairImageRow,
    RetentionStepRow,
    SignedRow,
    SiteRow,
    StudyIdentityRow,
)
from radraft.store.tables_audit import AuditRow
from radraft.store.tables_studies import ArrivalRow, StudyInstanceRow

log = logging.getLogger("radraft.store.backup")

SQLITE, POSTGRESQL = "sqlite", "postgresql"
FILE_OF = {SQLITE: "database.sqlite", POSTGRESQL: "database.dump"}
"""What a copy is called in a backup, by database."""
PAGES_AT_ONCE = 2_000
AT_ONCE = 1_000
Told = Callable[[int, int], None]
"""Is told how much of how much was copied; sqlite3 has no other way to say it."""
COUNTED: Mapping[str, type[Base]] = {
    "cases": CaseRow,
    "signatures": SignedRow,
    "audit_events": AuditRow,
}


@dataclass(frozen=True)
class Snapshot:
    """What a database said of itself at the moment that was copied."""

    kind: str
    """`SQLITE` or `POSTGRESQL`."""
    schema: str
    secret_check: str
    """Fingerprint of the site secret."""
    counts: Mapping[str, int]


def kind_of(url: URL) -> str:
    """Return which database `url` names."""
    return SQLITE if url.drivername == "sqlite" else POSTGRESQL


@contextmanager
def copied(settings: Settings, file: Path, told: Told) -> Iterator[Connection]:
    """Write the database as it is, without migrating it, to the new `file`; yield a connection
    that reads what was copied, whatever others write meanwhile.

    BackupError as `target_errors`, and for PostgreSQL's programs; StorageError.
    """
    url = url_of(settings)
    if kind_of(url) == SQLITE:
        _copy_sqlite(Path(str(url.database)), file, settings.database_wait_s, told)
        engine = create_engine("sqlite://", creator=_Reading(file), poolclass=NullPool)
    else:
        engine = engine_of(url, settings.database_wait_s, read_only=True)
    try:
        with faults.translated(writing=False), engine.connect() as connection:
            if kind_of(url) == POSTGRESQL:
                _dump(settings, connection, file)
            yield connection
    finally:
        engine.dispose()


def put_back(settings: Settings, file: Path) -> None:
    """Write the copy `file` to where `settings` have their database, which is empty: wholly or not
    at all, and durable on return. BackupError; StorageError; OSError."""
    url = url_of(settings)
    if kind_of(url) == SQLITE:
        place = Path(str(url.database))
        staged = place.with_name(f"{place.name}.restoring")
        copy_file(file, staged)
        staged.rename(place)
        sync_folder(place.parent)
        return
    _run(settings, url, "pg_restore",
         "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction",
         f"--dbname={_libpq(url)}", str(file))  # fmt: skip


def require_empty(settings: Settings) -> None:
    """Require that the database holds nothing. BackupError `restore_not_empty`; StorageError."""
    url = url_of(settings)
    if kind_of(url) == SQLITE:
        if Path(str(url.database)).exists():
            raise BackupError("restore_not_empty", found="RADRAFT_DATABASE_URL")
        return
    engine = engine_of(url, settings.database_wait_s, read_only=True)
    try:
        with faults.translated(writing=False), engine.connect() as connection:
            if inspect(connection).get_table_names():
                raise BackupError("restore_not_empty", found="RADRAFT_DATABASE_URL")
    finally:
        engine.dispose()


def require_source(settings: Settings) -> None:
    """Require a database to copy, and what copies it. BackupError `backup_nothing`, and as
    `require_programs`."""
    url = url_of(settings)
    if kind_of(url) == SQLITE and not Path(str(url.database)).is_file():
        raise BackupError("backup_nothing")
    require_programs(settings)


def require_programs(settings: Settings) -> None:
    """Require PostgreSQL's programs where they will be needed, of its server's version or newer.
    BackupError `backup_program_missing`, `backup_program_old`; StorageError."""
    url = url_of(settings)
    if kind_of(url) == SQLITE:
        return
    engine = engine_of(url, settings.database_wait_s, read_only=True)
    try:
        with faults.translated(writing=False), engine.connect() as connection:
            server = int(connection.scalar(text("SHOW server_version_num"))) // 10_000
    finally:
        engine.dispose()
    for name in ("pg_dump", "pg_restore"):
        program = _program(settings, name)
        said = _output([program, "--version"]).stdout
        found = re.search(r" (\d+)[.\s(]", f"{said} ")
        version = int(found[1]) if found else 0
        if version < server:
            raise BackupError("backup_program_old", program=name, found=version, needed=server)


class _Reading:
    """Opens a copy that nobody writes."""

    def __init__(self, file: Path) -> None:
        self._uri = f"{file.resolve().as_uri()}?immutable=1"

    def __call__(self) -> sqlite3.Connection:
        return sqlite3.connect(self._uri, uri=True)


def _copy_sqlite(source: Path, file: Path, wait_s: float, told: Told) -> None:
    # Not `mode=ro`: a database in WAL mode that nobody has open needs its index made.
    with (
        target_errors(),
        closing(
            sqlite3.connect(f"{source.resolve().as_uri()}?mode=rw", timeout=wait_s, uri=True)
        ) as here,
        closing(sqlite3.connect(file, isolation_level=None)) as there,
    ):
        file.chmod(0o600)
        # A read transaction of our own: what is committed from now on is in none of the steps, and
        # so makes the copying begin anew at none.
        here.execute("BEGIN")
        here.execute("SELECT count(*) FROM sqlite_master").fetchone()

        def progress(_: int, remaining: int, total: int) -> None:
            told(total - remaining, total)

        here.backup(there, pages=PAGES_AT_ONCE, progress=progress, sleep=0)
        here.rollback()
        # One file, without a journal beside it.
        there.execute("PRAGMA journal_mode = DELETE")
    sync_file(file)


def _dump(settings: Settings, connection: Connection, file: Path) -> None:
    # The transaction of `connection` stays open: what it reads is what is written here.
    # However long that takes.
    connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    name = connection.scalar(text("SELECT pg_export_snapshot()"))
    url = url_of(settings)
    with target_errors():
        file.touch(mode=0o600, exist_ok=False)
    _run(settings, url, "pg_dump",
         "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={name}",
         f"--file={file}", f"--dbname={_libpq(url)}")  # fmt: skip
    sync_file(file)


def _run(settings: Settings, url: URL, name: str, *arguments: str) -> None:
    password = {} if url.password is None else {"PGPASSWORD": str(url.password)}
    done = _output([_program(settings, name), *arguments], password)
    if done.returncode == 0:
        return
    # Its text may quote rows: none of it is passed on.
    log.error("%s ended with %d", name, done.returncode)
    if "No space left" in done.stderr or "File too large" in done.stderr:
        raise BackupError("backup_disk_full")
    raise BackupError("backup_program_failed", program=name, status=done.returncode)


def _output(
    command: list[str], environment: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        env={**os.environ, "LC_ALL": "C", **environment},
        check=False,
    )


def _program(settings: Settings, name: str) -> str:
    folder = settings.postgresql_bin
    found = shutil.which(name, path=None if folder is None else str(folder))
    if found is None:
        raise BackupError("backup_program_missing", program=name)
    return found


def _libpq(url: URL) -> str:
    """The URL as PostgreSQL's programs take it: without the password, which others would see."""
    plain = URL.create(
        "postgresql", url.username, None, url.host, url.port, url.database, url.query
    )
    return plain.render_as_string()


def snapshot(connection: Connection, kind: str) -> Snapshot:
    """Return what the database of `connection` says. BackupError `backup_nothing` for one that is
    no site's; `backup_newer`."""
    there = set(inspect(connection).get_table_names())
    schema = migrations.schema_of(connection) if SiteRow.__tablename__ in there else None
    check = None if schema is None else connection.scalar(select(SiteRow.secret_check))
    if schema is None or check is None:
        raise BackupError("backup_nothing")
    require_known(schema)
    return Snapshot(
        kind,
        schema,
        check,
        {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in COUNTED.items()
            if table.__tablename__ in there
        },
    )


def is_newest(settings: Settings) -> bool:
    """Whether the database has the schema that this radraft works with. StorageError."""
    engine = engine_of(url_of(settings), settings.database_wait_s, read_only=True)
    try:
        with faults.translated(writing=False), engine.connect() as connection:
            return migrations.schema_of(connection) == migrations.newest()
    finally:
        engine.dispose()


def require_known(schema: str) -> None:
    """Require a schema that this radraft can read. BackupError `backup_newer`."""
    if schema > migrations.newest():
        raise BackupError("backup_newer", schema=schema, newest=migrations.newest())


def named_files(connection: Connection, inbox: str) -> Iterator[str]:
    """Yield the path, as in a backup, of every file that rows of the database name; of what waits
    or was refused that alone which lies in `inbox` (`store.inbox_name`)."""
    there = set(inspect(connection).get_table_names())
    for table, paths in _NAMES:
        if table.__tablename__ in there:
            yield from paths(connection)
    if ArrivalRow.__tablename__ in there:
        yield from _of_arrivals(connection, inbox)


def uses_archive(settings: Settings) -> bool:
    """Return whether a retention rule moved anything to the archive. StorageError."""
    engine = engine_of(url_of(settings), settings.database_wait_s, read_only=True)
    try:
        with faults.translated(writing=False), engine.connect() as connection:
            if not inspect(connection).has_table(RetentionStepRow.__tablename__):
                return False
            return retention.any_moved(Session(connection))
    finally:
        engine.dispose()


def _of_images(connection: Connection) -> Iterator[str]:
    dropped = _dropped(connection, KeyImageRow.case_id)
    wanted = select(KeyImageRow.image_id).distinct()
    if dropped is not None:
        # What a training pair was made with stays.
        trained = exists().where(PairImageRow.image_id == KeyImageRow.image_id)
        wanted = wanted.where(~dropped | trained)
    for image_id in _streamed(connection, wanted):
        for key in images.keys(image_id):
            yield f"objects/{key}"


def _of_identities(connection: Connection) -> Iterator[str]:
    dropped = _dropped(connection, StudyIdentityRow.case_id)
    wanted = select(StudyIdentityRow.original_keys)
    for keys in _streamed(connection, wanted if dropped is None else wanted.where(~dropped)):
        yield from (f"objects/{key}" for key in keys)


def _of_instances(connection: Connection) -> Iterator[str]:
    dropped = _dropped(connection, StudyInstanceRow.case_id)
    wanted = select(StudyInstanceRow.original_key)
    for key in _streamed(connection, wanted if dropped is None else wanted.where(~dropped)):
        yield f"objects/{key}"


def _dropped(connection: Connection, case_id: Any) -> ColumnElement[bool] | None:
    """Whether a retention rule dropped the images of the case; None where no schema knew of it."""
    if not inspect(connection).has_table(RetentionStepRow.__tablename__):
        return None
    return exists().where(
        RetentionStepRow.case_id == case_id, RetentionStepRow.step == RetentionStep.DROPPED.value
    )


def _of_arrivals(connection: Connection, inbox: str) -> Iterator[str]:
    folders = {"waiting": "inbox", "refused": "quarantine"}
    columns = inspect(connection).get_columns(ArrivalRow.__tablename__)
    of_inbox = any(column["name"] == ArrivalRow.inbox.key for column in columns)
    for state, folder in folders.items():
        wanted = select(ArrivalRow.file).where(ArrivalRow.state == state)
        if of_inbox:
            wanted = wanted.where(ArrivalRow.inbox.in_({inbox, ""}))
        for file in _streamed(connection, wanted):
            yield f"data/{folder}/{file}"


def _of_adapters(connection: Connection) -> Iterator[str]:
    rows = connection.execute(select(AdapterRow.adapter_id, AdapterRow.files))
    for adapter_id, files in rows:
        yield from (f"data/adapters/{adapter_id}/{name}" for name in json.loads(files))


def _streamed(connection: Connection, wanted: Any) -> Iterator[Any]:
    result = connection.execution_options(yield_per=AT_ONCE).execute(wanted)
    for (value,) in result:
        yield value


_NAMES: tuple[tuple[type[Base], Callable[[Connection], Iterator[str]]], ...] = (
    (KeyImageRow, _of_images),
    (StudyIdentityRow, _of_identities),
    (StudyInstanceRow, _of_instances),
    (AdapterRow, _of_adapters),
)
