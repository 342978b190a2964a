"""Table of drafted sentences that readers took out, and why."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class RejectionRow(Base):
    """A reader said why he took a drafted sentence out; append-only, the newest counts."""

    __tablename__ = "rejections"

    rejection_id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    sentence_id: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(16))
    by: Mapped[str]
    by_account: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]
