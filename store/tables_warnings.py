"""Tables of the proofreader's warnings: which a report had, and what readers said of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class FoundWarningRow(Base):
    """A warning that a report had when it was saved or signed (`reports.dismissal.warning_key`)."""

    __tablename__ = "found_warnings"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    warning_key: Mapped[str] = mapped_column(String(64), primary_key=True)
    code: Mapped[str]
    found_at: Mapped[datetime]
    # When a save no longer had it; None while it stands.
    gone_at: Mapped[datetime | None]
    # Of the newest dismissal that holds; None where there is none.
    reason: Mapped[str | None] = mapped_column(String(16))


class DismissalRow(Base):
    """A reader dismissed a warning, or took that back; append-only."""

    __tablename__ = "dismissals"

    dismissal_id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    warning_key: Mapped[str] = mapped_column(String(64))
    code: Mapped[str]
    # JSON: [zh, en] of each sentence that it was about.
    texts: Mapped[str]
    move: Mapped[str] = mapped_column(String(16))
    # Both of a dismissal only.
    reason: Mapped[str | None] = mapped_column(String(16))
    own_words: Mapped[str]
    by: Mapped[str]
    by_account: Mapped[str | None] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(16))
    site: Mapped[str]
    at: Mapped[datetime]
