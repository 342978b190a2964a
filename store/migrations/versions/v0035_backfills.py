"""Work on many old studies, and what an encoder's heads made of a study."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision: str | None = "0034"
branch_labels: str | None = None
depends_on: str | None = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "backfills",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("work", sa.String(16), nullable=False),
        sa.Column("selection", sa.Text(), nullable=False),
        sa.Column("open_key", sa.String(64), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("rate_per_minute", sa.Float(), nullable=False),
        sa.Column("most_tries", sa.Integer(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("listed_to", sa.String(64), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("next_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_backfills"),
        sa.UniqueConstraint("open_key", name="uq_backfills_open_key"),
    )
    _items()
    op.create_table(
        "backfill_workers",
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("began_at", _INSTANT, nullable=False),
        sa.Column("beat", sa.Integer(), nullable=False),
        sa.Column("term_s", sa.Float(), nullable=False),
        sa.Column("doing", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_backfill_workers"),
        sa.ForeignKeyConstraint(
            ["number"], ["backfills.number"], name="fk_backfill_workers_number_backfills"
        ),
    )
    op.create_index("ix_backfill_workers_number", "backfill_workers", ["number"])
    op.create_table(
        "finding_scores",
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("encoder_id", sa.String(128), nullable=False),
        sa.Column("scores", sa.Text(), nullable=False),
        sa.Column("image_ids", sa.Text(), nullable=False),
        sa.Column("read_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("case_id", "encoder_id", name="pk_finding_scores"),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name="fk_finding_scores_case_id_cases"
        ),
    )


def _items() -> None:
    op.create_table(
        "backfill_items",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(64), nullable=True),
        sa.Column("owner", sa.String(64), nullable=True),
        sa.Column("ready_at", _INSTANT, nullable=False),
        sa.Column("settled_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("number", "case_id", name="pk_backfill_items"),
        sa.ForeignKeyConstraint(
            ["number"], ["backfills.number"], name="fk_backfill_items_number_backfills"
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name="fk_backfill_items_case_id_cases"
        ),
    )
    op.create_index(
        "ix_backfill_items_state", "backfill_items", ["number", "state", "ready_at", "case_id"]
    )
    op.create_index("ix_backfill_items_settled_at", "backfill_items", ["number", "settled_at"])
    op.create_index("ix_backfill_items_owner", "backfill_items", ["owner"])
