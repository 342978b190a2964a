"""Tables of reports' languages: sites' rules, what machines offered, sentences known in both."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
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


class LanguageRuleRow(Base):
    """In which languages a site reports, from `at` on; append-only, the newest number counts."""

    __tablename__ = "language_rules"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    site: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # Codes in the order of `LANGS`, joined by commas.
    languages: Mapped[str] = mapped_column(String(16))
    missing_side: Mapped[str] = mapped_column(String(16))
    by: Mapped[str]
    by_account: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]


class ReaderLanguageRow(Base):
    """The language that a person writes, where a site reports in both."""

    __tablename__ = "reader_languages"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    lang: Mapped[str] = mapped_column(String(8))


class SentencePairRow(Base):
    """A sentence that people signed in both languages; of a case, those of its newest version."""

    __tablename__ = "sentence_pairs"
    __table_args__ = (
        Index("ix_sentence_pairs_zh", "site", "zh_key", "pair_id"),
        Index("ix_sentence_pairs_en", "site", "en_key", "pair_id"),
    )

    pair_id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    site: Mapped[str]
    # Hashes of the normalised texts.
    zh_key: Mapped[str] = mapped_column(String(32))
    en_key: Mapped[str] = mapped_column(String(32))
    zh: Mapped[str]
    en: Mapped[str]
