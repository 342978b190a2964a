"""Warnings of the proofreader: which a report had, and what readers said of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from radraft.store.migrations import append_only

revision = "0011"
down_revision: str | None = "0010"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "found_warnings",
        *_case("found_warnings"),
        sa.Column("warning_key", sa.String(64), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(16), nullable=True),
        sa.PrimaryKeyConstraint("case_id", "warning_key", name="pk_found_warnings"),
    )
    op.create_table(
        "dismissals",
        sa.Column("dismissal_id", sa.Integer(), nullable=False),
        *_case("dismissals"),
        sa.Column("warning_key", sa.String(64), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("texts", sa.Text(), nullable=False),
        sa.Column("move", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(16), nullable=True),
        sa.Column("own_words", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("by_account", sa.String(64), nullable=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("dismissal_id", name="pk_dismissals"),
    )
    op.create_index("ix_dismissals_case_id", "dismissals", ["case_id"])
    append_only.protect("dismissals", (("dismissal_id",),))


def _case(table: str) -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    key = sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=f"fk_{table}_case_id_cases")
    return sa.Column("case_id", sa.String(64), nullable=False), key
