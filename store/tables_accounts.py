"""Tables of accounts: who they are, what at which site, where they are signed in, who tried."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class AccountRow(Base):
    """An account. Never deleted: its id stands under what its person signed."""

    __tablename__ = "accounts"
    __table_args__ = (UniqueConstraint("issuer", "subject", name="uq_accounts_issuer"),)

    account_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    login: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str]
    # None: cannot sign in by a password.
    password_hash: Mapped[str | None]
    # Of the OpenID provider that vouches for the person; None: an account of this store alone.
    issuer: Mapped[str | None]
    subject: Mapped[str | None]
    demo: Mapped[bool]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class MembershipRow(Base):
    """What an account is at a site."""

    __tablename__ = "memberships"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    site: Mapped[str] = mapped_column(String(64), primary_key=True)
    role: Mapped[str] = mapped_column(String(16), primary_key=True)


class SessionRow(Base):
    """A browser in which somebody is signed in; gone when he signs out."""

    __tablename__ = "sessions"

    # SHA-256 of the secret in the cookie: the database lets nobody in.
    token_sha: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[str] = mapped_column(String(32), unique=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    started_at: Mapped[datetime]
    active_at: Mapped[datetime]
    address: Mapped[str]


class LinkRow(Base):
    """A link that works once."""

    __tablename__ = "sign_in_links"

    token_sha: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(32))
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.account_id"))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class FailedSignInRow(Base):
    """A refused log-in. Of the log-in name only a keyed hash: people type passwords there."""

    __tablename__ = "failed_sign_ins"
    __table_args__ = (
        Index("ix_failed_sign_ins_login_key", "login_key", "at"),
        Index("ix_failed_sign_ins_address", "address", "at"),
    )

    failure_id: Mapped[int] = mapped_column(primary_key=True)
    login_key: Mapped[str] = mapped_column(String(64))
    address: Mapped[str]
    at: Mapped[datetime]


class KnownAddressRow(Base):
    """An address from which an account has signed in: others' failures do not shut it out there."""

    __tablename__ = "known_addresses"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    address: Mapped[str] = mapped_column(String(64), primary_key=True)
    seen_at: Mapped[datetime]


class MachineTokenRow(Base):
    """A token of another program. Never deleted: the audit names it."""

    __tablename__ = "machine_tokens"

    # SHA-256 of the token: the database lets nobody in.
    token_sha: Mapped[str] = mapped_column(String(64), primary_key=True)
    token_id: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str]
    sites: Mapped[tuple[str, ...]]
    scopes: Mapped[tuple[str, ...]]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
