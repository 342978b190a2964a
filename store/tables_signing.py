"""Tables of the way to a signature: the steps that people took, and what each site asks of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class ReportStepRow(Base):
    """One step that a person took with a report (`reports.lifecycle.ReportStep`); append-only."""

    __tablename__ = "report_steps"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    move: Mapped[str] = mapped_column(String(16))
    before: Mapped[str] = mapped_column(String(16))
    after: Mapped[str] = mapped_column(String(16))
    by: Mapped[str]
    by_account: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]
    revision: Mapped[int]
    remark: Mapped[str]


class SignatureRuleRow(Base):
    """What a site asks of a signature, from `at` on; append-only, the newest number counts."""

    __tablename__ = "signature_rules"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    site: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    two_signatures: Mapped[bool]
    attending_alone: Mapped[bool]
    emergency_alone: Mapped[bool]
    reauthenticate: Mapped[bool]
    by: Mapped[str]
    by_account: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]
