"""Who is drafting which case."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from radraft.store.migrations.versions import (
    v0003_arrivals,
    v0004_quality,
    v0005_key_image_choices,
    v0006_priors,
)

revision = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None

# There was a version in which these four changed nothing; its databases lack their tables.
ONCE_EMPTY = {
    "arrivals": v0003_arrivals,
    "case_quality": v0004_quality,
    "study_instances": v0005_key_image_choices,
    "patient_keys": v0006_priors,
}


def upgrade() -> None:
    """Create the table. What was being drafted waits again: nobody holds a lease on it."""
    tables = set(sa.inspect(op.get_bind()).get_table_names())
    for table, change in ONCE_EMPTY.items():
        if table not in tables:
            change.upgrade()
    op.create_table(
        "draft_leases",
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("beat", sa.Integer(), nullable=False),
        sa.Column("term_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", name="pk_draft_leases"),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name="fk_draft_leases_case_id_cases"
        ),
    )
    op.create_index("ix_draft_leases_owner", "draft_leases", ["owner"])
    op.execute("UPDATE cases SET state = 'received' WHERE state = 'drafting'")
