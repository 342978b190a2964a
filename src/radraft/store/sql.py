"""What both databases can do, said once."""

from __future__ import annotations

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from radraft.store.base import Base


def insert_new(session: Session, kind: type[Base], **values: object) -> bool:
    """Insert unless a row with the same key is there, waiting for whoever is inserting it now."""
    table = kind.__table__
    assert isinstance(table, Table)
    dialect = session.get_bind().dialect.name
    insert = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
    added = insert.values(**values).on_conflict_do_nothing().returning(*table.primary_key)
    return session.execute(added).first() is not None


def storable(text: str) -> str:
    """Text both databases take: no NUL, no half of a surrogate pair (damaged files have both)."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
