"""Schema migrations, run from the package itself: `upgrade` brings a database to the newest."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.engine import Connection

from radraft.core.errors import SettingsError

# Any constant: the two processes that migrate one PostgreSQL database must name the same lock.
_ADVISORY_LOCK = 7_246_511_001


def upgrade(connection: Connection) -> None:
    """Bring the database of `connection` to the newest schema, inside its open transaction.

    SettingsError `database_newer` when a later radraft wrote it.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise SettingsError("database_newer") from None
