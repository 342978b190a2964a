"""Opening the store: data folder, database at its newest schema, objects, site secret."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, insert, select
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session

from radraft.core.errors import SettingsError
from radraft.core.locks import locked
from radraft.core.settings import Settings
from radraft.store import migrations
from radraft.store.objects import Objects
from radraft.store.tables import SiteRow

BUSY_TIMEOUT_MS = 30_000
SECRET_BYTES = 32


def open_store(settings: Settings) -> Store:
    """The store of `settings`, made if it is not there and migrated to the newest schema.

    Any number of processes may open it at once. SettingsError says what stands in the way.
    """
    folder = settings.data_dir
    url = _url(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        objects = Objects.open(settings.objects_url, folder / "objects")
    except OSError:
        raise SettingsError("data_dir_unusable") from None
    engine = _engine(url)
    try:
        # One process at a time: only one makes the secret and sets SQLite's journal mode.
        with locked(folder / "store.lock"):
            secret = _secret(folder / "site.secret")
            with engine.begin() as connection:
                migrations.upgrade(connection)
                _same_secret(connection, secret)
    except DBAPIError as error:
        engine.dispose()
        raise SettingsError("database_unreachable") from error
    except SettingsError:
        engine.dispose()
        raise
    return Store(engine, objects, secret)


class Store:
    """The database, the objects and the site secret. Threads may share one."""

    def __init__(self, engine: Engine, objects: Objects, secret: bytes) -> None:
        self.engine = engine
        self.objects = objects
        self.secret = secret
        """Key of the hashes that stand for identities; 32 bytes."""
        options: dict[str, Any] = {"read_only": True}
        if engine.dialect.name == "postgresql":
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reading = engine.execution_options(**options)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """One transaction that may write: committed and durable on exit, undone on an error."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent snapshot; waits for no writer. Writing in it is refused."""
        with Session(self._reading, expire_on_commit=False) as session:
            yield session

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def _url(settings: Settings) -> URL:
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


def _engine(url: URL) -> Engine:
    if url.drivername != "sqlite":
        try:
            return create_engine(url, pool_pre_ping=True)
        except ModuleNotFoundError:
            raise SettingsError("database_driver_missing") from None
    engine = create_engine(url)
    event.listen(engine, "connect", _sqlite_connection)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connection(connection: Any, _record: Any) -> None:
    # The driver's own BEGIN comes too late and too weak; `_sqlite_begin` sends it.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # WAL's usual NORMAL may lose the last commits at a power cut.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if reading else 'OFF'}")
    # IMMEDIATE: two writers queue here instead of failing when the second one first writes.
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _secret(path: Path) -> bytes:
    """The site secret, made once. Written beside its place and renamed: never seen half."""
    if not path.exists():
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secrets.token_bytes(SECRET_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        fresh.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    secret = path.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise SettingsError("site_secret_damaged")
    return secret


def _same_secret(connection: Connection, secret: bytes) -> None:
    """Refuse a database whose references another secret made: its patients would not be found."""
    check = hmac.new(secret, b"radraft site secret", hashlib.sha256).hexdigest()
    known = connection.scalar(select(SiteRow.secret_check))
    if known is None:
        connection.execute(insert(SiteRow).values(id=1, secret_check=check))
    elif not hmac.compare_digest(known, check):
        raise SettingsError("site_secret_mismatch")
