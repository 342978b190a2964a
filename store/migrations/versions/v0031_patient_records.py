"""What ADT messages say of patients, how studies had named them, and what was changed when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from radraft.store.migrations import append_only

revision = "0031"
down_revision: str | None = "0030"
branch_labels: str | None = None
depends_on: str | None = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables: what was taken in before is as its headers say."""
    op.create_table(
        "patient_records",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("site", "number", "sent")),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("sex", sa.Text(), nullable=True),
        sa.Column("said_by", sa.Text(), nullable=True),
        sa.Column("said_at", _INSTANT, nullable=True),
        sa.Column("heard_at", _INSTANT, nullable=True),
        sa.Column("merged_into", sa.Text(), nullable=True),
        sa.Column("merge_said_by", sa.Text(), nullable=True),
        sa.Column("merge_said_at", _INSTANT, nullable=True),
        sa.Column("merge_heard_at", _INSTANT, nullable=True),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("site", "number", name="pk_patient_records"),
    )
    op.create_index("ix_patient_records_merged_into", "patient_records", ["site", "merged_into"])
    op.create_index("ix_patient_records_changed_at", "patient_records", ["changed_at"])
    texts = ("number", "patient_id", "patient_name", "patient_sex")
    op.create_table(
        "sent_identities",
        sa.Column("case_id", sa.String(64), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("age_years", sa.Integer(), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("names", "numbers", "doubts")),
        sa.Column("answer", sa.String(16), nullable=True),
        sa.Column("answer_about", sa.Text(), nullable=True),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("by_account", sa.String(64), nullable=True),
        sa.Column("answered_at", _INSTANT, nullable=True),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name="fk_sent_identities_case_id_cases"
        ),
        sa.PrimaryKeyConstraint("case_id", name="pk_sent_identities"),
    )
    op.create_index("ix_sent_identities_number", "sent_identities", ["number"])
    op.create_table(
        "patient_changes",
        sa.Column("change_id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name="fk_patient_changes_case_id_cases"
        ),
        sa.PrimaryKeyConstraint("change_id", name="pk_patient_changes"),
    )
    op.create_index("ix_patient_changes_case_id", "patient_changes", ["case_id"])
    append_only.protect("patient_changes", [["change_id"]])
