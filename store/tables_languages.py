"""Tables of a report's languages: what was offered to it by machines."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class OfferedTextRow(Base):
    """A text that radraft offered to a report (`reports.offered.OfferedText`)."""

    __tablename__ = "offered_texts"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    # Hash of everything below but `at`: the same offer again is the same row.
    offer_key: Mapped[str] = mapped_column(String(64), primary_key=True)
    sentence_id: Mapped[str | None] = mapped_column(String(64))
    lang: Mapped[str] = mapped_column(String(8))
    text: Mapped[str]
    origin: Mapped[str] = mapped_column(String(16))
    source: Mapped[str] = mapped_column(String(128))
    # Both of a template's line only.
    template_id: Mapped[str | None]
    template_path: Mapped[str | None]
    at: Mapped[datetime]
