"""Tables of reading for other sites: each site's rules, and who reads which study."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class ReadingRulesRow(Base):
    """The rules of a site (`reports.reading_rule`), from `at` on; append-only, the newest number
    counts. `rules` is their canonical JSON."""

    __tablename__ = "reading_rules"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    site: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rules: Mapped[str]
    by: Mapped[str]
    by_account: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]


class ReadingAssignmentRow(Base):
    """Whose readers a study is for, from `at` on; append-only, the newest number counts.

    `reading_site` is empty where it came back to its own site.
    """

    __tablename__ = "reading_assignments"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reading_site: Mapped[str]
    # Number of the site's rules by which it was decided, and which of them, from 1; 0: none.
    rules_number: Mapped[int]
    rule: Mapped[int]
    at: Mapped[datetime]
