"""The triggers that keep the worklist as the studies stand, and whether they are there."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import text
from sqlalchemy.engine import Connection

log = logging.getLogger("radraft.store.worklist_triggers")

_RANK = (
    "CASE NEW.priority WHEN 'stat' THEN 0 WHEN 'emergency' THEN 1 WHEN 'inpatient' THEN 2 "
    "ELSE 3 END"
)
_OF_CASE = (
    "UPDATE worklist_entries SET site = NEW.site, modality = substr(NEW.modality, 1, 64), "
    "body_part = substr(NEW.body_part, 1, 64), received_at = NEW.received_at, "
    f"priority = NEW.priority, rank = {_RANK}, "
    "phase = COALESCE((SELECT r.state FROM reports r "
    "WHERE r.case_id = NEW.case_id AND r.state <> 'drafted'), NEW.state) "
    "WHERE case_id = NEW.case_id;"
)
_OF_REPORT = (
    "UPDATE worklist_entries SET phase = CASE WHEN NEW.state <> 'drafted' THEN NEW.state "
    "ELSE (SELECT c.state FROM cases c WHERE c.case_id = NEW.case_id) END, "
    "signed = (NEW.state = 'signed'), "
    "author = CASE WHEN NEW.state = 'signed' THEN author ELSE NEW.author END, "
    "author_account = CASE WHEN NEW.state = 'signed' THEN author_account "
    "ELSE NEW.author_account END, "
    "reviewer = CASE WHEN NEW.state = 'signed' THEN reviewer END, "
    "reviewer_account = CASE WHEN NEW.state = 'signed' THEN reviewer_account END "
    "WHERE case_id = NEW.case_id;"
)
_OF_SIGNATURE = (
    "UPDATE worklist_entries SET once_signed = (1 = 1) WHERE case_id = NEW.case_id "
    "AND once_signed <> (1 = 1);"
)
_OF_QUALITY = "UPDATE worklist_entries SET verdict = NEW.verdict WHERE case_id = NEW.case_id;"


@dataclass(frozen=True)
class _Trigger:
    table: str
    action: str
    columns: tuple[str, ...] = ()
    """Fires where one of them is changed; none: where a row is added."""

    @property
    def when(self) -> str:
        """Return after what it fires."""
        return f"UPDATE OF {', '.join(self.columns)}" if self.columns else "INSERT"

    @property
    def body(self) -> str:
        """Return what its function does on PostgreSQL."""
        return f" BEGIN {self.action} RETURN NULL; END "


TRIGGERS: Mapping[str, _Trigger] = MappingProxyType(
    {
        "worklist_case": _Trigger(
            "cases", _OF_CASE, ("state", "site", "modality", "body_part", "received_at", "priority")
        ),
        "worklist_report_begun": _Trigger("reports", _OF_REPORT),
        "worklist_report": _Trigger("reports", _OF_REPORT, ("state", "author", "author_account")),
        "worklist_signature": _Trigger("signed_reports", _OF_SIGNATURE),
        "worklist_quality": _Trigger("case_quality", _OF_QUALITY),
    }
)
"""By name, as the newest migration leaves them."""


def missing(connection: Connection) -> tuple[str, ...]:
    """Return the names of triggers that are not in the database as they should be, in order.

    One that is switched off, or that does something else under its name, is missing.
    """
    if connection.dialect.name == "postgresql":
        there = _postgresql_found(connection)
        return tuple(name for name in sorted(TRIGGERS) if name not in there)
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    found = {row.name: row.sql for row in rows}
    return tuple(name for name in sorted(TRIGGERS) if found.get(name) != _statement(name, "sqlite"))


def reinstate(connection: Connection) -> tuple[str, ...]:
    """Make what is `missing`, and return the names. What was not carried over meanwhile is not yet:
    `worklist_filling.begin_anew`."""
    names = missing(connection)
    dialect = connection.dialect.name
    for name in names:
        trigger = TRIGGERS[name]
        if dialect == "postgresql":
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name} ON {trigger.table}")
            connection.exec_driver_sql(
                f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
                f"$${trigger.body}$$"
            )
        else:
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        connection.exec_driver_sql(_statement(name, dialect))
    if names:
        log.warning("worklist_triggers_reinstated: %s", ", ".join(names))
    return names


def _statement(name: str, dialect: str) -> str:
    trigger = TRIGGERS[name]
    does = f"BEGIN {trigger.action} END"
    if dialect == "postgresql":
        does = f"FOR EACH ROW EXECUTE FUNCTION {name}()"
    return f"CREATE TRIGGER {name} AFTER {trigger.when} ON {trigger.table} {does}"


def _postgresql_found(connection: Connection) -> frozenset[str]:
    """The triggers that fire and do what they should, of the tables that this connection's names
    mean."""
    rows = connection.execute(
        text(
            "SELECT tgname, relname, tgtype, prosrc, ARRAY(SELECT attname::text FROM pg_attribute"
            " WHERE attrelid = tgrelid AND attnum = ANY(tgattr::int2[])) AS changed"
            " FROM pg_trigger JOIN pg_class ON tgrelid = pg_class.oid"
            " JOIN pg_proc ON tgfoid = pg_proc.oid WHERE NOT tgisinternal"
            " AND tgenabled IN ('O', 'A') AND tgqual IS NULL AND pg_table_is_visible(pg_class.oid)"
        )
    )
    found = set()
    for name, table, kind, source, changed in rows:
        wanted = TRIGGERS.get(name)
        if wanted is None:
            continue
        # pg_trigger.h: ROW 1, INSERT 4, UPDATE 16; AFTER is where no other bit is.
        fires = 1 + (16 if wanted.columns else 4)
        has = (table, kind, source, set(changed))
        if has == (wanted.table, fires, wanted.body, set(wanted.columns)):
            found.add(name)
    return frozenset(found)
