"""Questions to radiologists, what clinicians think of answers, and visits by a link of the
hospital's system."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from radraft.store.migrations import append_only

revision = "0033"
down_revision: str | None = "0032"
branch_labels: str | None = None
depends_on: str | None = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables. Of turns from before nobody knows which version they were answered from:
    it is left open."""
    op.add_column("turns", sa.Column("version", sa.Integer(), nullable=True))
    _inquiries()
    op.create_table(
        "turn_marks",
        sa.Column("mark_id", sa.Integer(), nullable=False),
        sa.Column("turn_id", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("correction", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("by_account", sa.String(64), nullable=True),
        sa.Column("at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("mark_id", name="pk_turn_marks"),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.turn_id"], name="fk_turn_marks_turn_id_turns"),
    )
    op.create_index("ix_turn_marks_turn_id", "turn_marks", ["turn_id"])
    op.create_table(
        "visits",
        sa.Column("visit_sha", sa.String(64), nullable=False),
        sa.Column("visit_id", sa.String(32), nullable=False),
        sa.Column("link_id", sa.String(32), nullable=False),
        sa.Column("token_id", sa.String(32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("person_ref", sa.String(32), nullable=False),
        sa.Column("accession", sa.Text(), nullable=False),
        sa.Column("began_at", _INSTANT, nullable=False),
        sa.Column("ends_at", _INSTANT, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("visit_sha", name="pk_visits"),
        sa.UniqueConstraint("link_id", name="uq_visits_link_id"),
    )
    op.create_index("ix_visits_ends_at", "visits", ["ends_at"])
    append_only.protect("inquiry_events", [["inquiry_id", "sequence"]])
    append_only.protect("turn_marks", [["mark_id"]])


def _inquiries() -> None:
    op.create_table(
        "inquiries",
        sa.Column("inquiry_id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("turn_id", sa.Integer(), nullable=True),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("lang", sa.String(8), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_by_account", sa.String(64), nullable=True),
        sa.Column("asked_at", _INSTANT, nullable=False),
        sa.Column("to_name", sa.Text(), nullable=True),
        sa.Column("to_account", sa.String(64), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("inquiry_id", name="pk_inquiries"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name="fk_inquiries_case_id_cases"),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.turn_id"], name="fk_inquiries_turn_id_turns"),
    )
    op.create_index("ix_inquiries_case_id", "inquiries", ["case_id", "state"])
    op.create_index("ix_inquiries_state", "inquiries", ["state", "case_id", "to_account"])
    op.create_table(
        "inquiry_events",
        sa.Column("inquiry_id", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("move", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("by_account", sa.String(64), nullable=True),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("inquiry_id", "sequence", name="pk_inquiry_events"),
        sa.ForeignKeyConstraint(
            ["inquiry_id"], ["inquiries.inquiry_id"], name="fk_inquiry_events_inquiry_id_inquiries"
        ),
        sqlite_with_rowid=False,
    )
