"""Who writes a report, the steps it took to its signature, and what each site asks of that."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from radraft.store.migrations import append_only

revision = "0014"
down_revision: str | None = "0013"
branch_labels: str | None = None
depends_on: str | None = None

_INSTANT = sa.DateTime(timezone=True)
COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "author": sa.Text(),
    "author_account": sa.String(64),
    "submitted_at": _INSTANT,
    "amendment": sa.String(16),
    "amendment_reason": sa.Text(),
}
"""Of `reports`, beside the number of its newest step."""


def upgrade() -> None:
    """Add the columns and create the tables.

    Of a report that was being written, whoever saved last is the author. Nothing says why an
    amendment that is open was begun; its reason stays empty.
    """
    for name, kind in COLUMNS.items():
        op.add_column("reports", sa.Column(name, kind, nullable=True))
    op.add_column("reports", sa.Column("steps", sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE reports SET author = editor, author_account = editor_account "
        "WHERE state IN ('in_review', 'amended')"
    )
    op.execute(
        "UPDATE reports SET amendment = 'amendment', amendment_reason = '' WHERE state = 'amended'"
    )
    op.execute("UPDATE reports SET state = 'writing' WHERE state = 'in_review'")
    op.create_table(
        "report_steps",
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("move", sa.String(16), nullable=False),
        sa.Column("before", sa.String(16), nullable=False),
        sa.Column("after", sa.String(16), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("by_account", sa.String(64), nullable=True),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("remark", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "number", name="pk_report_steps"),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name="fk_report_steps_case_id_cases"
        ),
        sqlite_with_rowid=False,
    )
    append_only.protect("report_steps", (("case_id", "number"),))
    op.create_table(
        "signature_rules",
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("two_signatures", sa.Boolean(), nullable=False),
        sa.Column("attending_alone", sa.Boolean(), nullable=False),
        sa.Column("emergency_alone", sa.Boolean(), nullable=False),
        sa.Column("reauthenticate", sa.Boolean(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("by_account", sa.String(64), nullable=True),
        sa.Column("at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("site", "number", name="pk_signature_rules"),
        sqlite_with_rowid=False,
    )
    append_only.protect("signature_rules", (("site", "number"),))
