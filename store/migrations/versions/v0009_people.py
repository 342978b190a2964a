"""Accounts beside the names of those who edit, open, ask and choose.

Nothing that was written before changes: a name without an account is a typed name.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None

COLUMNS = {
    "reports": "editor_account",
    "report_revisions": "editor_account",
    "openings": "reader_account",
    "turns": "asked_by_account",
    "key_image_choices": "by_account",
}


def upgrade() -> None:
    """Add the columns, empty."""
    for table, column in COLUMNS.items():
        op.add_column(table, sa.Column(column, sa.String(64), nullable=True))
