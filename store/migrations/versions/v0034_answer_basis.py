"""What a question asked for, what its answer did with it, and by ids what the answer rests on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision: str | None = "0033"
branch_labels: str | None = None
depends_on: str | None = None

COLUMNS = {"kind": sa.String(32), "outcome": sa.String(32), "polarity": sa.String(16)}


def upgrade() -> None:
    """Add the columns. Of turns from before it is left open: what was answered is kept as text."""
    for name, type_ in COLUMNS.items():
        op.add_column("turns", sa.Column(name, type_, nullable=True))
    op.add_column("turns", sa.Column("sources", sa.Text(), nullable=True))
