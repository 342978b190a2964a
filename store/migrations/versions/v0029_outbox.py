"""Reports on their way to other systems."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision: str | None = "0028"
branch_labels: str | None = None
depends_on: str | None = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table. What was signed before is sent nowhere by itself."""
    op.create_table(
        "outbox",
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("target", sa.String(64), nullable=False),
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("form", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("queued_at", _INSTANT, nullable=False),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("unclear", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("owner", sa.String(64), nullable=True),
        sa.Column("beat", sa.Integer(), nullable=False),
        sa.Column("term_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name="pk_outbox"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name="fk_outbox_case_id_cases"),
        sa.UniqueConstraint(
            "target", "case_id", "form", "version", "status", "step", name="uq_outbox_target"
        ),
    )
    op.create_index("ix_outbox_state", "outbox", ["state", "target", "due_at"])
    op.create_index("ix_outbox_case_id", "outbox", ["case_id", "target"])
    op.create_index("ix_outbox_owner", "outbox", ["owner"])
