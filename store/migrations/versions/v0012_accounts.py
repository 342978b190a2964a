"""Accounts, what they are at which site, sessions, links, machines' tokens, refused log-ins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision: str | None = "0011"
branch_labels: str | None = None
depends_on: str | None = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables. There are no accounts yet: the first start prints a link to make one."""
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("login", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("issuer", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("demo", sa.Boolean(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("disabled_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("account_id", name="pk_accounts"),
        sa.UniqueConstraint("login", name="uq_accounts_login"),
        sa.UniqueConstraint("issuer", "subject", name="uq_accounts_issuer"),
    )
    op.create_table(
        "memberships",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "site", "role", name="pk_memberships"),
        _account("memberships"),
    )
    op.create_table(
        "sessions",
        sa.Column("token_sha", sa.String(64), nullable=False),
        sa.Column("session_id", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("active_at", _INSTANT, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("token_sha", name="pk_sessions"),
        sa.UniqueConstraint("session_id", name="uq_sessions_session_id"),
        _account("sessions"),
    )
    op.create_index("ix_sessions_account_id", "sessions", ["account_id"])
    op.create_table(
        "sign_in_links",
        sa.Column("token_sha", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(64), nullable=True),
        sa.Column("made_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("used_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("token_sha", name="pk_sign_in_links"),
        _account("sign_in_links"),
    )
    op.create_table(
        "failed_sign_ins",
        sa.Column("failure_id", sa.Integer(), nullable=False),
        sa.Column("login_key", sa.String(64), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("failure_id", name="pk_failed_sign_ins"),
    )
    op.create_index("ix_failed_sign_ins_login_key", "failed_sign_ins", ["login_key", "at"])
    op.create_index("ix_failed_sign_ins_address", "failed_sign_ins", ["address", "at"])
    op.create_table(
        "known_addresses",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "address", name="pk_known_addresses"),
        _account("known_addresses"),
    )
    op.create_table(
        "machine_tokens",
        sa.Column("token_sha", sa.String(64), nullable=False),
        sa.Column("token_id", sa.String(32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("made_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("revoked_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("token_sha", name="pk_machine_tokens"),
        sa.UniqueConstraint("token_id", name="uq_machine_tokens_token_id"),
    )
    # Whose an image is, is asked whenever one is shown.
    op.create_index("ix_key_images_image_id", "key_images", ["image_id"])


def _account(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_account_id_accounts"
    return sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=name)
