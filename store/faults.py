"""What the drivers report, as radraft's own errors: which of them, and what to do about it."""

from __future__ import annotations

import errno
import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, NoResultFound, SQLAlchemyError, TimeoutError as PoolTimeout

from radraft.core.errors import (
    ReportError,
    RetentionError,
    StorageDamaged,
    StorageError,
    StorageUnavailable,
)

log = logging.getLogger("radraft.store")

BUSY = "database_busy"
UNREACHABLE = "database_unreachable"
FULL = "disk_full"
READ_ONLY = "storage_read_only"
FAILED = "storage_failed"
DAMAGED = "database_damaged"
LOGIN = "database_login_refused"

# https://www.sqlite.org/rescode.html: extended codes before their primary ones. A limit on a file's
# size, and a full disk that keeps the index of the WAL from growing, are told as failed writes.
_SQLITE = {
    sqlite3.SQLITE_IOERR_WRITE: FULL,
    sqlite3.SQLITE_IOERR_SHMSIZE: FULL,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_PERM: READ_ONLY,
    sqlite3.SQLITE_IOERR: FAILED,
    sqlite3.SQLITE_CANTOPEN: UNREACHABLE,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
}
# PostgreSQL, appendix A: whole codes before their classes.
_POSTGRESQL = {
    "53100": FULL,
    "53": BUSY,
    "55P03": BUSY,
    "57014": BUSY,
    "40": BUSY,
    "25006": READ_ONLY,
    "28": LOGIN,
    "08": UNREACHABLE,
    "57P": UNREACHABLE,
    "3D": UNREACHABLE,
    "58": FAILED,
    "XX": DAMAGED,
    "42P01": DAMAGED,
}
_OF_DISK = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EFBIG: FULL,
    errno.EROFS: READ_ONLY,
    errno.EACCES: READ_ONLY,
    errno.EPERM: READ_ONLY,
    errno.EIO: FAILED,
}
# libpq gives a refused log-in as text alone; in another language it counts as unreachable.
_REFUSED = re.compile(r"authentication failed|no password supplied|role .* does not exist|pg_hba")
_OS_ERROR = re.compile(r"os error (\d+)")


@contextmanager
def translated(*, writing: bool) -> Iterator[None]:
    """Raise what the database reports as StorageError; what is a mistake of ours stays as it is.

    Without the driver's text, which may quote what was to be written.
    """
    try:
        yield
    except SQLAlchemyError as error:
        found = storage_error(error, writing=writing)
        if found is None:
            raise
        log.warning("%s (%s)", found.code, technical(error))
        raise found from None


@contextmanager
def decoding(table: str, key: str | int) -> Iterator[None]:
    """Raise StorageDamaged `row_damaged` where what is stored in a row is no value of its kind.

    `key` names the row for who mends it: never by an identity.
    """
    try:
        yield
    except (
        ValueError,
        TypeError,
        KeyError,
        NoResultFound,
        ReportError,
        RetentionError,
    ) as error:
        # The kind only: its text quotes what it choked on.
        log.error("row %s of %s is damaged (%s)", key, table, type(error).__name__)
        raise StorageDamaged("row_damaged", table=table, key=key) from None


def storage_error(error: SQLAlchemyError, *, writing: bool = True) -> StorageError | None:
    """Return what `error` says of the storage; None where it says nothing of it."""
    if isinstance(error, PoolTimeout):
        return StorageUnavailable(BUSY)
    if not isinstance(error, DBAPIError):
        return None
    code = _of_sqlite(error) if isinstance(error.orig, sqlite3.Error) else _of_postgresql(error)
    if code is None or (code == READ_ONLY and not writing):
        # Writing where only reading was asked for is the caller's mistake.
        return None
    return StorageDamaged(code) if code == DAMAGED else StorageUnavailable(code)


def of_disk(error: BaseException) -> str | None:
    """Return the code for an error of a file system, told by its number; None for others."""
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (told := _OS_ERROR.search(str(error))) is not None:
        number = int(told[1])
    return None if number is None else _OF_DISK.get(number)


def technical(error: SQLAlchemyError) -> str:
    """Return what the log may say of `error`: its kind and number, never its text."""
    orig = getattr(error, "orig", None)
    number = getattr(orig, "sqlite_errorname", None) or getattr(orig, "sqlstate", None)
    return f"{type(orig or error).__name__} {number or ''}".strip()


def _of_sqlite(error: DBAPIError) -> str | None:
    number = getattr(error.orig, "sqlite_errorcode", None)
    if number is None:
        # The driver itself: a number that does not fit, a closed connection.
        return None
    if number == sqlite3.SQLITE_ERROR and "no such table" in str(error.orig):
        return DAMAGED
    return _SQLITE.get(number) or _SQLITE.get(number & 0xFF)


def _of_postgresql(error: DBAPIError) -> str | None:
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state is None:
        # No answer that has a code: the connection could not be made, or broke. psycopg gives the
        # server's refusal to log somebody in without its code.
        if _REFUSED.search(str(error.orig)):
            return LOGIN
        return UNREACHABLE if error.connection_invalidated or _is_operational(error) else None
    for length in (5, 3, 2):
        if (found := _POSTGRESQL.get(state[:length])) is not None:
            return found
    return None


def _is_operational(error: DBAPIError) -> bool:
    return type(error).__name__ == "OperationalError"
