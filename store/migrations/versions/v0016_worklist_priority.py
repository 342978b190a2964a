"""The worklist: who writes and who reviewed as the report has it, how urgent a study is, the
columns that people choose, and how far the list is filled."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision: str | None = "0015"
branch_labels: str | None = None
depends_on: str | None = None

UNKNOWN = 3
"""Rank of a study of which nothing says how urgent it is."""
WAITING = {
    "waiting": (),
    "waiting_site": ("site",),
    "waiting_modality": ("modality",),
    "waiting_body_part": ("body_part",),
    "waiting_verdict": ("verdict",),
    "waiting_author": ("author_account",),
    "waiting_reviewer": ("reviewer_account",),
    "waiting_day": ("study_date",),
}
"""Indexes of what is not signed yet, in the order in which it is read."""
COUNTED = ["site", "modality", "body_part", "phase", "once_signed", "verdict", "priority"]
_NOT_SIGNED: dict[str, Any] = {
    "sqlite_where": sa.text("signed = 0"),
    "postgresql_where": sa.text("NOT signed"),
}
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
CHANGED = {
    "worklist_case": (
        "UPDATE OF state, site, modality, body_part, received_at, priority",
        "cases",
        _OF_CASE,
    ),
    "worklist_report_begun": ("INSERT", "reports", _OF_REPORT),
    "worklist_report": ("UPDATE OF state, author, author_account", "reports", _OF_REPORT),
}
"""By name: after what, on which table, and what is then done."""


def upgrade() -> None:
    """Add columns, indexes and tables, and change the triggers.

    Studies that are there are entered anew when the database is opened (`worklist_filling`): what
    stands in the list of before is kept until then.
    """
    for table in ("cases", "worklist_entries"):
        column = sa.Column("priority", sa.String(16), nullable=False, server_default="unknown")
        op.add_column(table, column)
    rank = sa.Column("rank", sa.Integer(), nullable=False, server_default=str(UNKNOWN))
    op.add_column("worklist_entries", rank)
    op.add_column("worklist_entries", sa.Column("reviewer", sa.Text(), nullable=True))
    for name, first in WAITING.items():
        columns = [*first, "signed", "rank", "received_at", "case_id"]
        op.create_index(f"ix_worklist_entries_{name}", "worklist_entries", columns, **_NOT_SIGNED)
    op.drop_index("ix_worklist_entries_study_date", "worklist_entries")
    of_day = ["study_date", "signed", "received_at", "case_id"]
    op.create_index("ix_worklist_entries_day", "worklist_entries", of_day)
    op.drop_index("ix_worklist_entries_counted", "worklist_entries")
    op.create_index("ix_worklist_entries_counted", "worklist_entries", COUNTED)
    filling = op.create_table(
        "worklist_filling",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("after", sa.String(64), nullable=True),
        sa.Column("studies", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_worklist_filling"),
    )
    any_study = op.get_bind().scalar(sa.text("SELECT case_id FROM study_identities LIMIT 1"))
    after = None if any_study is None else ""
    op.get_bind().execute(filling.insert().values(id=1, after=after, studies=0))
    op.create_table(
        "worklist_columns",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_worklist_columns"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name="fk_worklist_columns_account_id_accounts"
        ),
    )
    for name, (when, table, action) in CHANGED.items():
        _change_trigger(name, when, table, action)


def _change_trigger(name: str, when: str, table: str, action: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP TRIGGER {name} ON {table}")
        op.execute(
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {action} RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {name} AFTER {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
        )
    else:
        op.execute(f"DROP TRIGGER {name}")
        op.execute(f"CREATE TRIGGER {name} AFTER {when} ON {table} BEGIN {action} END")
