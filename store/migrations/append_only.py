"""Triggers that keep a table's rows as they were written."""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op

from radraft.store import triggers


def prepare() -> None:
    """What `protect` needs in the database; once, before its first use."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(triggers.postgresql_function())


def protect(table: str, keys: Sequence[Sequence[str]]) -> None:
    """Refuse UPDATE, DELETE, REPLACE and TRUNCATE on `table`.

    `keys`: its primary key and unique columns, by which a new row could take an old one's place.
    """
    made = triggers.statements(op.get_bind().dialect.name, table, keys)
    for statements in made.values():
        for statement in statements:
            op.execute(statement)
