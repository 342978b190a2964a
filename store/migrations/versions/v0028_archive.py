"""Past reports that were written elsewhere; studies are found by their accession number."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from radraft.store.migrations import append_only

revision = "0028"
down_revision: str | None = "0027"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "archived_reports",
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.String(64), nullable=False),
        sa.Column("kept", sa.String(16), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("findings", "impression", "author", "reviewer")
        ),
        sa.Column("reported_at", sa.Text(), nullable=True),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name="fk_archived_reports_case_id_cases"
        ),
        sa.PrimaryKeyConstraint("case_id", "number", name="pk_archived_reports"),
        sa.UniqueConstraint("case_id", "record_id", name="uq_archived_reports_case_id"),
        sqlite_with_rowid=False,
    )
    append_only.protect("archived_reports", (("case_id", "number"), ("case_id", "record_id")))
    op.create_index("ix_archived_reports_record_id", "archived_reports", ["record_id"])
    op.create_table(
        "archived_texts",
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kept", sa.String(16), nullable=False),
        sa.Column("lang", sa.String(8), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("impression", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id", "number"],
            ["archived_reports.case_id", "archived_reports.number"],
            name="fk_archived_texts_case_id_archived_reports",
        ),
        sa.PrimaryKeyConstraint("case_id", "number", name="pk_archived_texts"),
        sqlite_with_rowid=False,
    )
    append_only.protect("archived_texts", (("case_id", "number"),))
    op.create_table(
        "archive_rejects",
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("record_id", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("place", "accession", "study_uid")
        ),
        sa.Column("rejected_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("site", "record_id", name="pk_archive_rejects"),
    )
    op.create_index("ix_archive_rejects_site_reason", "archive_rejects", ["site", "reason"])
    op.create_index("ix_study_identities_accession", "study_identities", ["accession"])
