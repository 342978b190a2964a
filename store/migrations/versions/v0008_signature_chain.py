"""The chain over all signatures, not yet begun: that needs the site secret (`signature_chain`)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from radraft.store.migrations import append_only

revision = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create both tables, and the row that says that nothing is sealed yet."""
    op.create_table(
        "signature_links",
        sa.Column("sequence", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("schema", sa.Integer(), nullable=False),
        sa.Column("content_sha", sa.String(64), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("inherited", sa.Boolean(), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_signature_links"),
        sa.UniqueConstraint("case_id", "version", name="uq_signature_links_case_id"),
        sa.ForeignKeyConstraint(
            ["case_id", "version"],
            ["signed_reports.case_id", "signed_reports.version"],
            name="fk_signature_links_case_id_signed_reports",
        ),
        sqlite_with_rowid=False,
    )
    append_only.protect("signature_links", (("sequence",), ("case_id", "version")))
    head = op.create_table(
        "signature_head",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_signature_head"),
    )
    op.bulk_insert(head, [{"id": 1, "sequence": 0, "head": "", "sent": 0}])
