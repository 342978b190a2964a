"""Triggers that keep a table's rows as they were written."""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op


def prepare() -> None:
    """What `protect` needs in the database; once, before its first use."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION radraft_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME "
            "USING ERRCODE = 'restrict_violation'; END $$"
        )


def protect(table: str, keys: Sequence[Sequence[str]]) -> None:
    """Refuse UPDATE, DELETE, REPLACE and TRUNCATE on `table`.

    `keys`: its primary key and unique columns, by which a new row could take an old one's place.
    """
    if op.get_bind().dialect.name == "postgresql":
        _postgresql(table)
    else:
        _sqlite(table, keys)


def _sqlite(table: str, keys: Sequence[Sequence[str]]) -> None:
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
    # INSERT OR REPLACE deletes the old row without firing its delete trigger.
    taken = " OR ".join(
        "(" + " AND ".join(f"{name} = NEW.{name}" for name in key) + ")" for key in keys
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {taken}) "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


def _postgresql(table: str) -> None:
    for verbs, name in (("UPDATE OR DELETE", "rows"), ("TRUNCATE", "all")):
        level = "ROW" if name == "rows" else "STATEMENT"
        op.execute(
            f"CREATE TRIGGER {table}_append_only_{name} BEFORE {verbs} ON {table} "
            f"FOR EACH {level} EXECUTE FUNCTION radraft_append_only()"
        )
        # ALWAYS: fires even where session_replication_role switches ordinary triggers off.
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only_{name}")
