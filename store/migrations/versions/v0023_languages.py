"""A report's languages: texts that machines offered to it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision: str | None = "0022"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create the table. Nothing was offered yet."""
    op.create_table(
        "offered_texts",
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("offer_key", sa.String(64), nullable=False),
        sa.Column("sentence_id", sa.String(64), nullable=True),
        sa.Column("lang", sa.String(8), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("source", sa.String(128), nullable=False),
        sa.Column("template_id", sa.Text(), nullable=True),
        sa.Column("template_path", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "offer_key", name="pk_offered_texts"),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name="fk_offered_texts_case_id_cases"
        ),
        sqlite_with_rowid=False,
    )
