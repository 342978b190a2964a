"""Why readers took drafted sentences out, and what of it a training pair holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision: str | None = "0024"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create the table and the pairs' column. Nobody had been asked for a reason before."""
    op.create_table(
        "rejections",
        sa.Column("rejection_id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("sentence_id", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("by_account", sa.String(64), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("rejection_id", name="pk_rejections"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name="fk_rejections_case_id_cases"),
    )
    op.create_index("ix_rejections_case_id", "rejections", ["case_id"])
    op.add_column("training_pairs", sa.Column("rejected", sa.Text(), nullable=True))
