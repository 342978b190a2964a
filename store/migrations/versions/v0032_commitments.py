"""Storage commitment: which objects PACSs were asked to keep, and in which requests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision: str | None = "0031"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create the tables. What was delivered before is asked about no more."""
    op.create_table(
        "sent_instances",
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("sop_class", sa.String(64), nullable=False),
        sa.Column("sop_instance", sa.String(64), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("transaction_uid", sa.String(64), nullable=True),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["outbox.entry_id"], name="fk_sent_instances_entry_id_outbox"
        ),
        sa.PrimaryKeyConstraint("entry_id", name="pk_sent_instances"),
    )
    op.create_table(
        "commitment_requests",
        sa.Column("transaction_uid", sa.String(64), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("aet", sa.String(16), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["outbox.entry_id"], name="fk_commitment_requests_entry_id_outbox"
        ),
        sa.PrimaryKeyConstraint("transaction_uid", "entry_id", name="pk_commitment_requests"),
    )
    op.create_index("ix_commitment_requests_entry_id", "commitment_requests", ["entry_id"])
    op.create_table(
        "commitment_offers",
        sa.Column("target", sa.String(64), nullable=False),
        sa.Column("offered", sa.Boolean(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("target", name="pk_commitment_offers"),
    )
