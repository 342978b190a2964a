"""Opening the store: data folder, database at its newest schema, objects, site secret."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, insert, inspect, select
from sqlalchemy.engine import URL, Connection, Dialect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from radraft.core.errors import SettingsError, StorageError
from radraft.core.locks import locked
from radraft.core.settings import Settings
from radraft.store import (
    audit,
    faults,
    migrations,
    patient_keys,
    retention,
    signature_chain,
    signature_log as signature_logs,
    site_secret,
    triggers,
    worklist_filling,
    worklist_triggers,
)
from radraft.store.objects import Objects
from radraft.store.signature_log import HeadSender
from radraft.store.tables import Base, SiteRow
from radraft.store.worklist_filling import Filling

log = logging.getLogger("radraft.store.database")

SCHEMA_WITH_KEYS = "0007"
"""The first schema in which every study that was taken in has its keys."""
SCHEMA_WITH_AUDIT = "0013"
"""The first schema that has an audit: whoever brings a database to it writes its first event."""
CONNECT_S = 10
"""How long PostgreSQL may take to answer."""
PROBED_AFTER_S = 1.0
"""A connection to PostgreSQL that was used less long ago is taken to be alive."""
READING = (20, 30)
"""Connections to read with: kept open, and more at need. More than the service has threads; opening
one costs as much as a page."""
WRITING = (3, 5)
"""Connections to write with; who finds none waits `Settings.database_wait_s`."""


def open_store(
    settings: Settings,
    *,
    accept_missing_triggers: bool = False,
    accept_worklist: bool = False,
    on_filling: Callable[[Filling], None] = lambda filling: None,
) -> Store:
    """The store of `settings`, made if it is not there and migrated to the newest schema.

    Any number of processes may open it at once. SettingsError says what stands in the way: a
    database that is not there though its data is (`database_lost`), that cannot be reached, that
    is damaged, or that lacks triggers: those that keep what was signed (`append_only_missing`,
    unless `accept_missing_triggers`), or those that keep the worklist (`worklist_triggers_missing`,
    unless `accept_worklist`).
    After an upgrade the worklist is filled before the store is given out; `on_filling` is called
    after each part.
    """
    folder = settings.data_dir
    url = url_of(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        objects = objects_of(settings)
    except OSError:
        raise SettingsError("data_dir_unusable") from None
    writing, reading = (
        engine_of(url, settings.database_wait_s, read_only=read_only) for read_only in (False, True)
    )
    store: Store | None = None
    try:
        # One process at a time: only one makes the secret and sets SQLite's journal mode.
        with locked(folder / "store.lock"):
            if _no_file(url):
                # Before one is made: what is restored must not meet the leavings of another.
                _require_new(folder, objects)
            with faults.translated(writing=True), writing.begin() as connection:
                secret = _prepare(connection, folder, objects)
                if not accept_missing_triggers:
                    _require_triggers(connection)
                if not accept_worklist:
                    _require_worklist(connection)
            site_secret.keep(folder)
        made = Store(writing, reading, objects, secret, settings.signature_log)
        for filling in worklist_filling.fill(made):
            on_filling(filling)
        if objects.archive is not None:
            with made.read() as session:
                objects.archive.in_use = retention.any_moved(session)
        made.send_heads()
        store = made
    except StorageError as error:
        raise SettingsError(error.code, file=None, **error.details) from None
    except DBAPIError as error:
        # What radraft asks at an opening is refused only by a schema that is not its own.
        log.error("the database has another schema (%s)", faults.technical(error))
        raise SettingsError("database_damaged") from None
    finally:
        if store is None:
            writing.dispose()
            reading.dispose()
    return store


class Store:
    """The database, the objects and the site secret. Threads may share one.

    Writing and reading have connections of their own: however many wait to write, whoever only
    reads finds one.
    """

    def __init__(
        self,
        engine: Engine,
        reading: Engine,
        objects: Objects,
        secret: bytes,
        signature_log: str = "",
    ) -> None:
        self.engine = engine
        self._reading = reading
        self.objects = objects
        self.secret = secret
        """Key of the hashes that stand for identities; 32 bytes."""
        self.signature_key = signature_chain.chain_key(secret)
        """Key of the chain over all signatures."""
        self._info = {
            **signature_chain.session_info(self.signature_key),
            **audit.session_info(audit.audit_key(secret)),
        }
        to = signature_logs.destination(signature_log)
        self.head_sender = None if to is None else HeadSender(self, to)
        """Sends the heads of the chain; None where no log is set."""
        self.closed = False
        """Nobody writes to it any more: who waits to try again need not."""

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """One transaction that may write: committed and durable on exit, undone on an error.

        StorageError where the database cannot do it; then nothing was written.
        """
        with (
            faults.translated(writing=True),
            Session(self.engine, expire_on_commit=False, info=dict(self._info)) as session,
            session.begin(),
        ):
            yield session
        if self.head_sender is not None and signature_chain.grew(session):
            self.head_sender.wake()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent snapshot; waits for no writer. Writing in it is refused. StorageError."""
        with (
            faults.translated(writing=False),
            Session(self._reading, expire_on_commit=False, info=dict(self._info)) as session,
        ):
            yield session

    def send_heads(self) -> None:
        """Send what was left unsent, without waiting for it."""
        if self.head_sender is not None:
            with self.read() as session:
                left = signature_logs.unsent(session)
            if left:
                self.head_sender.wake()

    def close(self) -> None:
        """Give the connections back, after a last attempt to send heads that were not."""
        self.closed = True
        if self.head_sender is not None:
            self.head_sender.close()
        self.engine.dispose()
        self._reading.dispose()


def _prepare(connection: Connection, folder: Path, objects: Objects) -> bytes:
    """Bring the database to the newest schema; the site secret, which a new site has proposed."""
    migrations.lock(connection)
    has_site = inspect(connection).has_table(SiteRow.__tablename__)
    known = connection.scalar(select(SiteRow.secret_check)) if has_site else None
    if known is None:
        _require_new(folder, objects)
        secret = site_secret.propose(folder)
    else:
        secret = site_secret.of_database(folder, known)
    before = migrations.upgrade(connection)
    there = set(inspect(connection).get_table_names())
    missing = sorted(table for table in Base.metadata.tables if table not in there)
    if missing:
        raise SettingsError("database_tables_missing", tables=", ".join(missing))
    if before is not None and before < SCHEMA_WITH_KEYS:
        with Session(connection) as session:
            patient_keys.fill(session)
            session.flush()
    if known is None:
        check = site_secret.fingerprint(secret)
        connection.execute(insert(SiteRow).values(id=1, secret_check=check))
    signature_chain.begin(connection, signature_chain.chain_key(secret))
    if before is None or before < SCHEMA_WITH_AUDIT:
        audit.begin(connection, audit.audit_key(secret))
    return secret


def _require_new(folder: Path, objects: Objects) -> None:
    """SettingsError `database_lost` where an empty database stands beside data of before."""
    found = []
    if site_secret.read(folder) is not None:
        found.append(site_secret.NAME)
    if objects.any():
        found.append("objects")
    if found:
        raise SettingsError("database_lost", found=", ".join(found))


def _no_file(url: URL) -> bool:
    if url.drivername != "sqlite":
        return False
    path = Path(str(url.database))
    return not path.exists() or path.stat().st_size == 0


def _require_triggers(connection: Connection) -> None:
    if missing := triggers.missing(connection):
        raise SettingsError("append_only_missing", triggers=", ".join(missing))


def _require_worklist(connection: Connection) -> None:
    if missing := worklist_triggers.missing(connection):
        raise SettingsError("worklist_triggers_missing", triggers=", ".join(missing))


def objects_of(settings: Settings) -> Objects:
    """Return the place of objects of `settings`; an S3 service is not asked yet. SettingsError
    `objects_url_unsupported`; OSError."""
    return Objects.open(
        settings.objects_url,
        settings.data_dir / "objects",
        settings.archive_dir,
        wait_s=settings.objects_wait_s,
    )


def url_of(settings: Settings) -> URL:
    """Return where the database of `settings` is. SettingsError `database_url_unsupported`."""
    if not settings.database_url:
        return URL.create("sqlite", database=str(settings.data_dir / "radraft.db"))
    try:
        url = make_url(settings.database_url)
    except ArgumentError:
        raise SettingsError("database_url_unsupported") from None
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    in_a_file = url.drivername == "sqlite" and url.database not in {None, "", ":memory:"}
    if not in_a_file and url.drivername != "postgresql+psycopg":
        raise SettingsError("database_url_unsupported")
    return url


def engine_of(url: URL, wait_s: float, *, read_only: bool) -> Engine:
    """Return the engine of a database; nothing is asked of it yet. SettingsError
    `database_driver_missing`."""
    kept, more = READING if read_only else WRITING
    options: dict[str, Any] = {
        "pool_size": kept,
        "max_overflow": more,
        "pool_timeout": wait_s,
        # An error's text goes to logs, and what was to be written may be a patient's name.
        "hide_parameters": True,
    }
    if url.drivername == "sqlite":
        engine = create_engine(url, **options)
        event.listen(engine, "connect", _SqliteConnection(wait_s, read_only=read_only))
        event.listen(engine, "begin", _sqlite_read if read_only else _sqlite_write)
        return engine
    if "connect_timeout" not in url.query:
        options["connect_args"] = {"connect_timeout": CONNECT_S}
    try:
        engine = create_engine(url, **options)
    except ModuleNotFoundError:
        raise SettingsError("database_driver_missing") from None
    event.listen(engine, "connect", _PostgresqlConnection(wait_s))
    probe = _Probe(engine.dialect)
    event.listen(engine, "checkin", probe.note_used)
    event.listen(engine, "checkout", probe.require_alive)
    if read_only:
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return engine


class _SqliteConnection:
    """Sets a new connection up."""

    def __init__(self, wait_s: float, *, read_only: bool) -> None:
        self._wait_ms = round(wait_s * 1000)
        self._read_only = read_only

    def __call__(self, connection: Any, _record: Any) -> None:
        # The driver's own BEGIN comes too late and too weak; `_sqlite_write` sends it.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {self._wait_ms}")
        cursor.execute("PRAGMA journal_mode = WAL")
        # WAL's usual NORMAL may lose the last commits at a power cut.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA query_only = {'ON' if self._read_only else 'OFF'}")
        cursor.close()


def _sqlite_read(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _sqlite_write(connection: Connection) -> None:
    # IMMEDIATE: two writers queue here instead of failing when the second one first writes.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


class _Probe:
    """Has the pool replace its connections where one that was left alone for a while is dead. One
    that was just used is not asked: that would cost every question another on the way."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def note_used(self, _connection: Any, record: ConnectionPoolEntry) -> None:
        """Note that a connection came back."""
        record.info[self] = time.monotonic()

    def require_alive(self, connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        """Raise InvalidatePoolError, upon which the pool connects anew, for one that is dead."""
        used_at = record.info.get(self)
        if used_at is None or time.monotonic() - used_at < PROBED_AFTER_S:
            return
        try:
            self._dialect.do_ping(connection)
        except self._dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


class _PostgresqlConnection:
    """Bounds how long a new connection waits for another's lock, and has it compile no query: none
    here runs for as long as that takes."""

    def __init__(self, wait_s: float) -> None:
        self._wait_ms = round(wait_s * 1000)

    def __call__(self, connection: Any, _record: Any) -> None:
        connection.execute(f"SET lock_timeout = {self._wait_ms}")
        connection.execute("SET jit = off")
        connection.commit()
