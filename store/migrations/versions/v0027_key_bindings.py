"""Which keys people have changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision: str | None = "0026"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create the table. Everybody has the keys that come with the page."""
    op.create_table(
        "key_bindings",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("bindings", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_key_bindings"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name="fk_key_bindings_account_id_accounts"
        ),
    )
