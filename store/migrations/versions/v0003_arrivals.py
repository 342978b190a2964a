"""Instances that came over the network."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "arrivals",
        sa.Column("arrival_id", sa.Integer(), nullable=False),
        *(_text(name) for name in ("sop_uid", "study_uid")),
        sa.Column("sha256", sa.String(64), nullable=False),
        *(_text(name) for name in ("file", "source", "site")),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("arrival_id", name="pk_arrivals"),
        sa.UniqueConstraint("sop_uid", "sha256", name="uq_arrivals_sop_uid"),
    )
    op.create_index("ix_arrivals_state_study_uid", "arrivals", ["state", "study_uid"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)
