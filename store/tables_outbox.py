"""Tables of reports on their way out, and of the commitments that PACSs are asked for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class OutboxRow(Base):
    """One version of a report for one receiver in one form: no identity, and no word of it."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint(
            "target", "case_id", "form", "version", "status", "step", name="uq_outbox_target"
        ),
        Index("ix_outbox_state", "state", "target", "due_at"),
        Index("ix_outbox_case_id", "case_id", "target"),
    )

    entry_id: Mapped[int] = mapped_column(primary_key=True)
    target: Mapped[str] = mapped_column(String(64))
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"))
    version: Mapped[int]
    step: Mapped[int]
    status: Mapped[str] = mapped_column(String(16))
    form: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    queued_at: Mapped[datetime]
    # By the database's clock.
    due_at: Mapped[datetime]
    tries: Mapped[int]
    # Since a person sent it last.
    refusals: Mapped[int]
    unclear: Mapped[int]
    # Of the last failure: its code, and the JSON of what fills its sentences.
    code: Mapped[str] = mapped_column(String(64))
    details: Mapped[str]
    ended_at: Mapped[datetime | None]
    # Whoever sends it: a random id of the process, its signs of life counted up, and the seconds
    # without one after which it counts as gone.
    owner: Mapped[str | None] = mapped_column(String(64), index=True)
    beat: Mapped[int]
    term_s: Mapped[float]


class SentInstanceRow(Base):
    """The DICOM object that an entry of a PACS is there, since the PACS said that it has it."""

    __tablename__ = "sent_instances"

    entry_id: Mapped[int] = mapped_column(ForeignKey("outbox.entry_id"), primary_key=True)
    sop_class: Mapped[str] = mapped_column(String(64))
    sop_instance: Mapped[str] = mapped_column(String(64))
    # How often its commitment was asked for since it was sent last.
    asked: Mapped[int]
    # The request that an answer is awaited to.
    transaction_uid: Mapped[str | None] = mapped_column(String(64))


class CommitmentRequestRow(Base):
    """One entry in one request for commitment: a report counts for what stands here alone."""

    __tablename__ = "commitment_requests"
    __table_args__ = (Index("ix_commitment_requests_entry_id", "entry_id"),)

    transaction_uid: Mapped[str] = mapped_column(String(64), primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("outbox.entry_id"), primary_key=True)
    # Which of the entry's requests this is, from 1.
    number: Mapped[int]
    # The AE title that was asked.
    aet: Mapped[str] = mapped_column(String(16))


class CommitmentOfferRow(Base):
    """Whether a receiver offers storage commitment, as it said when it was asked last."""

    __tablename__ = "commitment_offers"

    target: Mapped[str] = mapped_column(String(64), primary_key=True)
    offered: Mapped[bool]
    since: Mapped[datetime]
