"""Reading for other sites: each site's rules, and whose readers a study is for."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from radraft.store.migrations import append_only

revision = "0020"
down_revision: str | None = "0019"
branch_labels: str | None = None
depends_on: str | None = None

_INSTANT = sa.DateTime(timezone=True)
_NOT_SIGNED: dict[str, Any] = {
    "sqlite_where": sa.text("signed = 0"),
    "postgresql_where": sa.text("NOT signed"),
}
_COUNTED = ["site", "modality", "body_part", "phase", "once_signed", "verdict", "priority"]


def upgrade() -> None:
    """Create the tables; every study that is there is read at its own site."""
    op.create_table(
        "reading_rules",
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("by_account", sa.String(64), nullable=True),
        sa.Column("at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("site", "number", name="pk_reading_rules"),
        sqlite_with_rowid=False,
    )
    append_only.protect("reading_rules", (("site", "number"),))
    op.create_table(
        "reading_assignments",
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("reading_site", sa.Text(), nullable=False),
        sa.Column("rules_number", sa.Integer(), nullable=False),
        sa.Column("rule", sa.Integer(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("case_id", "number", name="pk_reading_assignments"),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name="fk_reading_assignments_case_id_cases"
        ),
        sqlite_with_rowid=False,
    )
    append_only.protect("reading_assignments", (("case_id", "number"),))
    op.add_column(
        "worklist_entries",
        sa.Column("reading_site", sa.Text(), nullable=False, server_default=""),
    )
    columns = ["reading_site", "signed", "received_at", "case_id"]
    op.create_index("ix_worklist_entries_reading", "worklist_entries", columns)
    columns = ["reading_site", "signed", "rank", "received_at", "case_id"]
    op.create_index(
        "ix_worklist_entries_waiting_reading", "worklist_entries", columns, **_NOT_SIGNED
    )
    op.drop_index("ix_worklist_entries_counted", "worklist_entries")
    op.create_index("ix_worklist_entries_counted", "worklist_entries", [*_COUNTED, "reading_site"])
