"""Tables of critical values: alerts, what was done about them, and drafts that state one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class AlertRow(Base):
    """An alert as it stands; how it came to be is in its events."""

    __tablename__ = "alerts"
    __table_args__ = (UniqueConstraint("case_id", "finding", "side", name="uq_alerts_case_id"),)

    alert_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"))
    site: Mapped[str]
    finding: Mapped[str] = mapped_column(String(64))
    # Empty where none is named: a NULL would be another each time.
    side: Mapped[str] = mapped_column(String(16))
    certainty: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), index=True)
    in_report: Mapped[bool]
    revision: Mapped[int]
    sequence: Mapped[int]
    leg: Mapped[int]
    level: Mapped[int]
    opened_at: Mapped[datetime] = mapped_column(index=True)
    deadline_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    finder: Mapped[str]
    finder_account: Mapped[str | None] = mapped_column(String(64))
    # JSON of the site's terms when it was opened.
    terms: Mapped[str]


class AlertEventRow(Base):
    """One move of an alert; append-only."""

    __tablename__ = "alert_events"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    alert_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("alerts.alert_id"), primary_key=True
    )
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    move: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str]
    actor_account: Mapped[str | None] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(16))
    site: Mapped[str]
    at: Mapped[datetime]
    text: Mapped[str]
    recipient: Mapped[str]
    channel: Mapped[str | None] = mapped_column(String(16))
    level: Mapped[int]


class CriticalDraftRow(Base):
    """A case whose newest draft states critical findings that no person has seen to yet."""

    __tablename__ = "critical_drafts"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    findings: Mapped[tuple[str, ...]]
    marked_at: Mapped[datetime]
