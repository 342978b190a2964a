"""Tables of retention: what each site keeps, what became of studies' images, which images train."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class RetentionRuleRow(Base):
    """What a site keeps of its images, from `at` on; append-only, the newest number counts."""

    __tablename__ = "retention_rules"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    site: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # As they are written (`reports.retention`), one term each.
    terms: Mapped[tuple[str, ...]]
    by: Mapped[str]
    at: Mapped[datetime]


class RetentionStepRow(Base):
    """What was done with a study's images by its site's rule; append-only."""

    __tablename__ = "retention_steps"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # `store.retention.RetentionStep`.
    step: Mapped[str] = mapped_column(String(16))
    # Number of the site's rule that asked for it.
    rule: Mapped[int]
    objects: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)
    by: Mapped[str]
    at: Mapped[datetime]


class PairImageRow(Base):
    """An image that a training pair was made with: it is kept for as long as the pair is."""

    __tablename__ = "pair_images"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read once by SQLAlchemy

    image_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    pair_id: Mapped[str] = mapped_column(ForeignKey("training_pairs.pair_id"), primary_key=True)
