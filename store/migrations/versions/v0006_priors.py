"""Earlier studies of the same patient."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create the tables. `open_store` adds the keys of the studies that are there."""
    op.create_table(
        "patient_keys",
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "key", name="pk_patient_keys"),
        _of_case("patient_keys", "case_id"),
    )
    op.create_index("ix_patient_keys_key", "patient_keys", ["key"])
    op.create_table(
        "prior_links",
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("prior_case_id", sa.String(64), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "prior_case_id", name="pk_prior_links"),
        _of_case("prior_links", "case_id"),
        _of_case("prior_links", "prior_case_id"),
    )
    op.create_index("ix_prior_links_prior_case_id", "prior_links", ["prior_case_id"])


def _of_case(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["cases.case_id"], name=f"fk_{table}_{column}_cases")
