"""Tables of past reports that were written elsewhere."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class ArchivedReportRow(Base):
    """Identity: one report or addendum of another system, word for word; append-only."""

    __tablename__ = "archived_reports"
    __table_args__ = (
        # A study's record is taken once; another site may have been sent the same.
        UniqueConstraint("case_id", "record_id", name="uq_archived_reports_case_id"),
        Index("ix_archived_reports_record_id", "record_id"),
        {"sqlite_with_rowid": False},
    )

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    # In the order in which they were taken, from 1.
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # `PastReport.record_id`.
    record_id: Mapped[str] = mapped_column(String(64))
    # `reports.archive.values.KeptAs`.
    kept: Mapped[str] = mapped_column(String(16))
    findings: Mapped[str]
    impression: Mapped[str]
    author: Mapped[str]
    reviewer: Mapped[str]
    # ISO 8601 by the other system's clock, which has no zone.
    reported_at: Mapped[str | None]
    # Where it stood: a file's name, and a row's or message's number in it.
    place: Mapped[str]
    taken_at: Mapped[datetime]


class ArchivedTextRow(Base):
    """The same without identity, to learn from; append-only."""

    __tablename__ = "archived_texts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["case_id", "number"], ["archived_reports.case_id", "archived_reports.number"]
        ),
        {"sqlite_with_rowid": False},
    )

    case_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kept: Mapped[str] = mapped_column(String(16))
    lang: Mapped[str] = mapped_column(String(8))
    findings: Mapped[str]
    impression: Mapped[str]


class ArchiveRejectRow(Base):
    """Identity: a record that was not taken, why, and when that was last found."""

    __tablename__ = "archive_rejects"
    __table_args__ = (Index("ix_archive_rejects_site_reason", "site", "reason"),)

    site: Mapped[str] = mapped_column(String(64), primary_key=True)
    record_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    reason: Mapped[str] = mapped_column(String(32))
    place: Mapped[str]
    accession: Mapped[str]
    study_uid: Mapped[str]
    rejected_at: Mapped[datetime]
