"""Tables of work on many old studies, and of what an encoder's heads made of a study."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class BackfillRow(Base):
    """One piece of work on many studies."""

    __tablename__ = "backfills"

    number: Mapped[int] = mapped_column(primary_key=True)
    # `store.backfills.Work`.
    work: Mapped[str] = mapped_column(String(16))
    # JSON of `Selection`: sites, days and columns of `cases`; of no patient.
    selection: Mapped[str]
    # Hash of work and selection while it is unfinished: the same is asked for once.
    open_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    # `BackfillState`.
    state: Mapped[str] = mapped_column(String(16))
    rate_per_minute: Mapped[float]
    most_tries: Mapped[int]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    # Studies up to this case id are listed; all of them once `listed`.
    listed_to: Mapped[str] = mapped_column(String(64))
    listed: Mapped[bool]
    # From when the next study may be taken, by the rate; None before the first.
    next_at: Mapped[datetime | None]


class BackfillItemRow(Base):
    """One study of a backfill."""

    __tablename__ = "backfill_items"
    __table_args__ = (
        Index("ix_backfill_items_state", "number", "state", "ready_at", "case_id"),
        Index("ix_backfill_items_settled_at", "number", "settled_at"),
        Index("ix_backfill_items_owner", "owner"),
    )

    number: Mapped[int] = mapped_column(ForeignKey("backfills.number"), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    # `ItemState`.
    state: Mapped[str] = mapped_column(String(16))
    tries: Mapped[int]
    # Of the last failure, or why nothing was to be done.
    code: Mapped[str | None] = mapped_column(String(64))
    # Who works on it: a `backfill_workers.owner`.
    owner: Mapped[str | None] = mapped_column(String(64))
    # From when it may be taken.
    ready_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class BackfillWorkerRow(Base):
    """One process that works on a backfill; the lease on all that it has taken."""

    __tablename__ = "backfill_workers"

    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(ForeignKey("backfills.number"), index=True)
    # For people.
    host: Mapped[str]
    began_at: Mapped[datetime]
    beat: Mapped[int]
    # Seconds without a beat after which it counts as gone.
    term_s: Mapped[float]
    # `store.backfills.Doing`.
    doing: Mapped[str] = mapped_column(String(16))


class FindingScoresRow(Base):
    """What an encoder's finding heads make of a study's key images."""

    __tablename__ = "finding_scores"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    encoder_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    # JSON: finding code -> the highest score among the images.
    scores: Mapped[str]
    # Images that were looked at, in order.
    image_ids: Mapped[tuple[str, ...]]
    read_at: Mapped[datetime]
