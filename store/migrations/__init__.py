"""Schema migrations, run from the package itself: `upgrade` brings a database to the newest."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy.engine import Connection

from radraft.core.errors import SettingsError

# Any constant: the two processes that migrate one PostgreSQL database must name the same lock.
_ADVISORY_LOCK = 7_246_511_001


def lock(connection: Connection) -> None:
    """Wait until no other process migrates the database, and keep others out until the
    transaction ends."""
    if connection.dialect.name == "postgresql":
        # However long the other takes.
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")


def upgrade(connection: Connection) -> str | None:
    """Bring the database of `connection` to the newest schema, inside its open transaction.

    Return the number of the schema that it had before; None for a new database. SettingsError
    `database_newer` when a later radraft wrote it.
    """
    before = schema_of(connection)
    if before == newest():
        # Alembic would read every migration first: at each start of every command.
        return before
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise SettingsError("database_newer") from None
    return before


def schema_of(connection: Connection) -> str | None:
    """Return the number of the database's schema; None for a new database."""
    return MigrationContext.configure(connection).get_current_revision()


@cache
def newest() -> str:
    """Return the number of the schema that this radraft brings a database to.

    By the names of the migrations' files, `vNUMBER_WHAT`: each follows the one before it.
    """
    files = (Path(__file__).parent / "versions").glob("v[0-9]*.py")
    return max(file.name[1:].partition("_")[0] for file in files)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
