"""Report templates and phrases of sites, and what a site does with templates."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from radraft.store.migrations import append_only

revision = "0026"
down_revision: str | None = "0025"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create the tables. Every site has the templates that come with radraft, asked for by key."""
    _table(
        "report_templates",
        [
            sa.Column("site", sa.String(64), nullable=False),
            sa.Column("template_id", sa.String(64), nullable=False),
            sa.Column("number", sa.Integer(), nullable=False),
            sa.Column("content", sa.Text(), nullable=True),
            sa.Column("enabled", sa.Boolean(), nullable=False),
        ],
        ("site", "template_id", "number"),
    )
    _table(
        "template_rules",
        [
            sa.Column("site", sa.String(64), nullable=False),
            sa.Column("number", sa.Integer(), nullable=False),
            sa.Column("open_fields", sa.String(16), nullable=False),
            sa.Column("begin_reports", sa.Boolean(), nullable=False),
        ],
        ("site", "number"),
    )
    _table(
        "phrases",
        [
            sa.Column("site", sa.String(64), nullable=False),
            sa.Column("owner", sa.String(64), nullable=False),
            sa.Column("letters", sa.String(16), nullable=False),
            sa.Column("number", sa.Integer(), nullable=False),
            sa.Column("content", sa.Text(), nullable=True),
        ],
        ("site", "owner", "letters", "number"),
    )


def _table(name: str, columns: Sequence[sa.Column[object]], key: Sequence[str]) -> None:
    op.create_table(
        name,
        *columns,
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("by_account", sa.String(64), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"),
        sqlite_with_rowid=False,
    )
    append_only.protect(name, (tuple(key),))
