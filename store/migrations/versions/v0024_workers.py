"""Processes that draft, and which inbox a received file lies in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision: str | None = "0023"
branch_labels: str | None = None
depends_on: str | None = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table. Which inbox holds what came before is noted when that inbox is opened."""
    op.add_column("arrivals", sa.Column("inbox", sa.String(64), nullable=False, server_default=""))
    op.create_table(
        "draft_workers",
        sa.Column("worker_id", sa.String(64), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("began_at", _INSTANT, nullable=False),
        sa.Column("beat_at", _INSTANT, nullable=False),
        sa.Column("beat", sa.Integer(), nullable=False),
        sa.Column("term_s", sa.Double(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("llm", sa.String(16), nullable=False),
        sa.Column("llm_code", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("worker_id", name="pk_draft_workers"),
    )
