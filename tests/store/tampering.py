"""What somebody with the database's password can do to what was signed."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime

import psycopg
from sqlalchemy.engine import make_url

from radraft.core import canonical
from radraft.core.settings import Settings
from radraft.reports.values import SignedReport
from radraft.store import report_steps
from radraft.store.database import Store
from radraft.store.signatures import sign
from radraft.store.triggers import statements
from tests.builders import add_drafted, person

NOW = datetime(2026, 11, 22, 1, 2, 3, 456789, tzinfo=UTC)
TABLES = ("signed_reports", "signature_links", "training_pairs", "report_revisions")


def signed(store: Store, number: int = 1, *, now: datetime = NOW) -> SignedReport:
    """Draft study `number` and sign it."""
    with store.begin() as session:
        case_id = add_drafted(session, number)
        return sign(session, case_id, base_revision=1, signer=person("王医生"), now=now)


def signed_again(store: Store, case_id: str) -> SignedReport:
    """Amend and sign the next version."""
    with store.begin() as session:
        working = report_steps.amend(
            session, case_id, editor=person("李"), reason="更正", now=datetime.now(UTC)
        )
        return sign(session, case_id, base_revision=working.revision, signer=person("李"), now=NOW)


def run(settings: Settings, *commands: str) -> None:
    """Run SQL past radraft, with foreign keys off."""
    if not settings.database_url:
        database = sqlite3.connect(settings.data_dir / "radraft.db")
        for command in commands:
            database.execute(command)
        database.commit()
        database.close()
        return
    with psycopg.connect(postgresql_url(settings), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        for command in commands:
            connection.execute(command.encode())


def unprotect(settings: Settings, *tables: str) -> None:
    """Drop the triggers that keep the tables (all that matter here) as they were written."""
    for table in tables or TABLES:
        dialect = "postgresql" if settings.database_url else "sqlite"
        on_table = f" ON {table}" if settings.database_url else ""
        run(
            settings,
            *(
                f"DROP TRIGGER IF EXISTS {name}{on_table}"
                for name in statements(dialect, table, ())
            ),
        )


def change_text(settings: Settings, case_id: str, old: str, new: str) -> None:
    """Put other words into a signed report, and nothing else."""
    unprotect(settings)
    run(
        settings,
        f"UPDATE signed_reports SET content = replace(content, '{old}', '{new}') "
        f"WHERE case_id = '{case_id}'",
    )


def seal_as(settings: Settings, report: SignedReport, author: str, *, link_too: bool) -> None:
    """Put another author under a version and make its own hash anew, as anyone can; with
    `link_too` the chain's link is given that hash as well."""
    from radraft.reports import codec

    content = json.loads(codec.signed_to_json(report))
    del content["content_sha"]
    content["author"]["name"] = author
    sha = canonical.sha256(content)
    content["content_sha"] = sha
    where = f"WHERE case_id = '{report.case_id}' AND version = {report.version}"
    text = canonical.dumps(content).replace("'", "''")
    unprotect(settings)
    run(settings, f"UPDATE signed_reports SET content = '{text}', content_sha = '{sha}' {where}")
    if link_too:
        run(settings, f"UPDATE signature_links SET content_sha = '{sha}' {where}")


def delete_version(settings: Settings, report: SignedReport, *, everywhere: bool) -> None:
    """Delete a version; `everywhere` also what else tells of it, and the chain's end with it."""
    where = f"WHERE case_id = '{report.case_id}' AND version = {report.version}"
    unprotect(settings)
    run(settings, f"DELETE FROM training_pairs {where}", f"DELETE FROM signed_reports {where}")
    if everywhere:
        run(
            settings,
            f"DELETE FROM signature_links {where}",
            "UPDATE signature_head SET sequence = (SELECT max(sequence) FROM signature_links), "
            "head = (SELECT head FROM signature_links ORDER BY sequence DESC LIMIT 1)",
            f"UPDATE reports SET base_version = base_version - 1 "
            f"WHERE case_id = '{report.case_id}'",
        )


def postgresql_url(settings: Settings) -> str:
    """The database's address as psycopg takes it."""
    url = make_url(settings.database_url).set(drivername="postgresql")
    return url.render_as_string(hide_password=False)
