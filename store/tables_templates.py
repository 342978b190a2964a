"""Tables of report templates and phrases, and of what each site does with them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class ReportTemplateRow(Base):
    """A site's word on one template, from `at` on; append-only, the newest number counts."""

    __tablename__ = "report_templates"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    site: Mapped[str] = mapped_column(String(64), primary_key=True)
    template_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # JSON; null: the one that comes with radraft under this id.
    content: Mapped[str | None]
    enabled: Mapped[bool]
    by: Mapped[str]
    by_account: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]


class TemplateRuleRow(Base):
    """How a site works with templates, from `at` on; append-only, the newest number counts."""

    __tablename__ = "template_rules"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    site: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    open_fields: Mapped[str] = mapped_column(String(16))
    begin_reports: Mapped[bool]
    by: Mapped[str]
    by_account: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]


class PhraseRow(Base):
    """A phrase, from `at` on; append-only, the newest number counts."""

    __tablename__ = "phrases"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    site: Mapped[str] = mapped_column(String(64), primary_key=True)
    # The account whose own it is; empty: the site's.
    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    letters: Mapped[str] = mapped_column(String(16), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # JSON; null: taken away.
    content: Mapped[str | None]
    by: Mapped[str]
    by_account: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]
