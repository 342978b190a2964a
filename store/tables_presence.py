"""Table of pages that have a study open."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class OpenPageRow(Base):
    """One page of a browser that has a study open (`reports.presence.OpenPage`). It goes with its
    session; of a page that gives no sign of life any more it is of no use."""

    __tablename__ = "open_pages"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    session_id: Mapped[str] = mapped_column(
        ForeignKey("sessions.session_id", ondelete="CASCADE"), primary_key=True
    )
    page: Mapped[str] = mapped_column(String(32), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"))
    opened_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    taken_at: Mapped[datetime | None]
    writing: Mapped[bool]
