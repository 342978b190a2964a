"""Orders, the messages that they came in, and which studies were made for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision: str | None = "0029"
branch_labels: str | None = None
depends_on: str | None = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables. Studies that came before are matched as orders of theirs come."""
    texts = ("accession", "placer", "filler", "patient", "study_uid", "content")
    op.create_table(
        "orders",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.Column("said_by", sa.Text(), nullable=True),
        sa.Column("said_at", _INSTANT, nullable=True),
        sa.Column("heard_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("order_id", name="pk_orders"),
        sa.UniqueConstraint("site", "name", name="uq_orders_site"),
    )
    for name in ("accession", "filler", "placer", "patient"):
        op.create_index(f"ix_orders_{name}", "orders", ["site", name])
    op.create_index("ix_orders_study_uid", "orders", ["study_uid"])
    op.create_index("ix_orders_state", "orders", ["site", "state", "received_at"])
    op.create_index("ix_orders_changed_at", "orders", ["changed_at"])
    op.create_table(
        "order_messages",
        sa.Column("message_id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("site", "sender", "control_id")),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("mended", sa.Boolean(), nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.Column("repeats", sa.Integer(), nullable=False),
        sa.Column("repeated_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("message_id", name="pk_order_messages"),
        sa.UniqueConstraint(
            "site", "sender", "control_id", "sha256", name="uq_order_messages_site"
        ),
    )
    op.create_index("ix_order_messages_state", "order_messages", ["state", "received_at"])
    op.create_table(
        "order_links",
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("by_account", sa.String(64), nullable=True),
        sa.Column("at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name="fk_order_links_case_id_cases"
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.order_id"], name="fk_order_links_order_id_orders"
        ),
        sa.PrimaryKeyConstraint("case_id", "order_id", name="pk_order_links"),
    )
    op.create_index("ix_order_links_order_id", "order_links", ["order_id"])
    op.create_index("ix_order_links_state", "order_links", ["state"])
    op.create_table(
        "ordered_cases",
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("priority", sa.String(16), nullable=False),
        sa.Column("history", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name="fk_ordered_cases_case_id_cases"
        ),
        sa.PrimaryKeyConstraint("case_id", name="pk_ordered_cases"),
    )
