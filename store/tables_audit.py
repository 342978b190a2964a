"""Tables of the audit: its events, each sealed with those before it, and where they end."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class AuditRow(Base):
    """One event; append-only. Names of accounts and cases are kept as they were then: no key leads
    from here to rows that may go."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_at", "at"),
        Index("ix_audit_events_case_id", "case_id", "sequence"),
        Index("ix_audit_events_account_id", "account_id", "sequence"),
        Index("ix_audit_events_site", "site", "sequence"),
        Index("ix_audit_events_kind", "kind", "sequence"),
    )

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(32))
    outcome: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime]
    account_id: Mapped[str | None] = mapped_column(String(64))
    name: Mapped[str]
    address: Mapped[str]
    site: Mapped[str]
    case_id: Mapped[str | None] = mapped_column(String(64))
    code: Mapped[str] = mapped_column(String(64))
    # JSON object of strings.
    details: Mapped[str]
    head: Mapped[str] = mapped_column(String(64))


class AuditHeadRow(Base):
    """One row: where the audit ends. Who adds an event holds it, so that events wait for each
    other."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[int]
    head: Mapped[str] = mapped_column(String(64))
    # Made with the site's key of all the others: the end cannot be set back to a head that a row
    # still shows, and nobody can say that events were sent which were not.
    seal: Mapped[str] = mapped_column(String(64))
    # Up to where events were handed to the log server.
    sent: Mapped[int]
