"""The triggers that keep append-only tables as they were written, and whether they are there."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlalchemy import Table, UniqueConstraint, text
from sqlalchemy.engine import Connection

from radraft.store.tables import IMMUTABLE_TABLES, Base

log = logging.getLogger("radraft.store.triggers")

_BODY = (
    " BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME "
    "USING ERRCODE = 'restrict_violation'; END "
)
_FUNCTION = "radraft_append_only"


def missing(connection: Connection) -> tuple[str, ...]:
    """Return the names of triggers that are not in the database as they should be, in order.

    One that is switched off, or that does something else under its name, is missing.
    """
    dialect = connection.dialect.name
    found = _postgresql_found(connection) if dialect == "postgresql" else _sqlite_found(connection)
    expected: dict[str, str] = {}
    for name in IMMUTABLE_TABLES:
        made = statements(dialect, name, _keys(Base.metadata.tables[name]))
        expected |= {trigger: steps[0] for trigger, steps in made.items()}
    return tuple(sorted(name for name, made in expected.items() if found.get(name) != made))


def reinstate(connection: Connection) -> tuple[str, ...]:
    """Make what is `missing`, and return the names. What happened meanwhile is not undone."""
    dialect = connection.dialect.name
    names = missing(connection)
    if names and dialect == "postgresql":
        made = postgresql_function().replace("CREATE", "CREATE OR REPLACE", 1)
        connection.exec_driver_sql(made.replace("%", "%%"))
    for table in IMMUTABLE_TABLES:
        made_of = statements(dialect, table, _keys(Base.metadata.tables[table]))
        for name in made_of.keys() & set(names):
            on_table = f" ON {table}" if dialect == "postgresql" else ""
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}{on_table}")
            for statement in made_of[name]:
                connection.exec_driver_sql(statement)
    if names:
        log.warning("append_only_reinstated: %s", ", ".join(names))
    return names


def statements(
    dialect: str, table: str, keys: Sequence[Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Return what makes the triggers of `table`, by their names; the first makes the trigger.

    `keys`: its primary key and unique columns, by which a new row could take an old one's place.
    """
    return _postgresql(table) if dialect == "postgresql" else _sqlite(table, keys)


def postgresql_function() -> str:
    """Return what makes the function that PostgreSQL's triggers call."""
    return f"CREATE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $${_BODY}$$"


def _sqlite(table: str, keys: Sequence[Sequence[str]]) -> dict[str, tuple[str, ...]]:
    refusal = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    made: dict[str, tuple[str, ...]] = {
        f"{table}_no_{verb.lower()}": (
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} {refusal}",
        )
        for verb in ("UPDATE", "DELETE")
    }
    # INSERT OR REPLACE deletes the old row without firing its delete trigger.
    taken = " OR ".join(
        "(" + " AND ".join(f"{name} = NEW.{name}" for name in key) + ")" for key in keys
    )
    made[f"{table}_no_replace"] = (
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {taken}) {refusal}",
    )
    return made


def _postgresql(table: str) -> dict[str, tuple[str, ...]]:
    made: dict[str, tuple[str, ...]] = {}
    for verbs, rows in (("UPDATE OR DELETE", True), ("TRUNCATE", False)):
        name = f"{table}_append_only_{'rows' if rows else 'all'}"
        made[name] = (
            f"CREATE TRIGGER {name} BEFORE {verbs} ON {table} "
            f"FOR EACH {'ROW' if rows else 'STATEMENT'} EXECUTE FUNCTION {_FUNCTION}()",
            # ALWAYS: fires even where session_replication_role switches ordinary triggers off.
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}",
        )
    return made


def _sqlite_found(connection: Connection) -> dict[str, str]:
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    return {row.name: row.sql for row in rows}


def _postgresql_found(connection: Connection) -> dict[str, str]:
    """The triggers that always fire and whose function refuses, each as the statement that makes
    it; of the tables that this connection's names mean."""
    rows = connection.execute(
        text(
            "SELECT tgname, relname, tgtype FROM pg_trigger JOIN pg_class ON tgrelid = pg_class.oid"
            " JOIN pg_proc ON tgfoid = pg_proc.oid WHERE NOT tgisinternal AND tgenabled = 'A'"
            " AND tgqual IS NULL AND pg_table_is_visible(pg_class.oid) AND prosrc = :body"
        ),
        {"body": _BODY},
    )
    found = {}
    for name, table, kind in rows:
        made = _postgresql(table).get(name)
        # pg_trigger.h: ROW 1, BEFORE 2, DELETE 8, UPDATE 16, TRUNCATE 32.
        wanted = 1 + 2 + 8 + 16 if name.endswith("_rows") else 2 + 32
        if made is not None and kind == wanted:
            found[name] = made[0]
    return found


def _keys(table: Table) -> list[list[str]]:
    unique = [
        [column.name for column in constraint.columns]
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint)
    ]
    return [[column.name for column in table.primary_key.columns], *sorted(unique)]
